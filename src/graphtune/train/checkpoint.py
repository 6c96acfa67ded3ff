"""The files from which a killed training goes on.

``start.safetensors`` holds the first weights, ``phase-000.safetensors`` and so on what each phase ended with,
``checkpoint.safetensors`` the inside of the running phase, ``log.jsonl`` a line for each epoch. Figures that
belong to tensors lie in the header of the same file, so that a kill cannot part them.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from graphtune.artefact import written
from graphtune.errors import TrainError
from graphtune.train.history import Epoch, PhaseHistory, lines

_FACTS = "graphtune"


class Checkpoints:
    """One training's files in one directory."""

    def __init__(self, into: Path, identity: str) -> None:
        self.into, self.identity = into, identity
        self.finished: list[PhaseHistory] = []

    def begin(self, weights: Mapping[str, Tensor], *, resume: bool) -> dict[str, Tensor]:
        """Return the weights to start from: those stored if there are any and ``resume``, else ``weights``.

        Without ``resume``, an earlier training's files are removed first.

        Raises:
            TrainError: the files are damaged or belong to another training.
            OutputError: the directory cannot be written to.
        """
        start = self.into / "start.safetensors"
        if resume and start.is_file():
            return self._read(start)[0]
        self._log(())
        self._inside.unlink(missing_ok=True)
        # From the last phase to the first, so that a kill in between leaves no gap.
        for stale in sorted(self.into.glob("phase-*.safetensors"), reverse=True):
            stale.unlink()
        self._write(start, weights, {})
        return dict(weights)

    def phase(self, number: int) -> tuple[dict[str, Tensor], PhaseHistory] | None:
        """Return what phase ``number`` ended with, or None if it has not ended."""
        path = self._phase(number)
        if not path.is_file():
            return None
        tensors, facts = self._read(path)
        history = _history(facts["history"])
        self.finished.append(history)
        return tensors, history

    def end_phase(self, number: int, tensors: Mapping[str, Tensor], history: PhaseHistory) -> None:
        """Keep what phase ``number`` ended with."""
        self._write(self._phase(number), tensors, {"history": asdict(history)})
        self.finished.append(history)
        self._log(())
        self._inside.unlink(missing_ok=True)

    def inside(self, number: int) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Return the last checkpoint within phase ``number``, or None if there is none."""
        if not self._inside.is_file():
            return None
        tensors, facts = self._read(self._inside)
        return (tensors, facts["position"]) if facts["phase"] == number else None

    def save_inside(
        self, number: int, tensors: Mapping[str, Tensor], position: dict[str, Any], epochs: list[Epoch]
    ) -> None:
        """Keep where phase ``number`` stands."""
        self._write(self._inside, tensors, {"phase": number, "position": position})
        self._log(epochs)

    @property
    def _inside(self) -> Path:
        return self.into / "checkpoint.safetensors"

    def _phase(self, number: int) -> Path:
        return self.into / f"phase-{number:03d}.safetensors"

    def _log(self, running: list[Epoch] | tuple[()]) -> None:
        done = [epoch for phase in self.finished for epoch in phase.epochs]
        with written(self.into / "log.jsonl") as partial:
            partial.write_text(lines([*done, *running]), encoding="utf-8")

    def _write(self, path: Path, tensors: Mapping[str, Tensor], facts: dict[str, Any]) -> None:
        # Copies, for safetensors refuses tensors that share memory.
        whole = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
        header = {_FACTS: json.dumps({"identity": self.identity, **facts})}
        with written(path) as partial:
            save_file(whole, partial, metadata=header)

    def _read(self, path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
        again = "train from the start (without resume), or into another directory."
        try:
            with safe_open(path, framework="pt") as stored:
                facts = json.loads((stored.metadata() or {})[_FACTS])
                tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        except (SafetensorError, OSError, KeyError, ValueError) as error:
            raise TrainError(f"{path} is no whole checkpoint: {error}.", fix=again) from error
        if facts["identity"] != self.identity:
            raise TrainError(
                f"{path} belongs to another training: its settings, rows or seed differ from these.",
                fix=again,
            )
        return tensors, facts


def _history(facts: dict[str, Any]) -> PhaseHistory:
    return PhaseHistory(**{**facts, "epochs": tuple(Epoch(**epoch) for epoch in facts["epochs"])})
