"""BERT's blocks with fewer passes over memory than transformers' own.

Source: Devlin et al., NAACL 2019, arXiv:1810.04805, as transformers computes it.
Differs from that: queries, keys and values are one product; on a CPU, bias, activation and residual sum are
added within the product (oneDNN's fused operations, which torch's own compiler uses too); a batch without
padding has no mask. Values are the same up to rounding.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn.functional import embedding, gelu, layer_norm, linear, scaled_dot_product_attention


@dataclass(frozen=True, eq=False)
class _Block:
    attention: tuple[Tensor, Tensor]  # weights and biases of queries, keys and values, one below the other
    joined: tuple[Tensor, Tensor]
    first_norm: nn.LayerNorm
    inner: tuple[Tensor, Tensor]
    outer: tuple[Tensor, Tensor]
    second_norm: nn.LayerNorm


@dataclass(frozen=True, eq=False)
class FusedBert:
    """The weights of a BERT encoder, arranged for inference."""

    words: Float[Tensor, "V F"]
    places: Float[Tensor, "P F"]  # position embeddings with that of the first text type
    norm: nn.LayerNorm
    blocks: tuple[_Block, ...]
    head: int  # numbers of a head; blocks that were pruned have fewer heads than others
    one_dnn: bool

    @classmethod
    def of(cls, model: nn.Module) -> "FusedBert | None":
        """Arrange ``model``; None if it is no plain BERT encoder."""
        from transformers import BertModel

        if type(model) is not BertModel:
            return None
        plain: Any = model  # transformers' types are not complete
        settings, embeddings = plain.config, plain.embeddings
        kind = getattr(settings, "position_embedding_type", "absolute")
        if settings.hidden_act != "gelu" or kind != "absolute" or settings.is_decoder:
            return None
        first_type = embeddings.token_type_embeddings.weight[0]
        return cls(
            embeddings.word_embeddings.weight,
            embeddings.position_embeddings.weight + first_type,
            embeddings.LayerNorm,
            tuple(_block(layer) for layer in plain.encoder.layer),
            settings.hidden_size // settings.num_attention_heads,
            _fuses(embeddings.word_embeddings.weight),
        )

    def states(
        self, ids: Int64[Tensor, "B L"], mask: Bool[Tensor, "B L"]
    ) -> Iterator[Float[Tensor, "B L F"]]:
        """Yield the embedding's output, then that of every block."""
        seen = None if bool(mask.all()) else mask[:, None, None, :]
        x = _normed(self.norm, embedding(ids, self.words) + self.places[: ids.shape[1]])
        yield x
        for block in self.blocks:
            x = _normed(block.first_norm, self._plus(x, self._attended(x, block, seen), *block.joined))
            x = _normed(block.second_norm, self._plus(x, self._activated(x, *block.inner), *block.outer))
            yield x

    def _attended(self, x: Tensor, block: _Block, seen: Tensor | None) -> Tensor:
        batch, length, _ = x.shape
        parts = linear(x, *block.attention).view(batch, length, 3, -1, self.head)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        found = scaled_dot_product_attention(query, key, value, attn_mask=seen)
        return found.transpose(1, 2).reshape(batch, length, -1)

    def _activated(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        if self.one_dnn:
            return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "gelu", [], "none")
        return gelu(linear(x, weight, bias))

    def _plus(self, before: Tensor, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        if self.one_dnn:
            return torch.ops.mkldnn._linear_pointwise.binary(x, before, weight, bias, "add")
        return before + linear(x, weight, bias)


def _fuses(weight: Tensor) -> bool:
    if weight.device.type != "cpu":
        return False
    # Not part of torch's stable interface, and not in every build: a product of two numbers tells.
    one = weight.new_ones(1, 1)
    try:
        torch.ops.mkldnn._linear_pointwise(one, one, None, "gelu", [], "none")
        torch.ops.mkldnn._linear_pointwise.binary(one, one, one, None, "add")
    except (AttributeError, NotImplementedError, RuntimeError):
        return False
    return True


def _block(layer: Any) -> _Block:
    own, after = layer.attention.self, layer.attention.output
    three = (own.query, own.key, own.value)
    return _Block(
        (torch.cat([one.weight for one in three]), torch.cat([one.bias for one in three])),
        (after.dense.weight, after.dense.bias),
        after.LayerNorm,
        (layer.intermediate.dense.weight, layer.intermediate.dense.bias),
        (layer.output.dense.weight, layer.output.dense.bias),
        layer.output.LayerNorm,
    )


def _normed(norm: nn.LayerNorm, x: Tensor) -> Tensor:
    return layer_norm(x, norm.normalized_shape, norm.weight, norm.bias, norm.eps)
