"""Weights and products of an exported encoder as integers of eight bits.

Source: for one scale a token see `token_scales`; the other two ways are ONNX Runtime's own.
"""

import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from jaxtyping import Float32

from graphtune.compress.logits import with_logits, with_logits_of
from graphtune.compress.row_likeness import mean_cosine
from graphtune.compress.sensitive import kept_in_float
from graphtune.compress.subject import Subject, check_extra
from graphtune.compress.token_scales import modules, quantised
from graphtune.encoder import Onnx
from graphtune.encoder.buckets import buckets
from graphtune.encoder.loading import fast_tokens
from graphtune.encoder.onnx import (
    MODEL,
    LoadedOnnx,
    copy_onnx,
    loaded_onnx,
    padded_batch,
    row_names,
    session_of,
    write_facts,
)
from graphtune.errors import PlanError, TableError
from graphtune.progress import say

Scales = Literal["token", "batch", "calibrated"]

_TEXTS = 128  # looked at; more change what is kept no further
_TOKENS_AT_ONCE = 2048

Feed = dict[str, np.ndarray]
Quantise = Callable[[Any, tuple[str, ...], list[Feed]], bytes]


@dataclass(frozen=True)
class Int8:
    """Weights with a scale for each output feature; words' rows with one each; the head stays in float32.

    ``scales`` says what shares the scale of what the weights are multiplied by: each ``token`` has its own;
    those of a ``batch`` share one, so that a text's row depends on its company; or they are ``calibrated``,
    fixed once by the texts that are given.

    Weights that move the rows most stay in float32, one after another, until the mean cosine of rows before
    and after is at least ``cosine``.
    """

    scales: Scales = "token"
    keep: tuple[str, ...] = ()  # weights that stay in float32 in any case
    cosine: float = 0.99

    def __post_init__(self) -> None:
        if self.scales not in get_args(Scales):
            raise PlanError(
                f"Int8.scales = {self.scales!r} is not known.",
                fix=f"use one of {', '.join(map(repr, get_args(Scales)))}.",
            )
        if not 0 <= self.cosine <= 1:
            raise PlanError(
                f"Int8.cosine = {self.cosine} is no cosine to reach.", fix="use 0 to 1, such as 0.99."
            )

    @property
    def said(self) -> str:
        """What it is called in reports."""
        return f"int8 with scales by {'calibration' if self.scales == 'calibrated' else self.scales}"

    def apply(self, subject: Subject, texts: Sequence[str], place: Path) -> Subject:
        """Return the same with integers in ``place``, which is new.

        Raises:
            PlanError: the encoder is not exported, has integers already, or lacks a weight of ``keep``.
            TableError: no text has anything in it.
            MissingExtraError: ONNX or ONNX Runtime is not installed.
        """
        encoder = subject.encoder
        if not isinstance(encoder, Onnx):
            raise PlanError("Int8 is for an exported encoder.", fix="put Export() before it.")
        return subject.with_encoder(self.quantise(encoder, texts, place))

    def quantise(self, encoder: Onnx, texts: Sequence[str], place: Path) -> Onnx:
        """Return the encoder with integers in ``place``; errors as `apply`."""
        check_extra()
        import onnx

        if encoder.number_format == "int8":
            raise PlanError("This encoder's weights are integers already.", fix="leave --int8 out.")
        loaded = loaded_onnx(encoder)
        feeds = list(_feeds(loaded, texts, encoder.facts.max_tokens))
        if not feeds:
            raise TableError(
                "There is no text to see how far rows move by quantisation.",
                fix="give a table with texts in it.",
            )
        whole = onnx.load(encoder.directory / MODEL)
        # Without the head, which ONNX Runtime's dynamic quantisation would round too.
        model = with_logits(whole, ())
        every = modules(model)
        unknown = [name for name in self.keep if name not in every]
        if unknown:
            raise PlanError(
                f"Int8.keep names {unknown[0]!r}, which this encoder has not.",
                fix=f"use some of {', '.join(every)}.",
            )
        make: Quantise = {"token": _by_token, "batch": _by_batch, "calibrated": _calibrated}[self.scales]
        names = row_names(encoder.facts.lower)
        wanted = _rows(loaded, feeds, names)
        say(f"quantising {len(every)} weights")

        def cosine(kept: tuple[str, ...]) -> float:
            session = session_of(make(model, kept, feeds), torch.get_num_threads())
            found = _rows(replace(loaded, session=session), feeds, names)
            return mean_cosine(torch.from_numpy(wanted), torch.from_numpy(found))

        kept = kept_in_float(cosine, every, self.keep, self.cosine)
        copy_onnx(encoder, place)
        made = onnx.load_from_string(make(model, kept, feeds))
        onnx.save(with_logits_of(made, whole), place / MODEL)
        return write_facts(place, replace(encoder.facts, number_format="int8", scales=self.scales, kept=kept))


def _by_token(model: Any, kept: tuple[str, ...], feeds: list[Feed]) -> bytes:
    return quantised(model, kept).SerializeToString()


def _by_batch(model: Any, kept: tuple[str, ...], feeds: list[Feed]) -> bytes:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "quantised.onnx"
        with _without_advice():
            quantize_dynamic(
                quantised(model, kept, products=False),
                out,
                op_types_to_quantize=["MatMul"],
                nodes_to_exclude=_excluded(model, kept),
                per_channel=True,
                reduce_range=True,  # for processors without VNNI, see `token_scales`
                weight_type=QuantType.QInt8,
                extra_options={"MatMulConstBOnly": True},
            )
        return out.read_bytes()


def _calibrated(model: Any, kept: tuple[str, ...], feeds: list[Feed]) -> bytes:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):  # its own class of readers is what it asks for
        def __init__(self) -> None:
            self.left = iter(feeds)

        def get_next(self) -> Any:  # None at the end, which its type there does not say
            return next(self.left, None)

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "quantised.onnx"
        with _without_advice():
            quantize_static(
                quantised(model, kept, products=False),
                out,
                Reader(),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=["MatMul"],
                nodes_to_exclude=_excluded(model, kept),
                per_channel=True,
                reduce_range=True,
                weight_type=QuantType.QInt8,
                activation_type=QuantType.QUInt8,
                extra_options={"MatMulConstBOnly": True},
            )
        return out.read_bytes()


@contextmanager
def _without_advice() -> Iterator[None]:
    """Keep off the terminal what ONNX Runtime advises about graphs of other kinds."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _excluded(model: Any, kept: tuple[str, ...]) -> list[str]:
    """Return the names of nodes that ONNX Runtime is to leave as they are."""
    return [node.name for node in model.graph.node if node.op_type == "MatMul" and node.input[1] in kept]


def _feeds(loaded: LoadedOnnx, texts: Sequence[str], limit: int) -> Iterator[Feed]:
    some = [text for text in dict.fromkeys(texts) if text.strip()][:_TEXTS]
    tokens = fast_tokens(loaded.tokenizer, some, limit) if some else []
    for padded, members in buckets([len(ids) for ids in tokens], _TOKENS_AT_ONCE):
        ids, mask = padded_batch([tokens[m] for m in members], padded, loaded.padding)
        yield {"input_ids": ids, "attention_mask": mask}


def _rows(loaded: LoadedOnnx, feeds: list[Feed], names: list[str]) -> Float32[np.ndarray, "T F"]:
    """Return the rows of every block that is an output, one block's of a batch below another's."""
    return np.concatenate([rows for feed in feeds for rows in loaded.session.run(names, feed)])
