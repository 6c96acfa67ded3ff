"""Unlabelled texts that tell how frequent classes are, where few labels do not."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int64

from graphtune.run.ready import Ready
from graphtune.select import Data
from graphtune.select.calibration import TEXTS_PER_CLASS, Calibration, Reweighting, calibrated, reweighting
from graphtune.select.search import Search
from graphtune.select.standing import Tried

_MOST = 2000  # texts that are read, or as many as tell anything


@dataclass(frozen=True, eq=False)
class Telling:
    """Texts by which the classes' probabilities are weighted."""

    texts: Int64[np.ndarray, " M"]  # nodes; none where it is known how frequent classes are

    @classmethod
    def of(cls, ready: Ready, search: Search) -> "Telling":
        """Draw them, where labels are few and were drawn by class."""
        data, plan = ready.data, ready.plan
        # Many labels, or the table's own val rows, are taken to be drawn as the texts are.
        known = not (search.standing.few and search.held_out.drawn)
        if data.several or plan.class_shares == "labelled" or known or not _learned(ready).all():
            return cls(np.zeros(0, dtype=np.int64))
        every, enough = np.flatnonzero(data.labels < 0), TEXTS_PER_CLASS * data.classes
        if len(every) < enough:
            return cls(every[:0])
        most = max(_MOST, enough)
        return cls(np.sort(np.random.default_rng(plan.seed).permutation(every)[:most]))

    def weights(self, ready: Ready, chosen: Tried) -> Reweighting | None:
        """Return the weights of the classes that follow from what is said of the texts; None = all alike."""
        if not len(self.texts):
            return None
        return reweighting(self._said(ready, chosen), _learned(ready), chosen.accuracy)

    def calibration(
        self, ready: Ready, tried: Tried, *, chosen: Tried, weighted: Reweighting | None
    ) -> Calibration:
        """Return what is done to the probabilities of ``chosen``, which is ``weighted``, or its rivals'.

        Where the texts hold classes in other shares than the labels, they do so for all alike. How often each
        has to be weighted up to be predicted as often as it is there is another matter for each, and whether
        what it says tells of that.
        """
        if tried is not chosen and weighted is not None and weighted.evened:
            own = self.weights(ready, tried)
            weighted = own if own is not None and own.evened else None
        values = None if weighted is None else weighted.values
        weights = None if values is None else tuple(map(float, values))
        return Calibration(tried.temperature, weights, tried.thresholds)

    def _said(self, ready: Ready, tried: Tried) -> Float32[np.ndarray, "M C"]:
        fitted = ready.data.fitted(tried.candidate, ready.teach, ready.plan.seed)
        return calibrated(fitted.at(ready.data, self.texts), tried.temperature)


def _learned(ready: Ready) -> Float64[np.ndarray, " C"]:
    """Return the shares of the classes among what teaches: names too, which are to be corrected with it."""
    return _shares(ready.data, ready.teach)


def weights_note(weighted: Reweighting, ready: Ready, classes: tuple[str, ...]) -> str:
    """Say how the classes are weighted, and why."""
    if weighted.evened:
        return (
            "The unlabelled texts seem to hold the classes in the same shares as the labels do: each class "
            "is weighted so that it is predicted about as often. Where it should not be, fit with "
            "--class-shares labelled."
        )
    data = ready.data
    labelled = _shares(data, data.labelled)
    shares = _shares(data, np.flatnonzero(data.labels >= 0)) * weighted.values
    most = int(np.abs(shares - labelled).argmax())
    tested = ""
    if ready.split.aside:
        tested = " The test rows were set aside from the labelled ones and have their shares."
    return (
        "The unlabelled texts seem to hold the classes in other shares than the labels do: "
        f"{classes[most]} is taken to be {shares[most]:.0%} of the texts ({labelled[most]:.0%} of the "
        f"labels); probabilities are weighted accordingly.{tested} Where new texts will have the labels' "
        "shares, fit with --class-shares labelled."
    )


def _shares(data: Data, rows: Int64[np.ndarray, " T"]) -> Float64[np.ndarray, " C"]:
    """Return which share of the labels each class has, as learning counts them."""
    weights = None if data.weights is None else data.weights[rows]
    counts = np.bincount(data.labels[rows], weights, data.classes)
    return (counts / counts.sum()).astype(np.float64)
