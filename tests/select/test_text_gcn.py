"""The network over texts and their words: against a plain one, and new texts against a graph with them."""

import json
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse
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

from graphtune.encoder import Tfidf
from graphtune.errors import PlanError
from graphtune.graph import TextGraph, Words
from graphtune.model import WordsNetwork, WordsTask
from graphtune.select import Data, FeatureMaker, NewRows, TextGCN
from graphtune.select.text_gcn import _rows
from graphtune.strategy import Full, LinearProbe
from text_tasks import texts

ASKED = ("the red tree", "a cat", "", "ran on the mat", "unheard-of", "dog", "the red tree")
QUICK = TextGCN(width=12, dropout=0.1, strategy=Full(rate=0.02, epochs=40))
ROWS = np.arange(36)


def setting(labels: np.ndarray | None = None) -> tuple[Data, NewRows]:
    found, truth = texts()
    maker = FeatureMaker(Tfidf(width=8).fit(found), None)
    data = Data(maker.features(found), {}, truth.numpy() if labels is None else labels, 3)
    return data, NewRows(maker.features(ASKED), {})


def dense(model: WordsNetwork, adjacency: np.ndarray, texts: int, degree: np.ndarray) -> torch.Tensor:
    """Return the scores of all texts as plain matrices give them; ``degree`` with loops."""
    matrix = adjacency + np.eye(len(adjacency), dtype=np.float32)
    spread = torch.from_numpy(matrix / np.sqrt(degree[:, None] * degree[None]))
    of_texts = torch.from_numpy(adjacency[:texts, texts:])
    means = of_texts / of_texts.sum(1, keepdim=True).clamp_min(1e-30)
    x = torch.cat([means @ model.words if model.texts is None else model.texts, model.words])
    hidden = torch.relu(spread @ x + model.bias)
    return (spread @ model.head(hidden))[:texts].detach()


def test_equals_plain_matrices_and_new_texts_those_of_a_graph_that_has_them():
    data, new = setting()
    fitted = QUICK.fit(data, ROWS, seed=0)
    adjacency = fitted.built.graph.scipy().toarray()
    old = fitted.built.graph.texts
    degree = adjacency.sum(1) + 1
    expected = torch.softmax(dense(fitted.model, adjacency, old, degree), 1)
    np.testing.assert_allclose(fitted.at(data, np.arange(old)), expected.numpy(), rtol=1e-4, atol=1e-6)
    # New texts among the old ones, in front of the words; words receive nothing from them.
    links = fitted.built.attach(_rows(ASKED)).stored.toarray()[:, old:]
    size, count = len(adjacency) - old, len(ASKED)
    whole = np.zeros((old + count + size,) * 2, dtype=np.float32)
    kept = np.r_[:old, old + count : len(whole)]
    whole[np.ix_(kept, kept)] = adjacency
    whole[old : old + count, old + count :] = links
    scores = dense(fitted.model, whole, old + count, whole.sum(1) + 1)[old:]
    np.testing.assert_allclose(
        fitted.attach(data, new), torch.softmax(scores, 1).numpy(), rtol=1e-4, atol=1e-6
    )


def test_learns_what_there_is_to_learn_and_comes_back_without_a_text():
    data, new = setting()
    fitted = QUICK.fit(data, ROWS, seed=0)
    assert (fitted.at(data, np.arange(36, 48)).argmax(1) == data.labels[36:]).mean() > 0.8
    assert fitted.learned == len(fitted.built.vocabulary) * 12 + 12 + 12 * 3 + 3
    nothing = Data(data.features.maker.features(()), {}, np.zeros(0, int), 3)
    again = QUICK.restored(nothing, fitted.tensors())
    assert np.array_equal(again.attach(data, new), fitted.attach(data, new))
    assert again.built.graph.texts == 0
    known = NewRows(data.features.maker.features(data.features.texts[:20]), {})
    found = fitted.attach(data, known).argmax(1)
    assert (found == fitted.at(data, np.arange(20)).argmax(1)).mean() > 0.9


