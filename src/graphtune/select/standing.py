"""What was tried so far, and which of it leads."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from jaxtyping import Bool, Float32, Float64
from scipy.special import ndtr, stdtrit

from graphtune.select.calibration import calibrated, temperature
from graphtune.select.candidate import Candidate
from graphtune.select.held_out import HeldOut
from graphtune.select.mean import Mean
from graphtune.select.outcome import GIVEN_UP, LEFT_OUT, NOT_FINAL, TOO_LARGE, Family, Scored
from graphtune.select.thresholds import by_row, losses, thresholds

SURE: Final = 1.0  # standard errors of a lead at which the more involved of two candidates is taken
_SURE_OF_FEW = 2.0  # of a lead, with few labels, at which the usual choice is given up
_TELLING = 6  # rows that tell a lead: fewer agree by chance, the more so as their temperature is told by them
_BEHIND = 2.0  # standard errors of the paired difference at which a candidate is given up
_NEVER_BEHIND = 0.01  # share of accuracy within which none is given up


@dataclass(frozen=True, eq=False)
class Tried:
    """A candidate with its probabilities of the judging rows, part after part."""

    candidate: Candidate
    probabilities: Float32[np.ndarray, "B C"]
    # Whether each row is right; of rows with several labels, a share whose mean is the micro-averaged F1.
    right: Bool[np.ndarray, " B"] | Float64[np.ndarray, " B"]
    losses: Float64[np.ndarray, " B"]  # negative log-likelihood of each row after calibration, nats
    temperature: float
    parts: int
    seconds: float
    thresholds: tuple[float, ...] | None = None  # of the labels, where a row may have several

    @property
    def accuracy(self) -> float:
        """Mean over judging rows, 0 … 1."""
        return float(self.right.mean())

    @property
    def likelihood(self) -> float:
        """Mean negative log-likelihood after calibration, nats."""
        return float(self.losses.mean())


@dataclass(eq=False)
class Standing:
    """Candidates by what their held-out rows say; only those judged by equally many parts are compared."""

    held_out: HeldOut
    few: bool  # whether labels are few, so that whole probabilities tell more than counts of right answers
    parts: int  # that a candidate must have been judged by
    tried: dict[Candidate, Tried] = field(default_factory=dict)
    team: Candidate | None = None  # with few labels: the mean over every graph's best smoothed candidate

    @property
    def rows(self) -> int:
        """How many different rows have judged."""
        return int(self.held_out.ends[self.parts - 1]) // self.held_out.repeats

    @property
    def complete(self) -> list[Tried]:
        """Those that can be chosen."""
        return [tried for tried in self.tried.values() if tried.parts >= self.parts]

    def judged(self, candidate: Candidate, probabilities: np.ndarray, seconds: float) -> Tried:
        """Return how right ``probabilities`` are; they cover whole parts, from the first on."""
        labels = self.held_out.labels[: len(probabilities)]
        parts = int(np.searchsorted(self.held_out.ends, len(labels))) + 1
        marks = self.held_out.marks
        if marks is not None:
            truth = marks[: len(probabilities)]
            limits = thresholds(probabilities, truth)
            claims = probabilities > limits
            return Tried(
                candidate,
                probabilities,
                by_row(claims, truth),
                losses(probabilities, truth),
                1.0,
                parts,
                seconds,
                tuple(map(float, limits)),
            )
        heat = temperature(probabilities, labels)
        truth = calibrated(probabilities, heat)[np.arange(len(labels)), labels]
        return Tried(
            candidate,
            probabilities,
            probabilities.argmax(axis=1) == labels,
            -np.log(np.maximum(truth, 1e-9)).astype(np.float64),
            heat,
            parts,
            seconds,
        )

    def best(self, *families: Family) -> Tried | None:
        """Return the best complete candidate of some families (none named = of all), if there is one."""
        return self.best_of([t for t in self.complete if not families or t.candidate.family in families])

    def first(self, *families: Family) -> Tried:
        """Return what `best` does, where the search always has one."""
        found = self.best(*families)
        if found is None:
            raise AssertionError(f"no candidate of {families or 'any family'} was tried")
        return found

    def best_of(self, able: Sequence[Tried]) -> Tried | None:
        """Return the best of ``able``; the usual choice is given up only for a clear lead."""
        best = max(able, key=self.merit, default=None)
        if best is None:
            return None
        if self.few:
            # Which of two graphs is better is the least certain thing that few labels decide: averaging is
            # the safer choice wherever it is not clearly worse.
            usual = next((t for t in able if t.candidate == self.team), best)
        else:
            usual = max((t for t in able if not isinstance(t.candidate, Mean)), key=self.merit, default=best)
        return best if self.clearly(best, usual) else usual

    def ranked(self, *families: Family) -> list[Tried]:
        """Return the complete candidates of some families, the best first."""
        able = [tried for tried in self.complete if tried.candidate.family in families]
        return sorted(able, key=self.merit, reverse=True)

    def clearly(self, better: Tried, other: Tried) -> bool:
        """Say whether ``better`` leads ``other`` by enough to be worth its price; see `lead`."""
        return self.lead(better, other) > self.beyond(_SURE_OF_FEW if self.few else SURE)

    def beyond(self, errors: float) -> float:
        """Return the lead that is as sure as one of so many standard errors that were known.

        With few labels the error is told from few rows: the lead is then Student's, and that of too few rows
        is never sure.
        """
        if not self.few:
            return errors
        rows = self.rows
        if rows < _TELLING:
            return float("inf")
        # The error is that of the rows themselves, which is too small by this factor as an estimate.
        return float(stdtrit(rows - 1, ndtr(errors)) * np.sqrt(rows / (rows - 1)))

    def lead(self, better: Tried, other: Tried) -> float:
        """Return how far ``better`` leads, in standard errors of the paired difference over the rows.

        It is counted in right answers; with few labels in likelihood, which tells more of each row. Where one
        was judged by fewer parts, the rows of these count.
        """
        if self.few:
            return self.likelier(better, other)
        rows = min(len(better.right), len(other.right))
        return self._in_errors(better.right[:rows].astype(float) - other.right[:rows])

    def likelier(self, better: Tried, other: Tried) -> float:
        """Return how far ``better`` leads in likelihood, in standard errors as `lead`."""
        rows = min(len(better.losses), len(other.losses))
        return self._in_errors(other.losses[:rows] - better.losses[:rows])

    def _in_errors(self, lead: Float64[np.ndarray, " B"]) -> float:
        error = float(lead.std() / np.sqrt(max(1, min(self.rows, len(lead)))))
        return float(lead.mean()) / max(error, 1e-12)

    def merit(self, tried: Tried) -> tuple[float, float]:
        """Return what candidates are ordered by, more is better."""
        # Right answers are counted in steps of whole rows: too coarse a measure where few rows judge.
        accuracy = round(tried.accuracy, 6)
        return (-tried.likelihood, accuracy) if self.few else (accuracy, -tried.likelihood)

    def behind(self, tried: Tried, leader: Tried) -> bool:
        """Say whether what is known of ``tried`` is enough to give it up."""
        difference = leader.right[: len(tried.right)].astype(float) - tried.right
        # A network costs as much as all linear candidates: it must be level from the first part on.
        if tried.candidate.family == "network":
            return bool(difference.mean() > 0)
        error = difference.std() / np.sqrt(len(difference))
        return bool(difference.mean() > max(_BEHIND * error, _NEVER_BEHIND))

    def scored(
        self, left_out: Sequence[Candidate], late: Collection[Candidate], too_large: Sequence[Candidate]
    ) -> tuple[Scored, ...]:
        """Return every candidate's figures, the best first, then those without a figure."""
        order = sorted(self.tried.values(), key=lambda t: (min(t.parts, self.parts), self.merit(t)))
        told = [self._scored(tried, late=tried.candidate in late) for tried in reversed(order)]
        left = [_unknown(one, f"{LEFT_OUT}: no time") for one in left_out]
        large = [_unknown(one, f"{TOO_LARGE} for this table; a plan can name it") for one in too_large]
        return (*told, *left, *large)

    def _scored(self, tried: Tried, *, late: bool) -> Scored:
        rows = min(len(tried.right), int(self.held_out.ends[-1]) // self.held_out.repeats)
        error = float(np.sqrt(tried.accuracy * (1 - tried.accuracy) / max(rows, 1)))
        if self.held_out.marks is not None:
            error = float(tried.right.std() / np.sqrt(max(rows, 1)))
        note = ""
        if tried.parts < self.parts:
            # Finals are for the best; nothing was found against the others but that they are not.
            first = self.held_out.first
            ended = LEFT_OUT if late else NOT_FINAL if tried.parts == first else GIVEN_UP
            note = f"{ended} after {tried.parts} of {self.parts} parts{': no time' if late else ''}"
        return Scored(
            str(tried.candidate),
            tried.candidate.family,
            tried.accuracy,
            error,
            tried.likelihood,
            tried.parts,
            tried.seconds,
            note,
            tuple(map(str, tried.candidate.members)) if isinstance(tried.candidate, Mean) else (),
        )


def _unknown(candidate: Candidate, note: str) -> Scored:
    nothing = float("nan")
    return Scored(str(candidate), candidate.family, nothing, nothing, nothing, 0, 0.0, note)
