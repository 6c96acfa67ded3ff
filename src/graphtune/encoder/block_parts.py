"""Where the heads and the feed-forward units of a transformer's blocks are.

Source: Vaswani et al., NeurIPS 2017, arXiv:1706.03762, section 3, as transformers names the parts of BERT,
RoBERTa, XLM-R, CamemBERT, ELECTRA, MPNet and DistilBERT.
"""

from dataclasses import dataclass
from typing import Any

from torch import nn

from graphtune.errors import EncoderError


@dataclass(frozen=True)
class _Names:
    blocks: str  # the list of blocks, below the model; the rest below a block
    attention: str
    query: str
    key: str
    value: str
    joined: str
    inner: str
    outer: str
    heads: str  # attribute of the attention with their number
    units: str  # of the configuration


_BERT = _Names(
    "encoder.layer",
    "attention.self",
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "intermediate.dense",
    "output.dense",
    "num_attention_heads",
    "intermediate_size",
)
_MPNET = _Names(
    "encoder.layer",
    "attention.attn",
    "attention.attn.q",
    "attention.attn.k",
    "attention.attn.v",
    "attention.attn.o",
    "intermediate.dense",
    "output.dense",
    "num_attention_heads",
    "intermediate_size",
)
_DISTIL_BERT = _Names(
    "transformer.layer",
    "attention",
    "attention.q_lin",
    "attention.k_lin",
    "attention.v_lin",
    "attention.out_lin",
    "ffn.lin1",
    "ffn.lin2",
    "n_heads",
    "hidden_dim",
)
_KINDS = {
    **dict.fromkeys(("bert", "roberta", "xlm-roberta", "camembert", "electra"), _BERT),
    "mpnet": _MPNET,
    "distilbert": _DISTIL_BERT,
}


@dataclass(frozen=True, eq=False)
class BlockParts:
    """The linear maps of one block, by what they do."""

    attention: nn.Module  # which the first three belong to
    query: nn.Linear
    key: nn.Linear
    value: nn.Linear
    joined: nn.Linear  # from all heads' values
    inner: nn.Linear  # to the feed-forward units
    outer: nn.Linear  # from them
    head_width: int  # numbers of a head
    counted: str  # the attention's attribute with the number of heads

    @property
    def heads(self) -> int:
        """How many there are."""
        return self.query.out_features // self.head_width

    @property
    def units(self) -> int:
        """How many there are between the two feed-forward maps."""
        return self.inner.out_features

    @property
    def kept(self) -> tuple[int, ...]:
        """The numbers of the heads, as the block counted them before any was cut out."""
        return getattr(self.attention, "kept_heads", tuple(range(self.heads)))


def parts_of(model: nn.Module) -> tuple[BlockParts, ...]:
    """Return the parts of every block, from the lowest up.

    Raises:
        EncoderError: an architecture whose parts are not known, or a decoder.
    """
    names = _names(model)
    config: Any = model.config
    width = int(config.hidden_size) // int(config.num_attention_heads)
    found: list[BlockParts] = []
    for block in model.get_submodule(names.blocks).children():
        at: Any = block.get_submodule  # what is there is known by the names
        three = at(names.query), at(names.key), at(names.value)
        behind = at(names.joined), at(names.inner), at(names.outer)
        found.append(BlockParts(at(names.attention), *three, *behind, width, names.heads))
    return tuple(found)


def blocks_path(model: nn.Module) -> str:
    """Return the name of the list of blocks.

    Raises:
        EncoderError: as for `parts_of`.
    """
    return _names(model).blocks


def units_setting(model: nn.Module) -> str:
    """Return what the configuration calls the number of feed-forward units.

    Raises:
        EncoderError: as for `parts_of`.
    """
    return _names(model).units


def _names(model: nn.Module) -> _Names:
    config: Any = model.config
    names = _KINDS.get(config.model_type)
    if names is None or getattr(config, "is_decoder", False):
        kind = "decoder" if names else "model"
        raise EncoderError(
            f"The heads and units of a {config.model_type} {kind} are not known, so none can be cut out.",
            fix=f"use an encoder of one of these kinds: {', '.join(sorted(_KINDS))}.",
        )
    return names
