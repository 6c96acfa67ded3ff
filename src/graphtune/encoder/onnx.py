"""A transformer that was exported to ONNX, run by ONNX Runtime.

Neither its weights in torch nor transformers are needed: three files hold all of it.
"""

import hashlib
import importlib.util
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float32, Int64
from tokenizers import Tokenizer
from torch import Tensor

from graphtune.artefact import altered, digests, write_json
from graphtune.encoder.buckets import buckets
from graphtune.encoder.directory import digest
from graphtune.encoder.loading import fast_tokens
from graphtune.encoder.read import read_blocks
from graphtune.errors import EncoderError, MissingExtraError
from graphtune.progress import bar

FORMAT = 2  # of the directory; raised whenever an older graphtune could not read it
_LAST_ALONE = 1  # of one with the last block's rows alone, which older ones can read
MODEL, TOKENIZER, FACTS = "model.onnx", "tokenizer.json", "onnx.json"
ROW = "row"  # name of the output that holds the rows
_TOKENS_AT_ONCE = 8192

NumberFormat = Literal["float32", "int8"]


@dataclass(frozen=True)
class OnnxFacts:
    """What an exported encoder says of itself."""

    pooling: str  # "mean" or "cls"; it is part of the exported graph
    max_tokens: int  # what lies behind is not read
    width: int
    depth: int
    parameters: int  # of the transformer that was exported
    number_format: NumberFormat  # of the products
    scales: str  # how int8 was scaled; "" = it was not
    kept: tuple[str, ...]  # modules that stayed in float32
    padding: int  # id of the padding token
    whole_specials: bool  # whether a special token's name in a text is read as text
    source: str  # fingerprint of the transformer that was exported
    lower: tuple[int, ...] = ()  # blocks below the last whose rows can be had too


