"""A transformer's tokenizer and blocks in memory."""

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from jaxtyping import Float, Int64
from tokenizers import Tokenizer
from torch import Tensor, nn

from graphtune.encoder.fused import FusedBert
from graphtune.encoder.pruned import BlockShape, fill, read_shapes, reshape
from graphtune.encoder.quiet import quiet_transformers, serial_tokenizer
from graphtune.encoder.streams import side_by_side
from graphtune.errors import EncoderError

# No tokenizer in use needs more characters for a token on running text: what lies behind is never read.
_CHARACTERS_PER_TOKEN = 100
_TEXTS_AT_ONCE = 128  # that a thread tokenises
_settling = Lock()  # of a tokenizer that threads share


@dataclass(frozen=True, eq=False)
class LoadedTransformer:
    """Weights that are never changed, on the device they run on."""

    tokenizer: Any  # a transformers tokenizer; that library's types are not complete
    model: nn.Module
    device: torch.device
    most_tokens: int  # the tokenizer's own limit
    padding: int  # id of the padding token
    fused: FusedBert | None  # the same weights, where they can be computed with faster

    @classmethod
    def load(cls, directory: Path, device: torch.device, number_format: torch.dtype) -> "LoadedTransformer":
        """Load from a complete directory; nothing is fetched and no code in the directory is run.

        Raises:
            EncoderError: transformers cannot make a text encoder of these files.
        """
        from transformers import AutoTokenizer

        with _explained(directory):
            tokenizer = AutoTokenizer.from_pretrained(directory, local_files_only=True, use_fast=True)
        return cls.of(tokenizer, load_model(directory, number_format), device, number_format)

    @classmethod
    def of(
        cls, tokenizer: Any, model: nn.Module, device: torch.device, number_format: torch.dtype
    ) -> "LoadedTransformer":
        """Return weights as they are, and their tokenizer, ready to encode; ``model`` is changed in place."""
        model.requires_grad_(False).eval().to(device, number_format)
        padding = tokenizer.pad_token_id or 0
        return cls(tokenizer, model, device, tokenizer.model_max_length, padding, FusedBert.of(model))

    def tokens(self, texts: list[str], most: int) -> list[list[int]]:
        """Return the token ids of every text, cut to ``most``; lone surrogates are read as "?"."""
        limit = min(most, self.most_tokens)
        backend = getattr(self.tokenizer, "backend_tokenizer", None)
        if backend is not None:
            with _settling:
                _settle(self.tokenizer, backend, limit)
            return fast_tokens(backend, texts, limit)
        with serial_tokenizer():
            return list(
                chain.from_iterable(map(partial(_tokens, self.tokenizer, limit=limit), _parts(texts)))
            )

    def states(
        self, tokens: list[list[int]], length: int, blocks: Sequence[int]
    ) -> tuple[dict[int, Float[Tensor, "B L F"]], Int64[Tensor, "B L"]]:
        """Return the outputs of the chosen blocks for one batch padded to ``length``, and its mask."""
        ids, mask = self._padded(tokens, length)
        with torch.inference_mode():
            if self.fused is not None:
                wanted = set(blocks)
                # What lies above the last block that is asked for is not computed.
                found = zip(range(max(wanted) + 1), self.fused.states(ids, mask.bool()), strict=False)
                return {block: states for block, states in found if block in wanted}, mask
            every = any(block != self.depth for block in blocks)
            output = self.model(input_ids=ids, attention_mask=mask, output_hidden_states=every)
        last: Tensor = output.last_hidden_state  # the last block's, with a norm behind it where there is one
        return {block: last if block == self.depth else output.hidden_states[block] for block in blocks}, mask

    def climbing(
        self, tokens: list[list[int]], length: int
    ) -> tuple[Iterator[Float[Tensor, "B L F"]], Int64[Tensor, "B L"]]:
        """Return what the embedding and then every block puts out for one batch, and its mask.

        A block is worked out when it is asked for, where the architecture is run block by block; else all of
        them are with the first.
        """
        ids, mask = self._padded(tokens, length)

        def blocks() -> Iterator[Tensor]:
            if self.fused is not None:
                yield from self.fused.states(ids, mask.bool())
            else:
                yield from self.model(
                    input_ids=ids, attention_mask=mask, output_hidden_states=True
                ).hidden_states

        return blocks(), mask

    def _padded(
        self, tokens: list[list[int]], length: int
    ) -> tuple[Int64[Tensor, "B L"], Int64[Tensor, "B L"]]:
        ids = torch.full((len(tokens), length), self.padding, dtype=torch.int64)
        mask = torch.zeros_like(ids)
        for row, text in enumerate(tokens):
            ids[row, : len(text)] = torch.tensor(text, dtype=torch.int64)
            mask[row, : len(text)] = 1
        return ids.to(self.device), mask.to(self.device)

    @property
    def depth(self) -> int:
        """Number of blocks."""
        return self.model.config.num_hidden_layers  # type: ignore[union-attr, return-value]


