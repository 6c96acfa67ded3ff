"""Every score: a number a node, whatever the nodes' order; and how scores are held against each other."""

import math
from dataclasses import replace
from functools import lru_cache

import pytest

from graphtune.errors import PlanError
from graphtune.structure import ModelGraph
from graphtune.structure import scores as all_scores
from graphtune.structure.rank_correlation import rank_correlation
from graphtune.structure.scores import LastBlocks, Measured, Random, Score, Taylor, Uniform
from graphtune.structure.task_columns import TASK_COLUMNS
from small_structure import graph_of
from text_tasks import small_text_model

PURPOSES = ("tune", "prune", "quantise")
every = pytest.mark.parametrize("score", [cls() for cls in all_scores.ALL], ids=str)


@lru_cache(maxsize=1)
def graph() -> ModelGraph:
    bare = graph_of(small_text_model(0))
    names = (*TASK_COLUMNS, "tuning gain", "pruning loss", "quantisation loss")
    count = len(bare.nodes)
    return bare.with_columns(
        {n: [(7 * at + i) % 11 + 0.5 for at in range(count)] for i, n in enumerate(names)}
    )


@every
def test_a_number_a_node_and_the_same_again(score):
    own = graph()
    assert isinstance(score, Score)
    for purpose in PURPOSES:
        found = score.of(own, purpose)
        assert len(found) == len(own.nodes)
        assert found == score.of(own, purpose)


@every
def test_the_order_of_the_nodes_does_not_matter(score):
    own = graph()
    columns = {name: values[::-1] for name, values in own.columns.items()}
    turned = replace(own, nodes=own.nodes[::-1], columns=columns)
    assert all(score.of(turned, p) == score.of(own, p)[::-1] for p in PURPOSES)


def test_all_names_every_score_once():
    # `Learned` reads a file, and `Usual` is one of the others.
    others = {"ALL", "MEASURED_COLUMNS", "NAMED", "Purpose", "Score", "Learned", "Usual", "score_named"}
    assert sorted(cls.__name__ for cls in all_scores.ALL) == sorted(set(all_scores.__all__) - others)
    assert {type(score) for score in all_scores.NAMED.values()} == {
        *all_scores.ALL,
        all_scores.Learned,
        all_scores.Usual,
    }


def test_by_hand():
    own = graph()
    at = own.positions["encoder.layer.2.output.dense"]
    assert Uniform().of(own, "tune")[at] == 1.0
    assert LastBlocks().of(own, "tune")[at] == 3.0
    assert LastBlocks().of(own, "prune")[at] == 1.0
    assert Taylor().of(own, "tune") == own.column("Taylor")
    assert Measured().of(own, "quantise") == own.column("quantisation loss")
    assert Random(1).of(own, "tune") != Random(2).of(own, "tune")
    assert all(0 <= value < 1 for value in Random().of(own, "tune"))


def test_the_usual_score_is_what_was_measured_else_top_blocks_and_the_network():
    own = graph()
    usual = all_scores.Usual()
    assert all(isinstance(usual.chosen(own, purpose), Measured) for purpose in PURPOSES)
    bare = graph_of(small_text_model(0))
    assert [type(usual.chosen(bare, purpose)) for purpose in PURPOSES] == [
        LastBlocks,
        all_scores.Learned,
        all_scores.Learned,
    ]
    # The networks that come with graphtune read even a graph without a task.
    harms = usual.of(bare, "prune")
    assert len(set(harms)) > 5
    assert all(harm > 0 for harm in harms)


def test_a_column_that_was_not_measured_is_told():
    with pytest.raises(PlanError, match="no column 'tuning gain'"):
        Measured().of(graph_of(small_text_model(0)), "tune")


def test_rank_correlation_by_hand():
    assert rank_correlation((1.0, 2.0, 3.0), (10.0, 100.0, 1000.0)) == pytest.approx(1.0)
    assert rank_correlation((1.0, 2.0, 3.0), (3.0, 2.0, 1.0)) == pytest.approx(-1.0)
    # 1 − 6 Σ d² / (n (n² − 1)) with d = 0, 1, 1, 0
    assert rank_correlation((1.0, 2.0, 3.0, 4.0), (1.0, 3.0, 2.0, 4.0)) == pytest.approx(1 - 12 / 60)
    assert rank_correlation((1.0, math.nan, 3.0, 2.0), (1.0, 9.0, 3.0, 2.0)) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "pair", [((1.0, 1.0, 1.0), (1.0, 2.0, 3.0)), ((1.0,), (2.0,)), ((math.nan,) * 3, (1.0,) * 3)]
)
def test_rank_correlation_is_unknown_where_there_is_no_order(pair):
    assert math.isnan(rank_correlation(*pair))
