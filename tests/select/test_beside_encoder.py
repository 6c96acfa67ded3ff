"""Ladder and adapters as candidates: new rows as if they had been there, early exits, whole after a save."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from candidate_laws import (
    a_deadline_that_has_passed_ends_it,
    a_plan_names_it,
    only_its_rows_labels_count,
    the_seed_alone_decides,
)

from graphtune.encoder import Tfidf
from graphtune.errors import EncoderError, PlanError
from graphtune.graph import Neighbours
from graphtune.layer import APPNP, GAT, GCN
from graphtune.model import Batch
from graphtune.plan import Plan
from graphtune.select import Data, FeatureMaker, GraphAdapter, Ladder, NamedGraph, NewRows, Probe
from graphtune.select.side import block_rows, blocks_of
from graphtune.strategy import EveryExit, Full
from text_tasks import texts, tiny

ROWS = np.arange(36)
NAMED = NamedGraph("meaning", Neighbours(5))
LADDER = Ladder(width=8, dropout=0.2, strategy=EveryExit(epochs=30))
ADAPTER = GraphAdapter(width=8, strategy=Full(rate=0.01, epochs=30))
BOTH = pytest.mark.parametrize("candidate", [LADDER, ADAPTER], ids=["ladder", "adapter"])


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPHTUNE_CACHE", str(tmp_path / "cache"))


def setting(labels: np.ndarray | None = None, *, stored: int = 44) -> tuple[Data, NewRows]:
    found, truth = texts()
    maker = FeatureMaker(tiny(), None)
    here, there = maker.features(found[:stored]), maker.features(found[stored:])
    built = NAMED.builder.build(NAMED.rows(here, [str(n) for n in range(stored)], None))
    known = truth.numpy()[:stored] if labels is None else labels
    names = [f"n{number}" for number in range(len(there))]
    return Data(here, {"meaning": built}, known, 3), NewRows(
        there, {"meaning": NAMED.rows(there, names, None)}
    )


@BOTH
def test_learns_and_its_probabilities_are_some(candidate):
    data, new = setting()
    fitted = candidate.fit(data, ROWS, seed=0)
    found = fitted.at(data, np.arange(44))
    assert (found[:36].argmax(axis=1) == data.labels[:36]).mean() > 0.8
    for probabilities in (found, fitted.attach(data, new)):
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


@BOTH
def test_labels_of_other_rows_change_no_bit_and_the_rows_own_do(candidate):
    only_its_rows_labels_count(candidate, setting, ROWS)


@BOTH
def test_the_same_seed_gives_the_same_bits_and_leaves_torchs_own_random_state(candidate):
    the_seed_alone_decides(candidate, setting, ROWS)


@BOTH
@pytest.mark.parametrize("layer", [GCN, GAT, APPNP])
def test_new_rows_are_scored_as_in_the_whole_extended_graph(candidate, layer):
    data, new = setting()
    fitted = replace(candidate, layer=layer).fit(data, ROWS, seed=0)
    whole = new.attachment("meaning", data.graphs["meaning"]).extend(data.graphs["meaning"].graph)
    both = [block_rows(tiny(), features, fitted.blocks) for features in (data.features, new.features)]
    fresh = torch.arange(44, 48)
    with torch.no_grad():
        scores = fitted.model(Batch(torch.cat(both), whole, fresh, fresh))
    expected = torch.softmax(scores, dim=1).numpy()
    np.testing.assert_allclose(fitted.attach(data, new), expected, atol=1e-5)


@BOTH
def test_is_restored_bit_for_bit_without_the_stored_rows_blocks(candidate):
    data, new = setting()
    fitted = candidate.fit(data, ROWS, seed=0)
    tensors = {name: tensor.clone() for name, tensor in fitted.tensors().items()}
    bare = replace(data, features=data.features.maker.features(()))
    again = candidate.restored(bare, tensors)
    assert np.array_equal(again.attach(data, new), fitted.attach(data, new))
    assert again.learned == fitted.learned


@BOTH
def test_a_new_rows_prediction_does_not_depend_on_its_company(candidate):
    data, new = setting()
    found = candidate.fit(data, ROWS, seed=0).attach(data, new)
    alone = data.features.maker.features(new.features.texts[:1])
    one = NewRows(alone, {"meaning": NAMED.rows(alone, ["n0"], None)})
    np.testing.assert_allclose(candidate.fit(data, ROWS, seed=0).attach(data, one)[0], found[0], atol=1e-5)


@BOTH
def test_a_large_graph_is_sampled_and_scored_exactly(candidate):
    data, new = setting()
    sampled = replace(candidate, sampled_from=0, fanouts=(2, 1))
    fitted = sampled.fit(data, ROWS, seed=0)
    whole = candidate.fit(data, ROWS, seed=0)
    assert not np.array_equal(fitted.attach(data, new), whole.attach(data, new))
    x = block_rows(tiny(), data.features, fitted.blocks)
    every = torch.arange(44)
    with torch.no_grad():
        scores = fitted.model(Batch(x, data.graphs["meaning"].graph, every, every))
    np.testing.assert_allclose(fitted.at(data, np.arange(44)), torch.softmax(scores, dim=1), atol=1e-5)


def test_adapters_that_do_not_learn_are_the_frozen_encoder_under_its_head():
    data, new = setting()
    still = replace(ADAPTER, strategy=Full(rate=0.0, decay=0.0, epochs=1))
    frozen = Probe("meaning", 10.0).fit(data, ROWS, seed=0)
    found = still.fit(data, ROWS, seed=0)
    np.testing.assert_allclose(found.at(data, np.arange(44)), frozen.at(data, np.arange(44)), atol=1e-5)
    np.testing.assert_allclose(found.attach(data, new), frozen.attach(data, new), atol=1e-5)


def probabilities(*best: tuple[int, float]) -> np.ndarray:
    """Return a row for each best class and its probability."""
    rows = np.zeros((len(best), 3), dtype=np.float32)
    for at, (one, share) in enumerate(best):
        rows[at] = (1 - share) / 2
        rows[at, one] = share
    return rows


FOUND = (
    probabilities((0, 0.95), (0, 0.5), (0, 0.5)),
    probabilities((1, 0.60), (0, 0.6), (1, 0.9)),
    probabilities((1, 0.70), (0, 0.7), (2, 0.5)),
    probabilities((1, 0.99), (2, 0.8), (1, 0.5)),
)


@pytest.mark.parametrize(
    ("sure", "patience", "expected"),
    [
        (None, None, [3, 3, 3]),
        (0.9, None, [0, 3, 1]),
        (0.5, None, [0, 0, 0]),
        (None, 1, [2, 1, 3]),
        (None, 2, [3, 2, 3]),
        (0.9, 1, [0, 1, 1]),
        (1.0, 9, [3, 3, 3]),
    ],
)
def test_every_row_leaves_by_its_own_exit(sure, patience, expected):
    may = Ladder(sure=sure, patience=patience).content(FOUND)
    may[-1] = True
    assert may.argmax(axis=0).tolist() == expected
    # What is known at an exit does not depend on those above.
    for count in (1, 2, 3):
        first = Ladder(sure=sure, patience=patience).content(FOUND[:count])
        assert np.array_equal(first[:count], Ladder(sure=sure, patience=patience).content(FOUND)[:count])


def test_leaving_by_the_last_exit_is_the_full_ladder_and_earlier_ones_are_theirs():
    data, new = setting()
    full = LADDER.fit(data, ROWS, seed=0)
    every = [torch.softmax(scores, dim=1).numpy() for scores in full.every(data, new)]
    assert len(every) == 3
    for setting_, expected in (({"patience": 3}, every[2]), ({"sure": 0.3}, every[0])):
        leaving = replace(LADDER, **setting_)
        again = leaving.restored(data, full.tensors())
        np.testing.assert_array_equal(again.attach(data, new), expected)
    np.testing.assert_array_equal(full.attach(data, new), every[2])


def uncached(data: Data, asked: tuple[str, ...]) -> NewRows:
    features = data.features.maker.features(asked, cached=False)
    return NewRows(features, {"meaning": NAMED.rows(features, [f"n{n}" for n in range(len(asked))], None)})


ASKED = ("the red tree", "a cat on the mat", "", "ran on the mat the quick dog", "the red tree")


@pytest.mark.parametrize("rule", [{"sure": 0.4}, {"sure": 0.7}, {"patience": 1}, {"sure": 1.0}])
def test_blocks_that_are_worked_out_one_by_one_give_the_same(rule):
    data, _ = setting()
    fitted = replace(LADDER, **rule).fit(data, ROWS, seed=0)
    every = [torch.softmax(one, dim=1).numpy() for one in fitted.every(data, uncached(data, ASKED))]
    may = fitted.candidate.content(every)
    may[-1] = True
    expected = np.stack(every)[may.argmax(axis=0), np.arange(len(ASKED))]
    np.testing.assert_allclose(fitted.attach(data, uncached(data, ASKED)), expected, atol=1e-5)


def test_a_row_that_leaves_early_saves_the_blocks_above(monkeypatch):
    data, _ = setting()
    fitted = replace(LADDER, sure=0.34).fit(data, ROWS, seed=0)
    seen = []
    original = type(tiny()).climbing

    def watched(self, texts):
        for rows, blocks in original(self, texts):
            yield rows, (seen.append(number) or one for number, one in enumerate(blocks))

    monkeypatch.setattr(type(tiny()), "climbing", watched)
    fitted.attach(data, uncached(data, ASKED[:1]))
    assert seen == [0, 1]  # of the embedding and three blocks


def test_which_blocks_are_read():
    data, _ = setting()
    assert blocks_of(tiny(), ()) == (1, 2, 3)
    assert [len(one.fit(data, ROWS, seed=0).model.rungs) for one in (LADDER, ADAPTER)] == [3, 3]
    assert replace(LADDER, blocks=(0, 2)).fit(data, ROWS, seed=0).blocks == (0, 2)
    assert replace(ADAPTER, blocks=(1,)).fit(data, ROWS, seed=0).blocks == (1, 3)
    with pytest.raises(EncoderError, match="no block 4"):
        replace(LADDER, blocks=(1, 4)).fit(data, ROWS, seed=0)


@BOTH
@pytest.mark.parametrize("blocks", [(2, 1), (1, 1), (-1,)])
def test_blocks_that_do_not_rise_are_refused(candidate, blocks):
    with pytest.raises(PlanError, match="do not rise"):
        replace(candidate, blocks=blocks)


@pytest.mark.parametrize(("field", "value"), [("sure", 0.0), ("sure", 1.1), ("patience", 0)])
def test_a_value_out_of_range_is_refused(field, value):
    with pytest.raises(PlanError, match=f"{field} = "):
        Ladder(**{field: value})


@BOTH
def test_a_deadline_that_has_passed_ends_it(candidate):
    data, _ = setting()
    a_deadline_that_has_passed_ends_it(candidate, data, ROWS)


@BOTH
def test_what_is_no_transformer_has_no_blocks(candidate):
    found, truth = texts()
    words = Tfidf(width=8).fit(found)
    data = Data(FeatureMaker(words, words).features(found), {}, truth.numpy(), 3)
    with pytest.raises(PlanError, match="blocks of a transformer"):
        candidate.fit(data, ROWS, seed=0)


@BOTH
def test_round_trip_through_toml(candidate):
    a_plan_names_it(replace(candidate, layer=GAT, blocks=(1, 3)))
    assert Plan.from_text('[[candidates]]\nkind = "Ladder"\nsure = 0.9').candidates == (Ladder(sure=0.9),)
