"""The checks of types and shapes that every test runs under."""

import numpy as np
import pytest
from jaxtyping import Float32, TypeCheckError, jaxtyped

from graphtune.select.calibration import class_shares
from typechecking import checked


@jaxtyped(typechecker=checked)
def first(rows: Float32[np.ndarray, "N D"], weights: Float32[np.ndarray, " D"]) -> Float32[np.ndarray, " N"]:
    return rows @ weights if len(weights) > 1 else rows


@pytest.mark.parametrize("call", range(2))  # the first makes the check, the second uses it
def test_wrong_arguments_and_wrong_results_are_refused(call):
    rows, weights = np.ones((3, 2), dtype=np.float32), np.ones(2, dtype=np.float32)
    assert first(rows, weights).tolist() == [2, 2, 2]
    with pytest.raises(TypeCheckError, match="weights"):
        first(rows, np.ones(3, dtype=np.float32))
    with pytest.raises(TypeCheckError, match="return"):
        first(rows[:, :1], weights[:1])
    with pytest.raises(TypeCheckError, match="rows"):
        first(rows.astype(np.float64), weights)


def test_the_package_is_under_them():
    with pytest.raises(TypeCheckError, match="labelled"):
        class_shares(np.full((50, 2), 0.5, dtype=np.float32), np.full(3, 1 / 3))
