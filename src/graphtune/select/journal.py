"""What a search has found so far, on disk, so that an interrupted one goes on where it stopped."""

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32

from graphtune.artefact import written
from graphtune.progress import say


@dataclass(frozen=True, eq=False)
class Journal:
    """A directory with one file for each candidate that was tried, valid for one ``fingerprint`` only."""

    directory: Path
    fingerprint: str  # of everything the figures depend on

    @classmethod
    def opened(cls, directory: Path, fingerprint: str, *, resume: bool) -> "Journal":
        """Open the journal; without ``resume``, or with another fingerprint, begin a new one."""
        mark = directory / "fingerprint"
        same = mark.is_file() and mark.read_text(encoding="utf-8") == fingerprint
        if resume and mark.is_file() and not same:
            say(
                "The table, the settings or graphtune changed since the interrupted fit: starting from the "
                "beginning."
            )
        if not (resume and same):
            shutil.rmtree(directory, ignore_errors=True)
            with written(mark) as partial:
                partial.write_text(fingerprint, encoding="utf-8")
        return cls(directory, fingerprint)

    def find(self, candidate: str) -> tuple[Float32[np.ndarray, "B C"], float] | None:
        """Return a candidate's held-out probabilities and the seconds they took, if they are there."""
        from safetensors import SafetensorError, safe_open

        path = self._path(candidate)
        if not path.is_file():
            return None
        try:
            with safe_open(path, "pt") as stored:
                facts = json.loads((stored.metadata() or {})["facts"])
                return stored.get_tensor("probabilities").numpy(), facts["seconds"]
        except (SafetensorError, OSError, KeyError, ValueError):
            path.unlink(missing_ok=True)
            return None

    def keep(self, candidate: str, probabilities: Float32[np.ndarray, "B C"], seconds: float) -> None:
        """Keep what one candidate came to."""
        from safetensors.torch import save_file

        facts = json.dumps({"candidate": candidate, "seconds": seconds})
        with written(self._path(candidate)) as partial:
            save_file({"probabilities": torch.from_numpy(probabilities)}, partial, metadata={"facts": facts})

    def drop(self, candidate: str) -> None:
        """Forget what one candidate came to."""
        self._path(candidate).unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove the journal: the fit is done."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def _path(self, candidate: str) -> Path:
        return self.directory / f"{hashlib.sha256(candidate.encode()).hexdigest()[:24]}.safetensors"
