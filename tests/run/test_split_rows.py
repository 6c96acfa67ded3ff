"""Which rows teach, choose and judge."""

from dataclasses import replace

import numpy as np
import pytest
from subjects import table

from graphtune.errors import TableError
from graphtune.run.split import split_rows
from graphtune.table import Table


def plain(counts: list[int], *, unlabelled: int = 0, split: str = "") -> Table:
    known = np.repeat(np.arange(len(counts)), counts)
    labels = np.concatenate([known, np.full(unlabelled, -1)]).astype(np.int64)
    labels = np.random.default_rng(0).permutation(labels)
    names = tuple(str(number) for number in range(len(labels)))
    return Table(
        names, names, labels, tuple(f"class {n}" for n in range(len(counts))), (split,) * len(labels)
    )


def test_a_table_without_a_split_gives_a_stratified_fifth():
    rows = plain([100, 50, 50], unlabelled=40)
    found = split_rows(rows, 0)
    assert np.bincount(rows.labels[found.test]).tolist() == [20, 10, 10]
    assert np.array_equal(np.sort(np.concatenate([found.train, found.test])), np.arange(240))
    assert (rows.labels[found.test] >= 0).all()
    assert not len(found.val)
    (note,) = found.notes
    assert "no split" in note
    assert "(40)" in note
    assert np.array_equal(split_rows(rows, 0).test, found.test)
    assert not np.array_equal(split_rows(rows, 1).test, found.test)


@pytest.mark.parametrize("counts", [[9, 9], [20, 20], [5] * 20, [100] + [4] * 30])
def test_few_labels_are_not_spared(counts):
    found = split_rows(plain(counts), 0)
    assert len(found.train) == sum(counts)
    assert not len(found.test)
    assert "too few to spare" in found.notes[0]


def test_classes_seen_once_or_twice_are_learned_from():
    rows = plain([150, 150, 2, 1])
    found = split_rows(rows, 0)
    assert set(rows.labels[found.test]) == {0, 1}
    assert set(rows.labels[found.train]) == {0, 1, 2, 3}


def test_a_table_that_calls_every_labelled_row_training_is_taken_at_its_word():
    rows = plain([100, 100], unlabelled=20, split="train")
    found = split_rows(rows, 0)
    assert len(found.train) == 220
    assert not len(found.test)
    assert "no test part" in found.notes[0]


def test_unlabelled_training_rows_alone_say_nothing_of_the_split():
    rows = plain([100, 100], unlabelled=20)
    marked = replace(rows, split=tuple("train" if label < 0 else "" for label in rows.labels))
    assert len(split_rows(marked, 0).test) == 40


def test_the_tables_own_split_is_followed():
    rows = table(labelled=4, val=3, test=8)
    found, named = split_rows(rows, 0), np.array(rows.split)
    for part in ("train", "val", "test"):
        assert np.array_equal(getattr(found, part), np.flatnonzero(named == part))
    assert found.notes == ()


def test_rows_without_a_split_beside_others_are_training_rows():
    rows = table(val=3)
    found = split_rows(replace(rows, split=tuple(part.replace("train", "") for part in rows.split)), 0)
    assert np.array_equal(found.train, split_rows(rows, 0).train)


def test_val_rows_need_a_label_of_a_class_that_is_taught():
    rows = table(val=4)
    labels = rows.labels.copy()
    labels[(labels == 2) & (np.array(rows.split) == "train")] = -1
    val = np.flatnonzero(np.array(rows.split) == "val")
    labels[val[0]] = -1
    found = split_rows(replace(rows, labels=labels), 0)
    assert set(labels[found.val]) <= {0, 1}
    assert "without training rows" in found.notes[0]


def test_no_class_to_tell_apart_is_refused():
    rows = table()
    hidden = np.where(np.array(rows.split) == "train", -1, rows.labels)
    with pytest.raises(TableError, match="at least two"):
        split_rows(replace(rows, labels=hidden), 0)


def test_training_rows_that_are_all_the_only_ones_of_their_class_need_val_rows():
    with pytest.raises(TableError, match="Each of the 3 classes has one") as refused:
        split_rows(plain([1, 1, 1], unlabelled=4, split="train"), 0)
    assert "val rows" in refused.value.fix
    rows = plain([2, 1, 1], split="train")
    judge = int(np.flatnonzero(rows.labels == 0)[0])
    parts = tuple("val" if row == judge else "train" for row in range(len(rows)))
    assert list(split_rows(replace(rows, split=parts), 0).val) == [judge]