@dataclass(frozen=True)
class Onnx:
    """An exported transformer with its pooling; rows have L2 norm 1, of the blocks it was exported with.

    A text's row is the same in whatever batch it is encoded, up to rounding (see `buckets`), unless it was
    quantised with one scale for a batch.
    """

    name: str  # its directory

    def fit(self, texts: Sequence[str]) -> "Onnx":
        """Return itself: there is nothing to learn."""
        return self

    def describe(self) -> dict[str, Any]:
        """Return ``kind`` and every field, as a plan writes them."""
        return {"kind": "Onnx", **asdict(self)}

    @property
    def directory(self) -> Path:
        """Where its files are."""
        return Path(self.name).expanduser()

    @property
    def facts(self) -> OnnxFacts:
        """What it says of itself.

        Raises:
            EncoderError: it is not there, incomplete or altered.
        """
        return _facts(self.directory)

    @property
    def width(self) -> int:
        """Number of features."""
        return self.facts.width

    @property
    def parameters(self) -> int:
        """How many weights the transformer had that was exported."""
        return self.facts.parameters

    @property
    def depth(self) -> int:
        """Number of blocks; the last one's output can be had, and those of `blocks`."""
        return self.facts.depth

    @property
    def blocks(self) -> tuple[int, ...]:
        """The blocks whose rows can be had, the last among them."""
        return (*self.facts.lower, self.depth)

    @property
    def number_format(self) -> NumberFormat:
        """What its products are computed in."""
        return self.facts.number_format

    @property
    def fingerprint(self) -> str:
        """Digest of its files, in hexadecimal."""
        _facts(self.directory)
        parts = [f"{name} {digest(self.directory / name)}" for name in (MODEL, TOKENIZER, FACTS)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def encode(self, texts: Sequence[str]) -> Float32[Tensor, "T F"]:
        """Return the pooled output of the last block; zeros for a blank text.

        Raises:
            EncoderError: the encoder is not there, incomplete or altered.
            MissingExtraError: ONNX Runtime is not installed.
        """
        return read_blocks(self.batches, self.width, texts, (self.depth,))[self.depth]

    def batches(
        self, texts: Sequence[str], blocks: Sequence[int]
    ) -> Iterator[tuple[Int64[Tensor, " B"], dict[int, Float32[Tensor, "B F"]]]]:
        """Yield row numbers with their rows by block, longest texts first; blank texts are left out.

        Raises:
            EncoderError: a block is asked for that it was not exported with; the encoder is not there,
                incomplete or altered.
            MissingExtraError: ONNX Runtime is not installed.
        """
        wrong = [block for block in blocks if block not in self.blocks]
        if wrong:
            known = " and ".join(f"block {block}" for block in self.blocks)
            raise EncoderError(
                f"The exported encoder '{self.name}' has the output of {known} only, not of {wrong[0]}.",
                fix="use the transformer that it was exported from.",
            )
        rows = [row for row, text in enumerate(texts) if text.strip()]
        if not rows:
            return
        loaded = loaded_onnx(self)
        tokens = fast_tokens(loaded.tokenizer, [texts[row] for row in rows], self.facts.max_tokens)
        plan = list(buckets([len(ids) for ids in tokens], _TOKENS_AT_ONCE))
        name_of = dict(zip((self.depth, *self.facts.lower), row_names(self.facts.lower), strict=True))
        # Time goes with tokens: counted in texts, the remaining time would be wrong until the end.
        texts_per_token = len(rows) / sum(padded * len(members) for padded, members in plan)
        with bar("Encoding", float(len(rows)), "texts") as progress:
            for padded, members in plan:
                names = [name_of[block] for block in blocks]
                found = map(torch.from_numpy, loaded.rows([tokens[m] for m in members], padded, names))
                numbers = torch.tensor([rows[m] for m in members], dtype=torch.int64)
                yield numbers, dict(zip(blocks, found, strict=True))
                progress.advance(padded * len(members) * texts_per_token)


@dataclass(frozen=True, eq=False)
class LoadedOnnx:
    """A tokenizer and a session of ONNX Runtime."""

    tokenizer: Tokenizer  # set to cut texts where the encoder stops reading
    session: Any
    padding: int

    def rows(
        self, tokens: Sequence[Sequence[int]], length: int, names: Sequence[str] = (ROW,)
    ) -> list[Float32[np.ndarray, "B F"]]:
        """Return outputs of one batch that is padded to ``length``."""
        ids, mask = padded_batch(tokens, length, self.padding)
        return self.session.run(list(names), {"input_ids": ids, "attention_mask": mask})


def loaded_onnx(encoder: Onnx) -> LoadedOnnx:
    """Return the tokenizer and a session; of one encoder at a time they are kept in memory.

    Raises:
        EncoderError: the encoder is not there, incomplete or altered.
        MissingExtraError: ONNX Runtime is not installed.
    """
    return _loaded(encoder.directory, encoder.fingerprint, torch.get_num_threads())


def row_names(lower: Iterable[int]) -> list[str]:
    """Return the names of the outputs: of the rows of the last block, then of those of ``lower`` ones."""
    return [ROW, *(f"{ROW}.{block}" for block in lower)]


def padded_batch(
    tokens: Sequence[Sequence[int]], length: int, padding: int
) -> tuple[Int64[np.ndarray, "B L"], Int64[np.ndarray, "B L"]]:
    """Return the ids of a batch and its mask, as an exported encoder reads them."""
    ids = np.full((len(tokens), length), padding, dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, text in enumerate(tokens):
        ids[row, : len(text)] = text
        mask[row, : len(text)] = 1
    return ids, mask


def exported_files(directory: Path) -> tuple[Path, ...]:
    """Return the files that an exported encoder is made of."""
    return tuple(directory / name for name in (MODEL, TOKENIZER, FACTS))


def is_exported(directory: Path) -> bool:
    """Say whether an exported encoder is there, whole or not."""
    return (directory / FACTS).is_file()


def check_runtime(needed_for: str) -> None:
    """Refuse to go on without ONNX Runtime.

    Raises:
        MissingExtraError: it is not installed.
    """
    if importlib.util.find_spec("onnxruntime") is None:
        raise MissingExtraError("onnx", needed_for)


def located_onnx(name: str) -> Onnx:
    """Return the exported encoder in a directory, checked to be there and usable.

    Raises:
        EncoderError: it is incomplete or altered.
        MissingExtraError: ONNX Runtime is not installed.
    """
    check_runtime("An exported encoder")
    encoder = Onnx(name)
    _facts(encoder.directory)
    return encoder


def write_facts(directory: Path, facts: OnnxFacts) -> Onnx:
    """Complete a directory that holds the model and the tokenizer; return the encoder in it.

    Raises:
        OutputError: it cannot be written to.
    """
    (directory / FACTS).unlink(missing_ok=True)
    every = digests(directory)
    files = {name: every[name] for name in (MODEL, TOKENIZER)}
    said = asdict(facts)
    if not facts.lower:
        del said["lower"]  # which older ones do not know
    number = FORMAT if facts.lower else _LAST_ALONE
    write_json(directory / FACTS, {"format": number, **said, "files": files})
    return Onnx(str(directory))


def copy_onnx(encoder: Onnx, into: Path) -> None:
    """Copy the files of an exported encoder to a directory that is new or empty.

    Raises:
        EncoderError: it is not there, incomplete or altered.
    """
    _facts(encoder.directory)
    into.mkdir(parents=True, exist_ok=True)
    for file in exported_files(encoder.directory):
        shutil.copyfile(file, into / file.name)


def session_of(model: Path | bytes, threads: int) -> Any:
    """Return a session of ONNX Runtime on the processor.

    Raises:
        EncoderError: it cannot read the model.
        MissingExtraError: it is not installed.
    """
    check_runtime("An exported encoder")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors; what it says of its optimisations is for its developers
    given = model if isinstance(model, bytes) else str(model)
    try:
        return onnxruntime.InferenceSession(given, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # it raises classes of its own, which share no parent but this
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise EncoderError(
            f"ONNX Runtime cannot read the exported encoder: {reason[0]}",
            fix="update it (pip install --upgrade onnxruntime), or export the encoder again.",
        ) from error


# One at a time, as of transformers.
@lru_cache(maxsize=1)
def _loaded(directory: Path, fingerprint: str, threads: int) -> LoadedOnnx:
    facts = _facts(directory)
    tokenizer = Tokenizer.from_file(str(directory / TOKENIZER))
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = facts.whole_specials
    return LoadedOnnx(tokenizer, session_of(directory / MODEL, threads), facts.padding)


def _facts(directory: Path) -> OnnxFacts:
    file, again = directory / FACTS, "export the encoder again, or take another copy of it."
    missing = next((name for name in (FACTS, MODEL, TOKENIZER) if not (directory / name).is_file()), None)
    if missing is not None:
        raise EncoderError(f"{directory} is no complete exported encoder: {missing} is missing.", fix=again)
    return _read_facts(
        file, digest(file), tuple(digest(directory / name) for name in (MODEL, TOKENIZER)), again
    )


@lru_cache(maxsize=16)
def _read_facts(file: Path, own: str, others: tuple[str, str], again: str) -> OnnxFacts:
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        version, files = int(said.pop("format")), dict(said.pop("files"))
        kept, lower = tuple(said.pop("kept")), tuple(said.pop("lower", ()))
        facts = OnnxFacts(**said, kept=kept, lower=lower) if version <= FORMAT else None
    except (ValueError, KeyError, TypeError) as error:
        raise EncoderError(f"{file} was altered or cut short.", fix=again) from error
    if facts is None:
        raise EncoderError(
            f"{file.parent} was exported by a newer graphtune.", fix="pip install --upgrade graphtune"
        )
    wrong = altered(file.parent, files)
    if wrong or set(files) != {MODEL, TOKENIZER}:
        raise EncoderError(
            f"The exported encoder {file.parent} is not as it was: {'; '.join(wrong)}.", fix=again
        )
    return facts
