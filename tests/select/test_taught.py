"""An encoder that learns a teacher's word on all texts, and predicts without a graph."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from graphtune.errors import PlanError
from graphtune.graph import Hops, Neighbours
from graphtune.plan import Plan
from graphtune.select import Data, FeatureMaker, Mean, NamedGraph, NewRows, Probe, Propagated, Taught, served
from graphtune.select.graphs import build
from graphtune.strategy import GraphTeacher
from text_tasks import texts, tiny

ASKED = ("the red tree", "a cat", "", "ran on the mat", "the red tree")
TEACHER = Propagated("meaning", "meaning", Hops(2, 0.3))
QUICK = Taught(TEACHER, blocks=1, strategy=GraphTeacher(rate=1e-3, epochs=12), batch_rows=8)
ROWS = np.arange(9)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPHTUNE_CACHE", str(tmp_path / "cache"))


def setting(labels: np.ndarray | None = None) -> tuple[Data, NewRows]:
    found, truth = texts()
    maker = FeatureMaker(tiny(), None)
    features = maker.features(found)
    named = (NamedGraph("meaning", Neighbours(5)),)
    graphs = build(named, features, tuple(map(str, range(len(found)))), None)
    known = truth.numpy().copy()
    known[9:] = -1
    return Data(features, graphs, known if labels is None else labels, 3), NewRows(maker.features(ASKED), {})


def test_texts_without_a_label_teach_too():
    data, new = setting()
    few = replace(QUICK, texts=0)
    assert not np.array_equal(
        QUICK.fit(data, ROWS, seed=0).attach(data, new), few.fit(data, ROWS, seed=0).attach(data, new)
    )


def test_agrees_with_its_teacher_and_needs_no_graph_to_predict():
    data, _ = setting()
    fitted = replace(QUICK, strategy=GraphTeacher(rate=1e-3, epochs=40)).fit(data, ROWS, seed=0)
    teacher = TEACHER.fit(data, ROWS, seed=0)
    nodes = np.arange(len(data.labels))
    alike = fitted.at(data, nodes).argmax(axis=1) == teacher.at(data, nodes).argmax(axis=1)
    assert alike.mean() > 0.8
    without = replace(data, graphs={})
    np.testing.assert_array_equal(fitted.at(without, nodes), fitted.at(data, nodes))


def test_labels_of_other_rows_change_no_bit_and_the_rows_own_do():
    data, new = setting()
    other = data.labels.copy()
    other[9:] = 1
    first = QUICK.fit(data, ROWS, seed=0).attach(data, new)
    assert np.array_equal(first, QUICK.fit(setting(other)[0], ROWS, seed=0).attach(data, new))
    other[:3] = (other[:3] + 1) % 3
    assert not np.array_equal(first, QUICK.fit(setting(other)[0], ROWS, seed=0).attach(data, new))


def test_a_known_label_is_learned_as_it_is():
    data, _ = setting()
    wrong = data.labels.copy()
    wrong[0] = (wrong[0] + 1) % 3
    sure = replace(QUICK, texts=0, strategy=GraphTeacher(rate=2e-3, epochs=60))
    fitted = sure.fit(setting(wrong)[0], ROWS, seed=0)
    assert fitted.at(data, ROWS[:1]).argmax() == wrong[0]


def test_the_same_seed_draws_the_same_texts():
    data, new = setting()
    some = replace(QUICK, texts=12)
    first, second, third = (some.fit(data, ROWS, seed=seed).attach(data, new) for seed in (3, 3, 4))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, third)


def test_what_serves_has_no_teacher_and_is_restored_bit_for_bit():
    data, new = setting()
    fitted = QUICK.fit(data, ROWS, seed=0)
    kept = served(QUICK)
    assert kept.graphs == kept.views == frozenset()
    assert kept.family == "graph-free"
    assert QUICK.graphs == {"meaning"}
    assert QUICK.family == "graph"
    again = kept.restored(data, fitted.tensors())
    assert np.array_equal(again.attach(data, new), fitted.attach(data, new))
    with pytest.raises(PlanError, match="no teacher"):
        kept.fit(data, ROWS, seed=0)
    both = Mean((Probe("meaning"), QUICK), (1.0, 2.0))
    assert served(both) == Mean((Probe("meaning"), kept), (1.0, 2.0))
    assert served(Probe("meaning")) == Probe("meaning")


def test_a_plan_holds_it_with_and_without_a_teacher():
    for candidate in (QUICK, served(QUICK), replace(QUICK, texts=5)):
        plan = Plan(candidates=(candidate,), exactly=True)
        assert Plan.from_text(plan.to_text()) == plan


def test_the_pace_is_measured():
    data, _ = setting()
    pace = QUICK.pace(data, ROWS)
    assert 0 < pace.training(10) < pace.training(100)
    # Going through the labels at the end takes its time whatever is taught before.
    often = replace(QUICK, strategy=replace(QUICK.strategy, label_epochs=10_000)).pace(data, ROWS)
    assert often.ready > 10 * pace.ready
    assert torch.get_num_threads() > 0


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [({"temperature": 0.0}, "not above 0"), ({"texts": -1}, "too few"), ({"blocks": 0}, "too few")],
)
def test_values_that_make_no_sense_are_told(wrong, problem):
    with pytest.raises(PlanError, match=problem):
        Taught(**wrong)
