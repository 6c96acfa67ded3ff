"""Which score makes a text one of no class, and what it is called then."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from graphtune.run.saved import FittedModel

NAME = "unknown"


@dataclass(frozen=True)
class Unknown:
    """What texts of no class are called, and above which score a text is one."""

    name: str
    threshold: float

    def rejects(self, scores: "np.ndarray") -> "np.ndarray":
        """Say which texts are of no class."""
        return scores > scores.dtype.type(self.threshold)


def unknown_of(model: "FittedModel", name: str | None, share: float | None = None) -> Unknown:
    """Settle both for a model; ``share`` of held-out texts of known classes keep their class, if given.

    Raises:
        ModelError: the model cannot tell such texts.
        PlanError: the share is none, or the name is that of a class.
    """
    from graphtune.errors import PlanError
    from graphtune.progress import say

    found, report = model.telling, model.outcome.unknown
    told = name if name is not None else (report.label if report is not None else None) or NAME
    if told in model.classes:
        raise PlanError(
            f"{told!r} is a class of the model: texts of no class would not be told from those of it.",
            fix="give another name with --unknown-label.",
        )
    if share is not None and not 0 < share <= 1:
        raise PlanError(f"--keep-known {share} is no share.", fix="give a number above 0 and up to 1.")
    threshold = found.threshold if share is None else found.keeping(share)
    kept = float((found.known.numpy() <= threshold).mean())
    say(
        f"note: texts with unknown_score > {threshold:.2f} are {told!r}; {kept:.1%} of {len(found.known):,} "
        "held-out texts of the classes keep theirs."
    )
    return Unknown(told, threshold)
