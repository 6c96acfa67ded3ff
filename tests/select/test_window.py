"""The network over words as a candidate: each text by itself, the same bits again, whole after a save."""

import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from candidate_laws import (
    a_deadline_that_has_passed_ends_it,
    a_heavy_class_is_said_more_often,
    a_new_text_is_read_alike_alone_and_among_others,
    a_plan_names_it,
    only_its_rows_labels_count,
    several_labels_are_refused,
    the_seed_alone_decides,
    the_shares_of_classes_are_learned_where_texts_say_nothing,
)

from graphtune.encoder import Static, Tfidf
from graphtune.encoder.words_in_context import WordsInContext
from graphtune.errors import EncoderError, PlanError
from graphtune.select import Data, FeatureMaker, NewRows, Window
from graphtune.select.data import OutOfTime
from graphtune.select.turns import Turns
from graphtune.select.window import in_context
from graphtune.strategy import Full, LinearProbe
from text_tasks import texts, tiny

ASKED = ("the red tree", "a cat", "", "ran on the mat", "😀", "dog", "the red tree")
QUICK = Window(width=12, dropout=0.1, strategy=Full(rate=0.02, epochs=15), batch_rows=16)
ROWS = np.arange(36)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPHTUNE_CACHE", str(tmp_path / "cache"))


def encoder(kind: str):
    return {"transformer": tiny, "static": lambda: Static(tiny().name).fit(()), "tfidf": _terms}[kind]()


def _terms():
    return Tfidf(width=8).fit(texts()[0])


def setting(labels: np.ndarray | None = None, kind: str = "static") -> tuple[Data, NewRows]:
    found, truth = texts()
    maker = FeatureMaker(encoder(kind), None)
    data = Data(maker.features(found), {}, truth.numpy() if labels is None else labels, 3)
    return data, NewRows(maker.features(ASKED), {})


@pytest.mark.parametrize("kind", ["transformer", "static", "tfidf"])
def test_learns_what_there_is_to_learn_whatever_the_words_are_of(kind):
    data, new = setting(kind=kind)
    fitted = QUICK.fit(data, ROWS, seed=0)
    found = fitted.at(data, np.arange(36, 48))
    assert (found.argmax(axis=1) == data.labels[36:]).mean() > 0.8
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    assert fitted.learned == sum(tensor.numel() for tensor in fitted.tensors().values())
    again = QUICK.restored(Data(data.features.maker.features(()), {}, np.zeros(0, int), 3), fitted.tensors())
    assert np.array_equal(again.attach(data, new), fitted.attach(data, new))


def test_words_may_be_read_where_they_stand(monkeypatch):
    data, new = setting(kind="transformer")
    told = replace(QUICK, block=2)
    fitted = told.fit(data, ROWS, seed=0)
    assert str(told).startswith("words of block 2 within 3(")
    found = fitted.at(data, np.arange(36, 48))
    assert (found.argmax(axis=1) == data.labels[36:]).mean() > 0.8
    np.testing.assert_allclose(fitted.attach(data, new)[0], fitted.attach(data, new)[6], atol=1e-6)
    again = told.restored(Data(data.features.maker.features(()), {}, np.zeros(0, int), 3), fitted.tensors())
    assert np.array_equal(again.attach(data, new), fitted.attach(data, new))
    only_its_rows_labels_count(told, lambda labels=None: setting(labels, "transformer"), ROWS)


def test_the_labelled_texts_are_read_once_for_all_parts(monkeypatch):
    data, _ = setting(kind="transformer")
    told, read, of = replace(QUICK, block=1), [], WordsInContext.of

    def counted(encoder, asked, block):
        read.append(len(asked))
        return of(encoder, asked, block)

    monkeypatch.setattr(WordsInContext, "of", counted)
    for rows, held in ((ROWS[:24], ROWS[24:]), (ROWS[12:], ROWS[:12])):
        fitted = told.fit(data, rows, seed=0)
        found = fitted.at(data, held)
        assert len(read) == 1
    np.testing.assert_allclose(
        found, fitted.probabilities([data.features.texts[at] for at in held]), atol=2e-3
    )
    assert read == [48, 12]
    data.labels[:12] = -1
    assert fitted.at(data, held).shape == (12, 3)
    assert read == [48, 12, 12]


def test_a_nodes_row_is_the_mean_of_its_places_standardised():
    asked = ("dog cat dog", "", "cat")
    words = WordsInContext.of(tiny(), asked, 1)
    graphs, rows = in_context(words, 3)
    first = graphs.sizes[0]
    assert graphs.words.tolist() == [*range(first), -1, *range(first + 1, len(graphs.words))]
    states, mask = words.states.padded(np.arange(1))
    assert mask.sum() == len(words.words[: words.starts[1]]) == 5  # a mark at either end
    ids = words.words[:5]
    for node, word in enumerate(np.unique(ids)):
        mean = states[0, torch.from_numpy(ids == word)].mean(0)
        expected = torch.nn.functional.layer_norm(mean, mean.shape)
        torch.testing.assert_close(rows[node].float(), expected, atol=0.02, rtol=0.02)
    assert not rows[first].any()


def test_labels_of_other_rows_change_no_bit_and_the_rows_own_do():
    only_its_rows_labels_count(QUICK, setting, ROWS)


