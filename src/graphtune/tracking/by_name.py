"""Trackers as people name them: ``mlflow:DIR``, ``tensorboard:DIR``."""

from collections.abc import Sequence

from graphtune.errors import PlanError
from graphtune.tracking.mlflow import MLflow
from graphtune.tracking.tensorboard import TensorBoard
from graphtune.tracking.tracker import Tracker

_FIX = "write mlflow, mlflow:DIR, mlflow:URI or tensorboard:DIR."


def trackers(named: Sequence[str]) -> tuple[Tracker, ...]:
    """Return the trackers of such as ``mlflow:runs``, ``mlflow:https://...`` or ``tensorboard:board``.

    Raises:
        PlanError: it is none of these.
        MissingExtraError: what it needs is not installed.
    """
    return tuple(_tracker(text) for text in named)


def _tracker(text: str) -> Tracker:
    kind, _, place = text.partition(":")
    match kind, place:
        case "mlflow", _:
            return MLflow(place or None)
        case "tensorboard", "":
            raise PlanError(f"--track {text} names no folder.", fix=_FIX)
        case "tensorboard", _:
            return TensorBoard(place)
        case _:
            raise PlanError(f"--track {text} names no tracker.", fix=_FIX)
