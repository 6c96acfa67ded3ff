import numpy as np
import pytest

from graphtune.errors import TableError
from graphtune.table import from_lists


def test_none_nan_and_minus_one_are_unlabelled():
    table = from_lists(list("abcdefg"), [3, 5, None, -1, float("nan"), np.int64(3), 5.0])
    assert table.classes == ("3", "5")
    assert table.labels.tolist() == [0, 1, -1, -1, -1, 0, 1]
    assert table.ids == tuple("0123456")


def test_class_names_are_taken_as_they_are():
    table = from_lists(np.array(list("abcdef")), np.array(["x", "x", " X", " X", "-1", "-1"]))
    assert table.classes == (" X", "-1", "x")


def test_lists_without_labels_are_to_predict():
    table = from_lists(["a", None], ids=[7, 8.0], split=["train", "dev"], weights=[1, 0.5])
    assert table.ids == ("7", "8")
    assert table.split == ("train", "val")
    assert table.texts == ("a", "")
    assert table.weights is not None
    assert table.weights.tolist() == [1, 0.5]


def test_no_texts_can_be_predicted_but_not_learned_from():
    assert len(from_lists([])) == 0
    with pytest.raises(TableError, match="no texts"):
        from_lists([], [])


def test_every_list_of_the_wrong_length_is_named():
    with pytest.raises(TableError) as caught:
        from_lists(["a", "b"], ["x"], ids=["1", "2", "3"])
    assert "1 label for 2 texts" in caught.value.problem
    assert "3 ids for 2 texts" in caught.value.problem


@pytest.mark.parametrize(
    ("texts", "labels", "problem"),
    [
        ("abc", None, "one str"),
        ([["a"], "b"], None, "holds no texts in 1 row: row 1: list"),
        (["a", "b\0"], None, "NUL bytes in the text of row 2"),
        (["a", "b"], ["x", "x"], "one class, 'x'"),
        (["a", "b", "c"], ["x", "x", "y"], "one training row only: 'y'"),
        (["a", "b", "c"], [["x"], "x", "y"], "holds no names in 1 row: row 1: list"),
        (["a", "b"], [None, -1], "no row has a label"),
    ],
)
def test_lists_that_cannot_be_used(texts, labels, problem):
    with pytest.raises(TableError) as caught:
        from_lists(texts, labels)
    assert problem in caught.value.problem
