"""One module's numbers, and the files they are kept in."""

import hashlib
import json
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from graphtune.artefact import write_json


@dataclass(frozen=True)
class Probe:
    """What validation rows say around one module, in nats; NaN = it could not be tried.

    The name of the head alone is that of no module: ``""``.
    """

    name: str
    start: float  # mean loss with nothing changed
    tuned: float  # mean loss when the module has learned, with the head
    # How far what the model says has gone from what it said when the module is pruned, or rounded;
    # the loss moves little, and not seldom falls.
    pruning_loss: float
    quantisation_loss: float
    seconds: float

    @property
    def tuning_gain(self) -> float:
        """How far the loss fell."""
        return self.start - self.tuned


@dataclass(frozen=True)
class ProbeFiles:
    """A file for each probe of one model, task and settings; none where there is no directory."""

    directory: Path | None

    @classmethod
    def within(cls, into: Path | None, fingerprint: str) -> "ProbeFiles":
        """Return those of a fingerprint; others beside them stay."""
        return cls(None if into is None else into / fingerprint)

    def find(self, name: str) -> Probe | None:
        """Return what was measured before, if it is there and whole."""
        if self.directory is None:
            return None
        try:
            facts = json.loads(self._path(name).read_text(encoding="utf-8"))
            numbers: dict[str, Any] = {field.name: facts[field.name] for field in fields(Probe)}
            known: dict[str, Any] = {
                key: math.nan if value is None else value for key, value in numbers.items()
            }
            return Probe(**known) if known["name"] == name else None
        except (OSError, ValueError, KeyError, TypeError):
            return None  # not there, or spoilt: it is measured again

    def keep(self, probe: Probe) -> None:
        """Keep what was measured.

        Raises:
            OutputError: the directory cannot be written to.
        """
        if self.directory is None:
            return
        facts = {key: None if value != value else value for key, value in asdict(probe).items()}
        write_json(self._path(probe.name), facts)

    def _path(self, name: str) -> Path:
        assert self.directory is not None
        return self.directory / f"{hashlib.sha256(name.encode()).hexdigest()[:24]}.json"
