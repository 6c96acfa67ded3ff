"""A linear classifier on dense or sparse features: scikit-learn fits it, plain products apply it."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np
import scipy.sparse
import torch
from jaxtyping import Bool, Float32, Float64, Int64
from torch import Tensor, nn

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

    from graphtune.select.data import Data

_NEVER = -30.0  # logit of a class without training rows
_TOLERANCE = 1e-4  # largest entry of the gradient at which the optimum is reached
_STEEPNESS = 3.0  # of the sigmoid of a margin, so that means can be taken with other probabilities
_FEW_ROWS, _ROWS_A_CLASS = 2, 20  # where turning rows to their own space is worth it, see `_spans_little`
_SHARE_OF_SLOPE = 0.05  # the same as a share of the gradient at zero weights

Matrix = Tensor | scipy.sparse.csr_array
Loss = Literal["logistic", "squared hinge"]


@dataclass(frozen=True, eq=False)
class LinearHead:
    """``softmax(x W + b)``; with ``each``, the sigmoid of each class by itself."""

    weight: Float32[Tensor, "F C"]
    bias: Float32[Tensor, " C"]
    each: bool = False

    def linear(self) -> nn.Linear:
        """Return the same scores as a module, with weights of its own."""
        inputs, outputs = self.weight.shape
        made = nn.Linear(inputs, outputs)
        with torch.no_grad():
            made.weight.copy_(self.weight.T)
            made.bias.copy_(self.bias)
        return made

    @classmethod
    def fit(
        cls,
        x: Matrix,
        labels: Int64[np.ndarray, " T"],
        classes: int,
        *,
        strength: float,  # scikit-learn's C
        weights: Float32[np.ndarray, " T"] | None = None,
        loss: Loss = "logistic",
    ) -> "LinearHead":
        """Fit multinomial logistic regression, or one squared hinge a class (a linear SVM).

        ``strength`` is the inverse of the L2 penalty. What the hinge yields is no probability before it is
        calibrated.
        """
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression
        from sklearn.svm import LinearSVC

        width = tuple(x.shape or ())[1]  # SciPy types the shape as possibly absent
        weight = torch.zeros(width, classes)
        bias = torch.full((classes,), _NEVER)
        seen = np.unique(labels)
        if len(seen) < 2:
            bias[seen] = 0.0
            return cls(weight, bias)
        with warnings.catch_warnings():
            # The last digits of the optimum change no prediction.
            warnings.simplefilter("ignore", ConvergenceWarning)
            matrix, basis = x.numpy() if isinstance(x, Tensor) else x, None
            if loss == "squared hinge":
                model = LinearSVC(C=strength, random_state=0)
            else:
                if isinstance(matrix, np.ndarray) and _spans_little(matrix, len(seen)):
                    matrix, basis = _turned(matrix)
                tolerance = min(_TOLERANCE, _SHARE_OF_SLOPE * _first_slope(matrix, labels, weights))
                model = LogisticRegression(C=strength, max_iter=200, tol=tolerance)
            # Its steps are small products: two threads wait for each other far longer than they compute.
            with _blas().limit(limits=1, user_api="blas"):
                model.fit(matrix, labels, sample_weight=weights)
        learned, offset = np.atleast_2d(model.coef_), np.atleast_1d(model.intercept_)
        if basis is not None:
            learned = learned @ basis.T
        if len(seen) == 2:
            learned, offset = np.concatenate([-learned, learned]) / 2, np.concatenate([-offset, offset]) / 2
        weight[:, seen] = torch.from_numpy(learned.T.astype(np.float32))
        bias[seen] = torch.from_numpy(offset.astype(np.float32))
        return cls(weight, bias)

    @classmethod
    def fit_each(
        cls,
        x: Matrix,
        marks: Bool[np.ndarray, "T C"],
        *,
        strength: float,
        weights: Float32[np.ndarray, " T"] | None = None,
        loss: Loss = "logistic",
    ) -> "LinearHead":
        """Fit one logistic regression, or one squared hinge, for each class against all other rows.

        A class that no row has, or every row, is answered alike for all texts.
        """
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression
        from sklearn.svm import LinearSVC

        width = tuple(x.shape or ())[1]
        weight = torch.zeros(width, marks.shape[1])
        bias = torch.from_numpy(np.where(marks.all(axis=0), -_NEVER, _NEVER).astype(np.float32))
        matrix = x.numpy() if isinstance(x, Tensor) else x
        learned = np.flatnonzero(marks.any(axis=0) & ~marks.all(axis=0))
        with warnings.catch_warnings(), _blas().limit(limits=1, user_api="blas"):
            warnings.simplefilter("ignore", ConvergenceWarning)
            for column in learned:
                if loss == "squared hinge":
                    model, steepness = LinearSVC(C=strength, random_state=0), _STEEPNESS
                else:
                    model, steepness = LogisticRegression(C=strength, max_iter=200), 1.0
                model.fit(matrix, marks[:, column], sample_weight=weights)
                weight[:, column] = torch.from_numpy((steepness * model.coef_[0]).astype(np.float32))
                bias[column] = steepness * float(np.ravel(model.intercept_)[0])
        return cls(weight, bias, each=True)

    @classmethod
    def learned(
        cls,
        x: Matrix,
        data: "Data",
        rows: Int64[np.ndarray, " T"],
        *,
        strength: float,
        loss: Loss = "logistic",
    ) -> "LinearHead":
        """Learn from the labels of ``rows``, of which ``x`` holds the features of all nodes."""
        own, weights = rows_of(x, rows), None if data.weights is None else data.weights[rows]
        if data.marks is not None:
            return cls.fit_each(own, data.marks[rows], strength=strength, weights=weights, loss=loss)
        return cls.fit(own, data.labels[rows], data.classes, strength=strength, weights=weights, loss=loss)

    def probabilities(self, x: Matrix) -> Float32[np.ndarray, "N C"]:
        """Return the class probabilities of every row of ``x``."""
        scores = x @ self.weight if isinstance(x, Tensor) else torch.from_numpy(x @ self.weight.numpy())
        scores = scores + self.bias
        return (torch.sigmoid(scores) if self.each else torch.softmax(scores, dim=1)).numpy()

    def tensors(self) -> dict[str, Tensor]:
        """Return the parameters by name."""
        return {"weight": self.weight, "bias": self.bias}

    @classmethod
    def restored(cls, tensors: Mapping[str, Tensor], *, each: bool = False) -> "LinearHead":
        """Return a saved head."""
        return cls(tensors["weight"], tensors["bias"], each=each)


@lru_cache(maxsize=1)
def _blas() -> "ThreadpoolController":
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _spans_little(x: Float32[np.ndarray, "T F"], classes: int) -> bool:
    """Say whether turning rows to the space they span saves more than it takes.

    It takes rows² × features, and saves a share of rows × features × classes in every step.
    """
    rows, features = x.shape
    return _FEW_ROWS * rows <= features and rows <= _ROWS_A_CLASS * classes


def _turned(
    x: Float32[np.ndarray, "T F"],
) -> tuple[Float32[np.ndarray, "T T"], Float64[np.ndarray, "F T"]]:
    """Return the coordinates of rows in the space that they span, and its orthonormal basis.

    Penalised weights lie in that space (the representer theorem): what is learned there is the same model.
    """
    basis, coordinates = np.linalg.qr(x.T.astype(np.float64))
    return coordinates.T.astype(np.float32), basis


def _first_slope(
    x: np.ndarray | scipy.sparse.csr_array,
    labels: Int64[np.ndarray, " T"],
    weights: Float32[np.ndarray, " T"] | None,
) -> float:
    # With many classes or averaged features it is so small that a fixed tolerance holds before any step.
    classes, at = np.unique(labels, return_inverse=True)
    off = np.full((len(labels), len(classes)), 1 / len(classes), dtype=np.float32)
    off[np.arange(len(labels)), at] -= 1
    if weights is not None:
        off *= weights[:, None]
    total = len(labels) if weights is None else max(float(weights.sum()), 1e-12)
    return float(np.abs(x.T @ off).max() / total)


def rows_of(x: Matrix, rows: Int64[np.ndarray, " T"]) -> Matrix:
    """Return some rows of dense or sparse features."""
    if isinstance(x, Tensor):
        return x[torch.from_numpy(rows)]
    return scipy.sparse.csr_array(x[rows])
