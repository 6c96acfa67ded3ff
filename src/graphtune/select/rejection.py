"""Whether a text is of none of the classes: far from every labelled text, and the model unsure of it.

Source: entropy of the classes' probabilities, Hendrycks & Gimpel, ICLR 2017, arXiv:1610.02136; distance to
the nearest training texts, Sun et al., ICML 2022, arXiv:2204.06507.
Differs from the papers: both are put on one scale by held-out texts of known classes and added; the distance
is the mean to the five nearest, not that to the last of them; the entropy is that of uncalibrated
probabilities, for a temperature below 1 leaves none of it. On clinc150's validation rows (encoder minilm,
logistic regression; 5, 10 and 100 labels a class) the sum had an AUROC of 97.3, 98.1 and 98.1, the distance
96.3, 96.9 and 97.5, the entropy 96.7, 97.1 and 97.0, the highest probability 95.7, 96.0 and 96.1, the energy
of arXiv:2010.03759 96.6, 97.4 and 97.8, and the Mahalanobis distance 95.7, 96.6 and 97.5.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64
from torch import Tensor

from graphtune.metric import auroc
from graphtune.select.data import Data
from graphtune.select.held_out import Part

KEPT: Final = 0.95  # share of known held-out texts that keep their class, unless asked otherwise
LEAST: Final = 10  # examples of no class from which they choose weights and threshold

_NEAREST = 5
_MOST_STORED = 20_000  # labelled texts that distances are measured to
_MOST_JUDGING = 2_000  # held-out texts
_COSINES_AT_ONCE = 1 << 22
_TRIED_WEIGHTS = np.linspace(0.1, 0.9, 17)  # of the distance; the entropy has the rest


@dataclass(frozen=True, eq=False)
class Rejection:
    """A score of how strange a text is, and the score from which it is of none of the classes.

    The score is a weighted mean of two signs, entropy and distance, each in standard deviations from its mean
    over held-out texts of known classes; the higher, the stranger.
    """

    near: Tensor  # [M, F] labelled texts, in half precision
    known: Float32[Tensor, " T"]  # scores of held-out texts of known classes, ascending
    means: tuple[float, float]
    deviations: tuple[float, float]
    weights: tuple[float, float]
    threshold: float  # texts that score higher are of none of the classes
    examples: int = 0  # texts of none of the classes that weights and threshold were chosen by
    caught: float | None = None  # share of these that score higher than the threshold

    def scores(
        self, probabilities: Float32[np.ndarray, "B C"], x: Float32[Tensor, "B F"]
    ) -> Float32[np.ndarray, " B"]:
        """Return the scores of texts, of their uncalibrated probabilities and their ``meaning``."""
        return self.of(signs(probabilities, x, self.near))

    def of(self, found: Float64[np.ndarray, "B 2"]) -> Float32[np.ndarray, " B"]:
        """Return the scores of texts, of their `signs`."""
        scaled = (found - np.array(self.means)) / np.array(self.deviations)
        return (scaled @ np.array(self.weights)).astype(np.float32)

    @property
    def kept(self) -> float:
        """Share of the held-out texts of known classes that keep their class."""
        return float((self.known.numpy() <= np.float32(self.threshold)).mean())

    def keeping(self, share: float) -> float:
        """Return the threshold at which this share, 0 … 1, of known held-out texts keeps its class."""
        return float(np.quantile(self.known.numpy(), share, method="higher"))

    def facts(self) -> dict[str, Any]:
        """Return what is no tensor, for saving."""
        names = ("means", "deviations", "weights", "threshold", "examples", "caught")
        return {name: getattr(self, name) for name in names}

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors, for saving."""
        return {"near": self.near, "known": self.known}

    @classmethod
    def restored(cls, facts: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> "Rejection":
        """Return a saved one."""
        pairs = {name: tuple(map(float, facts[name])) for name in ("means", "deviations", "weights")}
        return cls(**{**facts, **pairs, **tensors})


def signs(
    probabilities: Float32[np.ndarray, "B C"], x: Float32[Tensor, "B F"], near: Tensor
) -> Float64[np.ndarray, "B 2"]:
    """Return the entropy of texts, in nats, and 1 − their mean cosine to the nearest of ``near``."""
    entropy = -(probabilities * np.log(np.maximum(probabilities, 1e-12))).sum(axis=1)
    stored, k = near.float(), min(_NEAREST, len(near))
    step = max(1, _COSINES_AT_ONCE // max(1, len(stored)))
    means = [
        (x[at : at + step] @ stored.T).topk(k, dim=1).values.mean(dim=1) for at in range(0, len(x), step)
    ]
    cosines = torch.cat(means).numpy() if means else np.zeros(0, dtype=np.float32)
    return np.stack([entropy.astype(np.float64), 1 - cosines.astype(np.float64)], axis=1)


def rejection(
    data: Data,
    parts: Sequence[Part],
    tables: Float32[np.ndarray, "B C"],
    teach: Int64[np.ndarray, " T"],
    seed: int,
) -> tuple[Rejection, Float64[np.ndarray, "M 2"]]:
    """Calibrate on held-out texts of known classes: ``tables`` holds their probabilities, part after part.

    Returns the signs of these texts too, for `by_examples`. Both signs weigh the same, and ``KEPT`` of the
    texts keep their class.
    """
    random = np.random.default_rng(seed)
    x, start = data.features.meaning, 0
    found: list[np.ndarray] = []
    share = min(1.0, _MOST_JUDGING / max(1, len(tables)))
    for part in parts:
        rows = np.arange(len(part.labels))
        if share < 1:
            rows = np.sort(random.choice(rows, max(1, round(share * len(rows))), replace=False))
        judging = x[torch.from_numpy(part.held)] if part.new is None else part.new.features.meaning
        near = x[torch.from_numpy(_few_a_class(part.train, data.labels, random))].half()
        found.append(signs(tables[start + rows], judging[torch.from_numpy(rows)], near))
        start += len(part.labels)
    both = np.concatenate(found)
    means, deviations = _pair(both.mean(axis=0)), _pair(np.maximum(both.std(axis=0), 1e-9))
    near = x[torch.from_numpy(_few_a_class(teach, data.labels, random))].half()
    nothing = torch.zeros(0)
    made = _weighing(Rejection(near, nothing, means, deviations, (0.5, 0.5), 0.0), both, 0.5)
    return replace(made, threshold=made.keeping(KEPT)), both


def by_examples(
    found: Rejection, known: Float64[np.ndarray, "T 2"], strange: Float64[np.ndarray, "M 2"]
) -> Rejection:
    """Let texts of none of the classes, of which ``strange`` are the signs, choose weights and threshold.

    The weights are those under which ``known`` and strange texts are told apart best, whatever the threshold;
    at the threshold, the mean of two shares is largest: of known texts that keep their class, and of strange
    ones that do not. Fewer than ``LEAST`` choose nothing.
    """
    best = found
    if len(strange) >= LEAST:
        told = np.arange(len(known) + len(strange)) >= len(known)
        every = np.concatenate([known, strange])
        tried = [_weighing(found, known, weight) for weight in _TRIED_WEIGHTS]
        best = max(tried, key=lambda one: (auroc(one.of(every), told), -abs(one.weights[0] - 0.5)))
        best = replace(best, threshold=_dividing(best.known.numpy(), np.sort(best.of(strange))))
    caught = float((best.of(strange) > np.float32(best.threshold)).mean()) if len(strange) else None
    return replace(best, examples=len(strange), caught=caught)


def _weighing(found: Rejection, known: Float64[np.ndarray, "T 2"], weight: float) -> Rejection:
    made = replace(found, weights=(1 - float(weight), float(weight)))
    return replace(made, known=torch.from_numpy(np.sort(made.of(known))))


def _dividing(known: Float32[np.ndarray, " T"], strange: Float32[np.ndarray, " M"]) -> float:
    """Return the score that divides two ascending rows of scores best; of several, the highest."""
    able = np.unique(np.concatenate([known, strange]))
    kept = np.searchsorted(known, able, side="right") / len(known)
    missed = np.searchsorted(strange, able, side="right") / len(strange)
    gain = kept - missed
    return float(able[np.flatnonzero(gain == gain.max())[-1]])


def _pair(values: Float64[np.ndarray, " 2"]) -> tuple[float, float]:
    return float(values[0]), float(values[1])


def _few_a_class(
    rows: Int64[np.ndarray, " T"], labels: Int64[np.ndarray, " N"], random: np.random.Generator
) -> Int64[np.ndarray, " M"]:
    """Return all rows, or of too many as many of each class as there is room for, rare classes whole."""
    if len(rows) <= _MOST_STORED:
        return rows
    order = random.permutation(rows)
    order = order[np.argsort(labels[order], kind="stable")]
    _, first, place, counts = np.unique(
        labels[order], return_index=True, return_inverse=True, return_counts=True
    )
    number = np.arange(len(order)) - first[place]  # of each row within its class
    most = int(counts.max())
    while np.minimum(counts, most).sum() > _MOST_STORED:
        most -= max(1, most // 64)
    return np.sort(order[number < most])
