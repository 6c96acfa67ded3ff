"""A pretrained transformer as it is: every text becomes the pooled output of one of its blocks.

Source: Reimers & Gurevych, EMNLP 2019, arXiv:1908.10084 (the default weights, MiniLM-L6, were trained so).
Differs from the paper: computed in bfloat16 where the processor has it.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from graphtune.encoder.buckets import buckets
from graphtune.encoder.directory import MINILM, content_files, digest, json_file, located
from graphtune.encoder.loading import LoadedTransformer
from graphtune.encoder.pooling import pooled, pooling_of
from graphtune.encoder.precision import Precision, chosen_device, chosen_format
from graphtune.encoder.read import read_blocks
from graphtune.encoder.streams import side_by_side
from graphtune.errors import EncoderError
from graphtune.progress import bar

TOKENS_AT_ONCE = 8192  # in all batches that are computed at the same time
_TOKENS_FOR_STREAMS = 2048  # fewer are one batch, or nearly


@dataclass(frozen=True)
class Transformer:
    """A frozen transformer with its pooling; rows have L2 norm 1.

    A text's row is the same in whatever batch it is encoded, up to rounding (see `buckets`).
    """

    name: str = MINILM  # "minilm", a Hugging Face directory, or a hub id
    pooling: Literal["mean", "cls"] | None = None  # None: as the directory says, else mean
    max_tokens: int = 256  # what lies behind is not read
    precision: Precision = "auto"  # bfloat16 where the hardware has it, else float32
    device: str = "auto"  # a GPU where there is one

    def __post_init__(self) -> None:
        if self.max_tokens < 4:
            raise EncoderError(
                f"encoder.max_tokens = {self.max_tokens} leaves no room for words.", fix="use 16 to 512."
            )

    def fit(self, texts: Sequence[str]) -> "Transformer":
        """Return itself: there is nothing to learn."""
        return self

    def describe(self) -> dict[str, Any]:
        """Return ``kind`` and every field, as a plan writes them."""
        return {"kind": "Transformer", **asdict(self)}

    @property
    def directory(self) -> Path:
        """Where its files are, checked to be complete.

        Raises:
            EncoderError: it is not there, incomplete or altered, or the hub cannot be reached.
        """
        return located(self.name)

    @property
    def loaded(self) -> LoadedTransformer:
        """Its tokenizer and weights in memory; of one transformer at a time they are kept there.

        Raises:
            EncoderError: it is not there, incomplete or altered.
        """
        return _loaded(self, self.fingerprint)

    @property
    def width(self) -> int:
        """Number of features."""
        return _number(self.directory, "hidden_size", "dim", "d_model", "n_embd")

    @property
    def parameters(self) -> int:
        """How many weights it has.

        Raises:
            EncoderError: it is not there, incomplete or altered.
        """
        return sum(weights.numel() for weights in self.loaded.model.parameters())

    @property
    def depth(self) -> int:
        """Number of blocks."""
        return _number(self.directory, "num_hidden_layers", "n_layers", "num_layers", "n_layer")

    @property
    def number_format(self) -> str:
        """What the blocks are computed in: ``float32`` or ``bfloat16``."""
        return str(chosen_format(self.precision, chosen_device(self.device))).removeprefix("torch.")

    @property
    def fingerprint(self) -> str:
        """Digest of weights, tokenizer, configuration, pooling and ``max_tokens``; not of the precision."""
        directory = self.directory
        parts = [f"{file.name} {digest(file)}" for file in content_files(directory)]
        parts += [pooling_of(directory, self.pooling), str(self.max_tokens)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def encode(self, texts: Sequence[str]) -> Float32[Tensor, "T F"]:
        """Return the pooled output of the last block; zeros for a blank text.

        Raises:
            EncoderError: the encoder is not there, incomplete or altered.
        """
        return self.encode_blocks(texts, (self.depth,))[self.depth]

    def encode_blocks(
        self, texts: Sequence[str], blocks: Sequence[int] | Literal["all"] = "all"
    ) -> dict[int, Float32[Tensor, "T F"]]:
        """Return the pooled output of several blocks; 0 is the embedding, ``depth`` the last block.

        Raises:
            EncoderError: no such block; the encoder is not there, incomplete or altered.
        """
        chosen = range(self.depth + 1) if blocks == "all" else blocks
        return read_blocks(self.batches, self.width, texts, chosen)

    def batches(
        self, texts: Sequence[str], blocks: Sequence[int]
    ) -> Iterator[tuple[Int64[Tensor, " B"], dict[int, Float32[Tensor, "B F"]]]]:
        """Yield row numbers with their features by block, longest texts first; blank texts are left out.

        Raises:
            EncoderError: no such block; the encoder is not there, incomplete or altered.
        """
        self.check_blocks(blocks)
        rows = [row for row, text in enumerate(texts) if text.strip()]
        if rows:
            yield from encoded(self.loaded, self, texts, rows, blocks)

    def climbing(
        self, texts: Sequence[str]
    ) -> Iterator[tuple[Int64[Tensor, " B"], Iterator[Float32[Tensor, "B F"]]]]:
        """Yield row numbers with the pooled outputs of all blocks, the embedding's first.

        A block is worked out when it is asked for, where the architecture allows it: whoever has read enough
        saves those above. No text is blank. Nothing is read from the cache, or kept there.

        Raises:
            EncoderError: the encoder is not there, incomplete or altered.
        """
        loaded, pooling = self.loaded, self.pooled_by
        tokens = loaded.tokens(list(texts), self.max_tokens)
        for padded, members in buckets([len(ids) for ids in tokens], TOKENS_AT_ONCE):
            found = loaded.climbing([tokens[m] for m in members], padded)
            yield torch.tensor(members), _pooled_blocks(*found, pooling)

    @property
    def pooled_by(self) -> str:
        """How rows are pooled: ``mean`` or ``cls``.

        Raises:
            EncoderError: the directory asks for a pooling that is not known.
        """
        return pooling_of(self.directory, self.pooling)

    def check_blocks(self, blocks: Sequence[int]) -> None:
        """See that the blocks are there.

        Raises:
            EncoderError: one is not.
        """
        wrong = [block for block in blocks if not 0 <= block <= self.depth]
        if wrong:
            raise EncoderError(
                f"The encoder '{self.name}' has no block {wrong[0]}.",
                fix=f"use 0 (the embedding) to {self.depth} (the last block).",
            )


def encoded(
    loaded: LoadedTransformer,
    settings: Transformer,
    texts: Sequence[str],
    rows: Sequence[int],
    blocks: Sequence[int],
) -> Iterator[tuple[Int64[Tensor, " B"], dict[int, Float32[Tensor, "B F"]]]]:
    """Yield row numbers of texts with their features by block, longest first; none of ``rows`` is blank."""
    pooling = settings.pooled_by
    tokens = loaded.tokens([texts[row] for row in rows], settings.max_tokens)
    lengths = [len(t) for t in tokens]
    at_once = streams(loaded.device, sum(lengths))
    plan = list(buckets(lengths, TOKENS_AT_ONCE // at_once))
    # Time goes with tokens: counted in texts, the remaining time would be wrong until the end.
    texts_per_token = len(rows) / sum(padded * len(members) for padded, members in plan)
    with bar("Encoding", float(len(rows)), "texts") as progress:

        def features(batch: tuple[int, list[int]]) -> dict[int, Tensor]:
            padded, members = batch
            states, mask = loaded.states([tokens[m] for m in members], padded, blocks)
            return {block: pooled(values, mask, pooling).cpu() for block, values in states.items()}

        for (padded, members), found in zip(plan, side_by_side(features, plan, at_once), strict=True):
            yield torch.tensor([rows[m] for m in members], dtype=torch.int64), found
            progress.advance(padded * len(members) * texts_per_token)


def _pooled_blocks(states: Iterator[Tensor], mask: Tensor, pooling: str) -> Iterator[Tensor]:
    return (pooled(one, mask, pooling).cpu() for one in states)


# One at a time: two encoders in memory would not help anybody who has 2 GiB.
@lru_cache(maxsize=1)
def _loaded(encoder: Transformer, fingerprint: str) -> LoadedTransformer:
    device = chosen_device(encoder.device)
    return LoadedTransformer.load(encoder.directory, device, chosen_format(encoder.precision, device))


def streams(device: torch.device, tokens: int) -> int:
    """Return how many batches of so many tokens in all are computed side by side."""
    if device.type != "cpu" or tokens < _TOKENS_FOR_STREAMS:
        return 1
    # Above eight, batches would become too small for the products to be efficient.
    return min(torch.get_num_threads(), 8)


def _number(directory: Path, *names: str) -> int:
    settings = json_file(directory / "config.json")
    found = [settings[name] for name in names if isinstance(settings.get(name), int)]
    if not found:
        raise EncoderError(
            f"{directory / 'config.json'} has none of {', '.join(names)}.",
            fix=f"use an encoder such as BERT or MiniLM, not a {settings.get('model_type')!r}.",
        )
    return found[0]
