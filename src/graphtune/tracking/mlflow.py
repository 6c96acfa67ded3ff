"""Runs of MLflow, by its client alone: no state of the process but what turns telemetry off is changed."""

import importlib.util
import logging
import math
import os
import re
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from graphtune.errors import MissingExtraError, PlanError
from graphtune.tracking.tracker import Status

if TYPE_CHECKING:
    from mlflow import MlflowClient

_DIRECTORY: Final = "mlruns"
_LONGEST = 500  # letters of a value; older servers take no more
_AT_ONCE = 100  # values in one message
_STATUS: dict[Status, str] = {"finished": "FINISHED", "failed": "FAILED", "killed": "KILLED"}
# A server that does not answer is given up within a minute instead of an hour.
_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}


class MLflow:
    """Runs in one experiment of a server, a database, or a folder that holds a SQLite database and the files.

    Args:
        place: a folder or a URI; None = what MLFLOW_TRACKING_URI names, else the folder ``mlruns``.
        experiment: its name; None = what MLFLOW_EXPERIMENT_NAME says, else "graphtune".

    Raises:
        MissingExtraError: MLflow, or what its databases need, is not installed.
        PlanError: ``place`` is a store of plain files, which MLflow no longer writes to.
    """

    def __init__(self, place: str | None = None, experiment: str | None = None) -> None:
        if any(importlib.util.find_spec(name) is None for name in ("mlflow", "sqlalchemy", "alembic")):
            raise MissingExtraError("mlflow", "--track mlflow")
        place = place or os.environ.get("MLFLOW_TRACKING_URI") or _DIRECTORY
        if place.startswith("file:") and not os.environ.get("MLFLOW_ALLOW_FILE_STORE"):
            raise PlanError(
                f"MLflow no longer writes to plain files, as {place} asks for.",
                fix="name a folder, mlflow:DIR: a SQLite database is kept there.",
            )
        named = re.match(r"[a-z][a-z\d+.-]+:", place) or place == "databricks"
        self.directory = None if named else Path(place).absolute()
        self.uri = place if self.directory is None else f"sqlite:///{self.directory / 'mlflow.db'}"
        self.experiment = experiment or os.environ.get("MLFLOW_EXPERIMENT_NAME") or "graphtune"
        self._runs: list[str] = []

    def begin(self, name: str, settings: Mapping[str, str], tags: Mapping[str, str]) -> None:
        """Begin a run; within another one, a nested run."""
        with self._client() as client:
            from mlflow.entities import Param

            nested = {"mlflow.parentRunId": self._runs[-1]} if self._runs else {}
            own = {key: value[:_LONGEST] for key, value in tags.items()}
            run = client.create_run(self._experiment(client), tags={**own, **nested}, run_name=name)
            self._runs.append(run.info.run_id)
            every = [Param(_key(key), value[:_LONGEST]) for key, value in settings.items()]
            for start in range(0, len(every), _AT_ONCE):
                client.log_batch(self._runs[-1], params=every[start : start + _AT_ONCE])

    def figures(self, figures: Mapping[str, float], step: int = 0) -> None:
        """Add metrics."""
        with self._client() as client:
            from mlflow.entities import Metric

            now = int(1000 * time.time())
            known = {_key(name): figure for name, figure in figures.items() if math.isfinite(figure)}
            every = [Metric(name, figure, now, step) for name, figure in known.items()]
            for start in range(0, len(every), _AT_ONCE):
                client.log_batch(self._runs[-1], metrics=every[start : start + _AT_ONCE])

    def file(self, path: Path) -> None:
        """Add an artefact."""
        with self._client() as client:
            client.log_artifact(self._runs[-1], str(path))

    def end(self, status: Status) -> None:
        """End the innermost run."""
        with self._client() as client:
            client.set_terminated(self._runs.pop(), _STATUS[status])

    def _experiment(self, client: "MlflowClient") -> str:
        known = client.get_experiment_by_name(self.experiment)
        if known is not None:
            return known.experiment_id
        files = None if self.directory is None else (self.directory / "artifacts").as_uri()
        return client.create_experiment(self.experiment, artifact_location=files)

    @contextmanager
    def _client(self) -> "Iterator[MlflowClient]":
        # No telemetry, whatever the installation says: it is asked when MLflow is imported, and later again.
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
        for name, value in _PATIENCE.items():
            os.environ.setdefault(name, value)
        if self.directory is not None:
            self.directory.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from mlflow import MlflowClient

            # Making a database is told table by table.
            for name in ("mlflow", "alembic"):
                logging.getLogger(name).setLevel(logging.WARNING)
            yield MlflowClient(tracking_uri=self.uri)


def _key(name: str) -> str:
    """Return a name in letters that MLflow takes."""
    return re.sub(r"[^\w./ -]", "_", name, flags=re.ASCII)[:250]
