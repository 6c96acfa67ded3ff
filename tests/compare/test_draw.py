"""Fewer labels, and rows to judge by."""

from dataclasses import replace

import numpy as np
import pytest
from small import table

from graphtune.compare.draw import counts_offered, divided, drawn, hidden, judging
from graphtune.errors import TableError
from graphtune.table import Table


def test_so_many_labels_a_class_are_kept_and_no_text_is_lost():
    whole = divided(table(), 0)
    few = drawn(whole, 4, seed=3)
    training = np.array(few.split) == "train"
    assert np.bincount(few.labels[training & (few.labels >= 0)]).tolist() == [4, 4, 4]
    assert few.texts == whole.texts
    np.testing.assert_array_equal(few.labels[~training], whole.labels[~training])
    assert not np.array_equal(drawn(whole, 4, seed=4).labels, few.labels)
    np.testing.assert_array_equal(drawn(whole, 4, seed=3).labels, few.labels)
    assert drawn(whole, None, seed=3) is whole


def test_few_labels_do_not_choose_by_many_val_rows():
    rows = table()
    split = tuple("val" if part == "train" and at % 2 else part for at, part in enumerate(rows.split))
    few = drawn(divided(replace(rows, split=split), 0), 4, seed=0)
    assert "val" not in few.split
    assert (few.labels[np.array(few.split) == "train"] >= 0).sum() == 12


def test_no_test_label_is_left_to_see():
    whole = divided(table(), 0)
    seen = hidden(whole)
    judged = np.array(whole.split) == "test"
    assert (seen.labels[judged] == -1).all()
    np.testing.assert_array_equal(seen.labels[~judged], whole.labels[~judged])
    assert len(judging(whole)) == judged.sum()


def test_a_table_without_test_rows_is_divided_or_judged_by_its_val_rows():
    rows = table()
    bare = divided(replace(rows, split=("",) * len(rows)), 0)
    assert 0.15 * len(rows) < len(judging(bare)) < 0.25 * len(rows)
    val = divided(replace(rows, split=tuple(p.replace("test", "val") for p in rows.split)), 0)
    assert val.split == rows.split
    assert "val rows judge" in val.notes[-1].text


def test_one_labelled_row_a_class_leaves_nothing_to_judge_by():
    bare = Table(("1", "2", "3"), ("one", "two", "three"), np.array([0, 1, -1]), ("a", "b"), ("", "", ""))
    with pytest.raises(TableError, match="one labelled training row only") as caught:
        divided(bare, 0)
    assert "label more training rows" in caught.value.fix
    judged = replace(bare, labels=np.array([0, 1, 0]), split=("train", "train", "test"))
    with pytest.raises(TableError, match="nothing is left to choose a model by"):
        divided(judged, 0)


def test_counts_that_change_nothing_are_said_and_dropped():
    whole = divided(table(), 0)  # 53 or 54 labels a class
    assert counts_offered(whole, (5, 20, None))[0] == (5, 20, None)
    kept, notes = counts_offered(whole, (None, 60, 5))
    assert kept == (5, None)
    assert "60 labels a class" in notes[0]
    assert counts_offered(whole, (60,))[0] == (None,)
