"""What is made smaller: a saved model, or an encoder by itself; and what a step does to it."""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32
from torch import Tensor

from graphtune.encoder import FittedEncoder, Onnx, Transformer, cached_encode
from graphtune.errors import EncoderError, MissingExtraError, ModelError, PlanError
from graphtune.run import FittedModel
from graphtune.run.source import model_or_encoder
from graphtune.select import Candidate
from graphtune.select.fitted_exported import FittedExported
from graphtune.select.fitted_tuned import FittedTuned
from graphtune.select.linear import LinearHead


@dataclass(frozen=True, eq=False)
class Subject:
    """An encoder, and the model that it is a part of, if any."""

    encoder: FittedEncoder
    model: FittedModel | None

    @classmethod
    def of(cls, source: str) -> "Subject":
        """Read a model that fit has written, or an encoder by its name or directory.

        Raises:
            ModelError: there is neither; the model is incomplete, altered or too new; an encoder by itself is
                no transformer.
            EncoderError: the encoder is incomplete.
            MissingExtraError: what was exported cannot be run here.
        """
        found = model_or_encoder(source)
        if isinstance(found, FittedModel):
            return cls(_encoder_of(found), found)
        return cls(_compressible(found, source), None)

    @property
    def transformer(self) -> Transformer | Onnx:
        """Its encoder, for what is done to transformers alone.

        Raises:
            ModelError: it is none.
        """
        return _compressible(self.encoder, "the model")

    @property
    def head(self) -> LinearHead | None:
        """The head of an encoder that serves by itself."""
        predictor = None if self.model is None else self.model.predictor
        return predictor.head if isinstance(predictor, FittedTuned | FittedExported) else None

    def with_encoder(self, encoder: Transformer | Onnx) -> "Subject":
        """Return the same, reading texts by another encoder.

        Stored rows, such as those of a graph's nodes, stay those of the encoder before.

        Raises:
            ModelError: the model reads the transformer's inside, not its rows.
        """
        if self.model is None:
            return Subject(encoder, None)
        predictor = self.model.predictor
        if isinstance(predictor, FittedTuned) and isinstance(encoder, Transformer):
            own = FittedTuned.by_itself(encoder, encoder.directory, predictor.head_tensors())
            return Subject(encoder, replace(self.model, predictor=own))
        if isinstance(predictor, FittedTuned | FittedExported):
            assert isinstance(encoder, Onnx)  # what was exported is never read by torch again
            return Subject(
                encoder, replace(self.model, predictor=FittedExported(encoder, predictor.head_tensors()))
            )
        if _reads_inside(self.model.candidate):
            raise self._inside()
        maker = replace(self.model.maker, encoder=encoder)
        data = replace(self.model.data, features=replace(self.model.data.features, maker=maker))
        try:
            predictor = self.model.candidate.restored(data, predictor.tensors())
        except (PlanError, EncoderError) as error:
            raise self._inside() from error
        return Subject(encoder, replace(self.model, predictor=predictor, data=data, maker=maker))

    def _inside(self) -> ModelError:
        assert self.model is not None
        return ModelError(
            f"What this model saved, {self.model.candidate}, reads the inside of its transformer, which "
            "must stay as it is.",
            fix="fit a model with --serve-as encoder, or with --frozen, and make that smaller; or let "
            "--graph-free take the place of a graph first.",
        )

    def rows(self, texts: Sequence[str]) -> Float32[Tensor, "T F"]:
        """Return what the encoder makes of texts."""
        return cached_encode(self.encoder, texts)

    def probabilities(self, texts: Sequence[str]) -> Float32[np.ndarray, "T C"]:
        """Return what the model says of texts.

        Raises:
            ValueError: there is no model.
        """
        if self.model is None:
            raise ValueError("an encoder has no classes")
        return self.model.probabilities(texts)


@runtime_checkable
class Step(Protocol):
    """A frozen dataclass whose fields are one way to make a model smaller."""

    @property
    def said(self) -> str:
        """What it is called in reports."""
        ...

    def apply(self, subject: Subject, texts: Sequence[str], place: Path) -> Subject:
        """Return what becomes of ``subject``.

        Args:
            subject: what there is; it stays as it is.
            texts: texts to look at, without labels; none of those that judge.
            place: a new directory for whatever files the result needs.
        """
        ...


def check_extra() -> None:
    """Refuse to go on without what exporting needs.

    Raises:
        MissingExtraError: ONNX, its scripts or ONNX Runtime are not installed.
    """
    if any(importlib.util.find_spec(name) is None for name in ("onnx", "onnxruntime", "onnxscript")):
        raise MissingExtraError("onnx", "graphtune compress")


def check_transformer(subject: Subject) -> None:
    """Refuse what has no transformer to be made smaller.

    Raises:
        ModelError: the encoder is none.
    """
    _compressible(subject.encoder, "the model")


def _reads_inside(candidate: Candidate) -> bool:
    """Say whether a candidate, or one that it is made of, has learned for a transformer's own blocks."""
    parts = [*getattr(candidate, "members", ()), getattr(candidate, "base", None)]
    own = bool(getattr(candidate, "of_transformers", False))
    return own or any(_reads_inside(part) for part in parts if isinstance(part, Candidate))


def _encoder_of(model: FittedModel) -> FittedEncoder:
    predictor = model.predictor
    if isinstance(predictor, FittedTuned | FittedExported):
        return predictor.encoder
    return model.maker.encoder


def _compressible(encoder: object, of: str) -> Transformer | Onnx:
    if isinstance(encoder, Transformer | Onnx):
        return encoder
    kind = type(encoder).__name__.removeprefix("Fitted").lower()
    raise ModelError(
        f"The encoder of {of} is no transformer but {kind}: there is nothing to export or quantise, and it "
        "is small and fast as it is.",
        fix="use it as it is, or fit a model with a transformer, such as --encoder minilm.",
    )