def test_the_same_seed_gives_the_same_bits_and_leaves_torchs_own_random_state():
    the_seed_alone_decides(QUICK, setting, ROWS)


def test_a_text_is_read_alike_as_a_node_and_as_a_new_row_and_among_others(monkeypatch):
    data, new = setting()
    fitted = QUICK.fit(data, ROWS, seed=0)
    found = fitted.attach(data, new)
    np.testing.assert_allclose(found[0], found[6], atol=1e-6)
    np.testing.assert_allclose(found[2], found[4], atol=1e-6)  # nothing to read in either
    a_new_text_is_read_alike_alone_and_among_others(fitted, data, new)
    known = NewRows(data.features.maker.features(data.features.texts[:2]), {})
    np.testing.assert_allclose(fitted.attach(data, known), fitted.at(data, np.arange(2)), atol=1e-6)
    monkeypatch.setattr("graphtune.select.window._READ_AT_ONCE", 3)
    np.testing.assert_allclose(fitted.attach(data, new), found, atol=1e-6)


def test_an_empty_table_of_words_still_learns_the_shares_of_classes():
    steep = replace(QUICK, strategy=Full(rate=0.05, epochs=20))
    the_shares_of_classes_are_learned_where_texts_say_nothing(steep, setting)


def test_of_many_rows_some_decide_when_to_stop(monkeypatch):
    found, truth = texts(120)
    maker = FeatureMaker(encoder("static"), None)
    data = Data(maker.features(found), {}, truth.numpy(), 3)
    monkeypatch.setattr("graphtune.select.window._PATIENCE", 1)
    slow = replace(QUICK, strategy=Full(rate=0.5, epochs=1000))
    assert slow.fit(data, np.arange(120), seed=0).attach(data, setting()[1]).shape == (7, 3)


def test_weights_of_rows_count():
    a_heavy_class_is_said_more_often(QUICK, setting, ROWS, blank=2)


def test_a_strategy_that_learns_less_learns_the_head():
    data, _ = setting()
    fitted = replace(QUICK, strategy=LinearProbe(epochs=2)).fit(data, ROWS, seed=0)
    assert fitted.learned == 12 * 3 + 3


@pytest.mark.parametrize("candidate", [Window(), QUICK, replace(QUICK, strategy=LinearProbe(), window=5)])
def test_round_trip_through_toml(candidate):
    a_plan_names_it(candidate)


@pytest.mark.parametrize(
    ("field", "value"),
    [("window", 1), ("steps", -1), ("width", 0), ("dropout", 1.0), ("batch_rows", 0), ("block", 0)],
)
def test_a_value_out_of_range_is_refused_with_its_fix(field, value):
    with pytest.raises(PlanError, match=f"{field} = {value}") as told:
        replace(QUICK, **{field: value})
    assert "or more" in told.value.fix


def test_a_block_that_is_not_there_is_told():
    data, _ = setting(kind="transformer")
    with pytest.raises(EncoderError, match="99"):
        replace(QUICK, block=99).fit(data, ROWS, seed=0)
    with pytest.raises(EncoderError, match="no word in its context") as told:
        replace(QUICK, block=1).fit(setting()[0], ROWS, seed=0)
    assert "transformer" in told.value.fix


def test_what_cannot_be_learned_is_told():
    data, _ = setting()
    a_deadline_that_has_passed_ends_it(QUICK, data, ROWS)
    several_labels_are_refused(QUICK, data, ROWS)


def test_a_turn_ends_it_with_the_best_weights_until_then():
    data, new = setting()
    slow = replace(QUICK, strategy=Full(rate=0.02, epochs=10**6))
    begun = time.monotonic()
    turns = Turns(begun + 2.0, left=2)
    found = slow.fit(replace(data, turns=turns), ROWS, seed=0)
    assert 0.9 < time.monotonic() - begun < 1.8
    assert (turns.left, turns.cut) == (1, 1)
    right = found.at(data, np.arange(36, 48)).argmax(axis=1) == data.labels[36:]
    assert right.mean() > 0.8
    calm = Turns(time.monotonic() + 600, left=3)
    same = QUICK.fit(replace(data, turns=calm), ROWS, seed=0).attach(data, new)
    assert calm.cut == 0
    assert np.array_equal(same, QUICK.fit(data, ROWS, seed=0).attach(data, new))


def test_a_deadline_before_the_end_of_the_turn_counts_for_more():
    data, _ = setting()
    turns = Turns(time.monotonic() + 600)
    for late in (-1.0, 0.3):
        given = replace(data, turns=turns, deadline=time.monotonic() + late)
        with pytest.raises(OutOfTime):
            replace(QUICK, strategy=Full(epochs=10**6)).fit(given, ROWS, seed=0)


def test_turns_share_what_is_left():
    begun = time.monotonic()
    turns = Turns(begun + 100, left=4)
    assert turns.next() - begun == pytest.approx(25, abs=0.5)
    assert turns.next() - begun == pytest.approx(100 / 3, abs=0.5)  # the first took nothing of its turn
    assert [turns.next() - begun for _ in range(3)][1:] == pytest.approx([100, 100], abs=0.5)
    assert Turns(begun - 5, left=9).next() - begun == pytest.approx(1, abs=0.5)
