"""Folds are partitions; a judging row never teaches."""

import numpy as np
import pytest
from corpus import setting
from hypothesis import given, settings
from hypothesis import strategies as st

from graphtune.select import Probe
from graphtune.select.held_out import HeldOut, Part


def judging(held_out: HeldOut) -> int:
    """Return how many different rows judge."""
    return int(held_out.ends[-1]) // held_out.repeats


def folds(counts: list[int], *, seed: int = 0) -> tuple[HeldOut, np.ndarray, np.ndarray]:
    """Return folds of as many labelled rows of each class, with unlabelled rows between them."""
    known = np.repeat(np.arange(len(counts)), counts)
    labels = np.full(2 * len(known), -1, dtype=np.int64)
    rows = np.sort(np.random.default_rng(seed).permutation(len(labels))[: len(known)])
    labels[rows] = np.random.default_rng(seed + 1).permutation(known)
    return HeldOut.folds(rows, labels, seed), rows, labels


def repeats_of(held_out: HeldOut) -> list[tuple]:
    size = len(held_out.parts) // held_out.repeats
    return [held_out.parts[start : start + size] for start in range(0, len(held_out.parts), size)]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 12), min_size=2, max_size=6).filter(lambda c: max(c) > 1), st.integers(0, 99))
def test_each_repeat_divides_the_labelled_rows_but_those_alone_in_their_class(counts, seed):
    held_out, rows, labels = folds(counts, seed=seed)
    divided = rows[[counts[label] > 1 for label in labels[rows]]]
    for parts in repeats_of(held_out):
        assert np.array_equal(np.sort(np.concatenate([part.held for part in parts])), divided)
    for part in held_out.parts:
        assert np.array_equal(np.sort(np.concatenate([part.train, part.held])), rows)
        assert np.array_equal(part.labels, labels[part.held])
        assert part.new is None
    assert judging(held_out) == len(divided)
    assert np.array_equal(held_out.labels, labels[np.concatenate([part.held for part in held_out.parts])])
    assert held_out.ends[-1] == len(held_out.labels)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(5, 12), min_size=2, max_size=5))
def test_folds_are_stratified(counts):
    held_out, _, _ = folds(counts)
    for part in held_out.parts:
        share = np.bincount(part.labels, minlength=len(counts))
        assert (np.abs(share - np.array(counts) / 5) < 1).all()


def test_few_rows_judge_three_times_in_different_folds():
    held_out, _, _ = folds([10, 10])
    first, second, third = repeats_of(held_out)
    assert held_out.repeats == 3
    drawn = {tuple(map(tuple, (part.held for part in parts))) for parts in (first, second, third)}
    assert len(drawn) == 3
    assert "5 stratified folds" in held_out.said
    assert "three times" in held_out.said


@pytest.mark.parametrize(
    ("counts", "parts", "first", "rows", "said"),
    [
        ([200, 200], 5, 5, 400, "5 stratified folds"),
        ([2500, 1700], 6, 1, 4200, "one part in 6"),
        ([13000, 8000], 1, 1, 3500, "one part in 6"),
    ],
)
def test_more_rows_judge_once_of_many_one_part_first_of_most_one_only(counts, parts, first, rows, said):
    held_out, _, _ = folds(counts)
    assert (held_out.repeats, len(held_out.parts), held_out.first, judging(held_out)) == (
        1,
        parts,
        first,
        rows,
    )
    assert said in held_out.said


@pytest.mark.parametrize(("counts", "parts"), [([2, 2, 2], 2), ([1, 2, 2], 2), ([1, 3], 3), ([9, 1, 1], 5)])
def test_classes_seen_once_or_twice(counts, parts):
    held_out, _, _ = folds(counts)
    assert len(held_out.parts) == 3 * parts


def test_the_same_seed_draws_the_same_folds():
    first, again, other = folds([9, 9])[0], folds([9, 9])[0], folds([9, 9], seed=1)[0]
    assert all(np.array_equal(a.held, b.held) for a, b in zip(first.parts, again.parts, strict=True))
    assert any(not np.array_equal(a.held, b.held) for a, b in zip(first.parts, other.parts, strict=True))


def test_given_rows_judge_as_new_texts():
    data, new = setting()
    part = Part(np.arange(45), np.arange(0), new, np.arange(12) % 3)
    held_out = HeldOut.given(part, data.labels, 0)
    expected = Probe("words").fit(data, np.arange(45), seed=0).attach(data, new)
    assert np.array_equal(held_out.parts[0].predict(Probe("words"), data, 0), expected)


def test_few_given_rows_judge_together_with_folds_of_the_others():
    data, new = setting()
    part = Part(np.arange(45), np.arange(0), new, np.arange(12) % 3)
    held_out = HeldOut.given(part, data.labels, 0)
    assert held_out.parts[0] is part
    rows = np.concatenate([fold.held for fold in held_out.parts[1:]])
    assert np.array_equal(np.sort(rows), np.arange(45))
    assert judging(held_out) == 12 + 45
    assert not held_out.drawn


@pytest.mark.parametrize(("count", "labels"), [(500, np.arange(45) % 3), (12, np.arange(45))])
def test_given_rows_judge_alone_where_they_are_many_or_no_fold_can_be_drawn(count, labels):
    _, new = setting()
    part = Part(np.arange(45), np.arange(0), new, np.arange(count) % 3)
    held_out = HeldOut.given(part, labels, 0)
    assert held_out.parts == (part,)
    assert judging(held_out) == count


@pytest.mark.parametrize("counts", [[1] * 12, [1] * 11 + [20], [1, 6], [3, 1, 1]])
def test_rows_of_several_labels_that_are_alone_with_their_rarest_judge_too(counts):
    labels = np.repeat(np.arange(len(counts)), counts)
    rows = np.arange(len(labels))
    held_out = HeldOut.folds(rows, labels, 0, several=True)
    for parts in repeats_of(held_out):
        assert np.array_equal(np.sort(np.concatenate([part.held for part in parts])), rows)
    part = Part(rows, rows[:0], None, labels[:1])
    assert len(HeldOut.given(part, labels, 0, several=True).parts) > 1


def test_what_is_said_of_one_part_alone_is_what_judged():
    labels = np.arange(40, dtype=np.int64) % 4
    held_out = HeldOut.folds(np.arange(40), labels, 0)
    assert held_out.only(len(held_out.parts)).said == held_out.said
    assert held_out.only(1).said == f"{held_out.said}; the first 1 of these 15 parts alone"


def test_fewer_rows_judge_and_the_others_teach():
    labels = np.arange(400, dtype=np.int64) % 4
    part = HeldOut.folds(np.arange(400), labels, 0).parts[0]
    fewer = part.fewer(30)
    assert len(fewer.held) == len(fewer.labels) == 30
    assert np.array_equal(fewer.held, part.held[:30])
    assert np.array_equal(np.union1d(fewer.train, fewer.held), np.arange(400))
    assert not np.intersect1d(fewer.train, fewer.held).size
    # They are in no order, so that the first are like all.
    assert (np.diff(fewer.held) < 0).any()
    assert part.fewer(1000) is part