def fast_tokens(backend: Tokenizer, texts: list[str], limit: int) -> list[list[int]]:
    """Return the token ids of every text, by a tokenizer that is set to cut texts to ``limit`` tokens."""
    parts = _parts(texts)
    # A few texts are read before threads have begun.
    streams = min(torch.get_num_threads(), len(parts))
    with serial_tokenizer():
        found = side_by_side(partial(_fast_tokens, backend, limit=limit), parts, streams)
        return list(chain.from_iterable(found))


def _parts(texts: list[str]) -> list[list[str]]:
    return [texts[start : start + _TEXTS_AT_ONCE] for start in range(0, len(texts), _TEXTS_AT_ONCE)]


def readable(texts: Sequence[str], tokens: int) -> list[str]:
    """Return what a tokenizer takes of texts of which so many tokens are wanted: lone surrogates are "?"."""
    most = tokens * _CHARACTERS_PER_TOKEN
    return [text[:most].encode("utf-8", "replace").decode("utf-8") for text in texts]


def _settle(tokenizer: Any, backend: Tokenizer, limit: int) -> None:
    """Set what transformers would set; only where it must be changed, since others may be reading with it."""
    cut = {"max_length": limit, "stride": 0, "strategy": "longest_first"}
    cut["direction"] = tokenizer.truncation_side
    now: dict[str, Any] = backend.truncation or {}
    if any(now.get(name) != value for name, value in cut.items()):
        backend.enable_truncation(**cut)
    if backend.padding is not None:
        backend.no_padding()
    whole = bool(getattr(tokenizer, "split_special_tokens", False))
    if backend.encode_special_tokens != whole:
        backend.encode_special_tokens = whole


def _tokens(tokenizer: Any, texts: list[str], limit: int) -> list[list[int]]:
    asked = {"padding": False, "return_attention_mask": False, "return_token_type_ids": False}
    return tokenizer(readable(texts, limit), truncation=True, max_length=limit, **asked)["input_ids"]


def _fast_tokens(backend: Tokenizer, texts: list[str], limit: int) -> list[list[int]]:
    return [found.ids for found in backend.encode_batch_fast(readable(texts, limit))]


def load_model(directory: Path, number_format: torch.dtype) -> nn.Module:
    """Load the weights of a complete directory; nothing is fetched and no code in the directory is run.

    Where `encoder.pruned` has left its file there, the blocks have the shapes that it tells.

    Raises:
        EncoderError: transformers cannot make a text encoder of these files.
    """
    from transformers import AutoConfig

    with _explained(directory):
        config = AutoConfig.from_pretrained(directory, local_files_only=True)
        shapes = read_shapes(directory)
        if shapes is not None:
            return _pruned(directory, config, number_format, shapes)
        return _model(directory, config, number_format)


@contextmanager
def _explained(directory: Path) -> Iterator[None]:
    try:
        with quiet_transformers():
            yield
    except EncoderError:
        raise
    except Exception as error:  # transformers lets errors of many libraries through
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise EncoderError(
            f"{directory} cannot be loaded as an encoder: {reason[0]}",
            fix="check that its files belong together and are whole, or use another encoder.",
        ) from error


def _pruned(
    directory: Path, config: Any, number_format: torch.dtype, shapes: Sequence[BlockShape]
) -> nn.Module:
    from safetensors.torch import load_file

    # transformers draws what does not fit its shapes, and nothing of that is kept.
    with torch.random.fork_rng(devices=[]):
        model = _model(directory, config, number_format, ignore_mismatched_sizes=True)
    reshape(model, shapes, directory)
    files = sorted(directory.glob("model*.safetensors"))
    fill(model, {name: rows for file in files for name, rows in load_file(file).items()}, directory)
    return model


def _model(
    directory: Path, config: Any, number_format: torch.dtype, *, ignore_mismatched_sizes: bool = False
) -> nn.Module:
    from transformers import MODEL_MAPPING, AutoModel

    if config.is_encoder_decoder:
        raise EncoderError(
            f"{directory} is a {config.model_type} model, which writes texts rather than encodes them.",
            fix="use an encoder such as BERT, RoBERTa or MiniLM.",
        )
    kind = MODEL_MAPPING[type(config)]
    settings: dict[str, Any] = {"dtype": number_format, "local_files_only": True, "use_safetensors": True}
    settings["ignore_mismatched_sizes"] = ignore_mismatched_sizes
    if "add_pooling_layer" in inspect.signature(kind.__init__).parameters:
        settings["add_pooling_layer"] = False
    try:
        return AutoModel.from_pretrained(directory, attn_implementation="sdpa", **settings)
    except ValueError:  # an architecture without that kernel
        return AutoModel.from_pretrained(directory, **settings)