def test_texts_may_learn_rows_of_their_own_of_which_none_is_saved():
    data, new = setting()
    own = replace(QUICK, own_rows=True)
    fitted = own.fit(data, ROWS, seed=0)
    words, texts = len(fitted.built.vocabulary), len(data.labels)
    assert fitted.learned == (words + texts) * 12 + 12 + 12 * 3 + 3
    adjacency = fitted.built.graph.scipy().toarray()
    expected = torch.softmax(dense(fitted.model, adjacency, texts, adjacency.sum(1) + 1), 1)
    np.testing.assert_allclose(fitted.at(data, np.arange(texts)), expected.numpy(), rtol=1e-4, atol=1e-6)
    assert (fitted.at(data, np.arange(36, 48)).argmax(1) == data.labels[36:]).mean() > 0.8
    saved = fitted.tensors()
    assert {len(tensor) for tensor in saved.values()}.isdisjoint({texts, words + texts})
    nothing = Data(data.features.maker.features(()), {}, np.zeros(0, int), 3)
    again = own.restored(nothing, saved)
    assert np.array_equal(again.attach(data, new), fitted.attach(data, new))
    known = NewRows(data.features.maker.features(data.features.texts[36:]), {})
    assert (fitted.attach(data, known).argmax(1) == data.labels[36:]).mean() > 0.7


def test_labels_of_other_rows_change_no_bit_and_the_rows_own_do():
    only_its_rows_labels_count(QUICK, setting, ROWS)


def test_the_same_seed_gives_the_same_bits_and_leaves_torchs_own_random_state():
    the_seed_alone_decides(QUICK, setting, ROWS)


def test_a_new_text_is_read_alike_alone_and_among_others():
    data, new = setting()
    fitted = QUICK.fit(data, ROWS, seed=0)
    found = fitted.attach(data, new)
    np.testing.assert_allclose(found[0], found[6], atol=1e-6)
    np.testing.assert_allclose(found[2], found[4], atol=1e-6)  # no word that is known
    a_new_text_is_read_alike_alone_and_among_others(fitted, data, new)


def test_texts_without_words_still_teach_the_shares_of_classes():
    steep = replace(QUICK, strategy=Full(rate=0.1, epochs=60))
    fitted = the_shares_of_classes_are_learned_where_texts_say_nothing(steep, setting)
    assert len(fitted.built.vocabulary) == 0


def test_features_of_texts_are_means_of_their_words():
    graph = TextGraph.from_scipy(
        scipy.sparse.csr_array(
            np.array([[0, 0, 1, 3], [0, 0, 0, 0], [1, 0, 0, 5], [3, 0, 5, 0]], dtype=np.float32)
        ),
        texts=2,
    )
    one = torch.zeros(2, dtype=torch.int64)
    found = WordsTask(graph, one, 2, one, one[:0]).means.scipy().toarray()
    assert found.tolist() == [[0, 0, 0.25, 0.75], [0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]


def test_weights_of_rows_count_and_a_strategy_that_learns_less_learns_the_head():
    data, _ = setting()
    a_heavy_class_is_said_more_often(QUICK, setting, ROWS, blank=2)
    assert replace(QUICK, strategy=LinearProbe(epochs=2)).fit(data, ROWS, seed=0).learned == 12 * 3 + 3


@pytest.mark.parametrize(
    "candidate",
    [
        TextGCN(),
        replace(QUICK, own_rows=True),
        TextGCN(Words(window=5, min_count=3, word_edges=False), width=7),
        TextGCN(Words(stop_words="english")),
    ],
)
def test_round_trip_through_toml(candidate):
    a_plan_names_it(candidate)


def test_stop_words_tell_candidates_apart():
    assert "english stop words" in str(TextGCN(Words(stop_words="english")))
    assert "stop words" not in str(TextGCN())


@pytest.mark.parametrize(("field", "value"), [("width", 0), ("dropout", 1.0)])
def test_a_value_out_of_range_is_refused_with_its_fix(field, value):
    with pytest.raises(PlanError, match=f"{field} = {value}") as told:
        replace(QUICK, **{field: value})
    assert "or more" in told.value.fix


def test_what_cannot_be_learned_is_told():
    data, _ = setting()
    a_deadline_that_has_passed_ends_it(QUICK, data, ROWS)
    several_labels_are_refused(QUICK, data, ROWS)


def test_its_task_tells_one_training_from_another():
    graph = TextGraph.empty(3, texts=2)
    rows = torch.arange(2)
    task = WordsTask(graph, rows, 2, rows, rows[:0])
    others = [
        replace(task, labels=rows.flip(0)),
        replace(task, weights=torch.ones(2)),
        replace(task, val=rows),
    ]
    assert len({json.dumps(list(one.digest())) for one in (task, *others)}) == 4
