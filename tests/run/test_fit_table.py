"""From a table to a model: what is chosen, what it predicts, and what must not change that."""

from dataclasses import replace

import numpy as np
import pytest
from subjects import QUICK, imbalanced, linked, plan, table, texts

from graphtune.errors import ModelError, TableError
from graphtune.graph import Fuse, Given, Hops, Neighbours
from graphtune.layer import SAGE
from graphtune.run import fit_table, load
from graphtune.select import Mean, NamedGraph, Network, Probe, Propagated, Smoothed, grid
from graphtune.select.standing import Standing
from graphtune.strategy import Full
from graphtune.table import Links, Table, from_lists

EVERY = texts()[0]
NEW = ["refund late", "parcel courier door", "login zebra", "", "zebra", "送货 😀"]
PROPAGATED = Propagated("meaning", "meaning")


@pytest.fixture(scope="module")
def usual():
    """Return a model, which tests only ask."""
    return fit_table(table(labelled=3), plan=plan(), into=None)


@pytest.fixture(scope="module")
def imbalanced_model(tmp_path_factory):
    into = tmp_path_factory.mktemp("imbalanced") / "model"
    return fit_table(imbalanced(), plan=plan(Probe(), PROPAGATED), into=into), into


@pytest.fixture
def graph_wins(monkeypatch):
    monkeypatch.setattr(
        Standing, "clearly", lambda self, better, other: better.candidate.family != "graph-free"
    )
    monkeypatch.setattr(Standing, "behind", lambda self, *_: False)


@pytest.mark.parametrize(
    "candidate",
    [
        Propagated("both", "meaning", Hops(3, 0.2)),
        Smoothed(Probe("words"), "meaning", Hops(4, 0.3), 1.0),
        Network(SAGE, "meaning", "meaning", strategy=Full(epochs=5), width=8),
        Mean((Probe("words"), Smoothed(PROPAGATED, "meaning"))),
    ],
    ids=str,
)
@pytest.mark.usefixtures("graph_wins")
def test_a_saved_model_predicts_the_same_bits(candidate, tmp_path):
    model = fit_table(table(), plan=plan(Probe(), candidate), into=tmp_path / "model")
    assert model.candidate == candidate
    again = load(tmp_path / "model")
    assert np.array_equal(again.probabilities(EVERY + NEW), model.probabilities(EVERY + NEW))
    assert again.neighbours(NEW, 3) == model.neighbours(NEW, 3)
    assert again.outcome == replace(model.outcome, seconds=again.outcome.seconds)
    assert again.classes == model.classes == ("bill", "parcel", "screen")
    assert not list(tmp_path.glob(".*"))


def test_a_graph_free_model_is_saved_without_a_graph(tmp_path):
    random = np.random.default_rng(1)
    words = ["one", "two", "three", "four", "five", "six"]
    every = [f"{a} {b}" for a in words for b in ("red", "blue", "green")] * 8
    labels = random.integers(2, size=len(every)).tolist()
    split = ["train"] * len(every)
    model = fit_table(from_lists(every, labels, split=split), plan=plan(), into=tmp_path / "model")
    assert not model.outcome.verdict.graph_helps
    assert not model.candidate.graphs
    assert "graph-free model is saved" in model.outcome.verdict.text
    assert not (tmp_path / "model" / "graph").exists()
    again = load(tmp_path / "model")
    assert np.array_equal(again.probabilities(every), model.probabilities(every))
    for fitted in (model, again):
        with pytest.raises(ModelError, match="without a graph"):
            fitted.neighbours(["one red"])


def test_learns_what_the_graph_tells(usual):
    found = usual.outcome
    assert found.verdict.graph_helps
    assert found.test is not None
    assert found.test_graph_free is not None
    assert found.test.accuracy >= max(found.test_graph_free.accuracy, 0.85)
    assert found.test.rows == 24
    assert found.rows == {"labelled": 9, "unlabelled": 63, "val": 0, "test": 24}
    assert sum(map(sum, found.confusion or ())) == 24
    assert [row.support for row in found.per_class or ()] == [8, 8, 8]


@pytest.mark.usefixtures("graph_wins")
def test_a_prediction_does_not_depend_on_its_company(monkeypatch):
    model = fit_table(table(), plan=plan(), into=None)
    together = model.probabilities(EVERY + NEW)
    alone = np.concatenate([model.probabilities([text]) for text in EVERY + NEW])
    np.testing.assert_allclose(together, alone, atol=1e-4)
    turned = model.probabilities((EVERY + NEW)[::-1])[::-1]
    np.testing.assert_allclose(together, turned, atol=1e-4)
    assert model.probabilities([]).shape == (0, 3)
    assert model.neighbours([]) == []
    # Many texts are predicted piece by piece.
    monkeypatch.setattr("graphtune.run.fitted._AT_ONCE", 7)
    np.testing.assert_allclose(model.probabilities(EVERY + NEW), together, atol=1e-5)


def test_the_same_seed_gives_the_same_bits():
    asked = plan(Probe(), Network(strategy=Full(epochs=5), width=8), PROPAGATED, seed=4)
    first, second = (fit_table(table(), plan=asked, into=None) for _ in range(2))
    assert np.array_equal(first.probabilities(EVERY), second.probabilities(EVERY))
    assert first.outcome.verdict == second.outcome.verdict


def test_neighbours_are_stored_texts_with_their_labels(usual):
    rows, model = table(labelled=3), usual
    (found,) = model.neighbours([EVERY[0]], 4)
    assert len(found) == 4
    assert [one.weight for one in found] == sorted((one.weight for one in found), reverse=True)
    for one in found:
        row = rows.ids.index(one.id)
        assert rows.texts[row] == one.text
        assert rows.split[row] == "train"
        assert one.label == (None if rows.labels[row] < 0 else rows.classes[rows.labels[row]])
    assert model.neighbours(["zebra"]) == [[]]


def test_test_texts_join_the_graph_only_where_asked(usual):
    transductive = fit_table(table(labelled=3), plan=plan(transductive=True), into=None)
    assert usual.outcome.protocol == "inductive"
    assert usual.outcome.graphs[0].nodes == 72
    assert transductive.outcome.protocol == "transductive"
    assert transductive.outcome.graphs[0].nodes == 96
    assert transductive.outcome.test is not None
    assert transductive.outcome.test.accuracy > 0.8
    assert (transductive.stored.labels >= 0).sum() == 9


@pytest.mark.parametrize("transductive", [False, True])
def test_val_rows_choose_and_do_not_teach(transductive):
    rows = table(labelled=3, val=4)
    model = fit_table(rows, plan=plan(transductive=transductive), into=None)
    found = model.outcome
    assert "validation rows" in found.selection
    assert found.rows == {"labelled": 9, "unlabelled": 51, "val": 12, "test": 24}
    assert found.graphs[0].nodes == (96 if transductive else 60)
    assert (model.stored.labels >= 0).sum() == 9
    # So few val rows do not decide alone: three folds of the labelled rows judge beside them.
    assert all(scored.folds == 4 for scored in found.candidates if not scored.note)


def shuffled(rows: Table, part: str) -> Table:
    """Return the table with the labels of one part of it dealt out anew."""
    chosen = np.flatnonzero((np.array(rows.split) == part) & (rows.labels >= 0))
    labels = rows.labels.copy()
    labels[chosen] = np.roll(labels[chosen], 5)
    assert (labels != rows.labels).any()
    return replace(rows, labels=labels)


@pytest.mark.parametrize("transductive", [False, True])
@pytest.mark.parametrize("val", [0, 3])
def test_test_labels_change_no_bit_of_the_model(val, transductive):
    rows = table(val=val)
    asked = plan(Probe(), PROPAGATED, Smoothed(Probe(), "meaning"), transductive=transductive)
    first = fit_table(rows, plan=asked, into=None)
    second = fit_table(shuffled(rows, "test"), plan=asked, into=None)
    assert first.outcome.test != second.outcome.test
    assert first.candidate == second.candidate
    assert first.calibration == second.calibration
    assert np.array_equal(first.probabilities(EVERY + NEW), second.probabilities(EVERY + NEW))


@pytest.mark.parametrize("transductive", [False, True])
@pytest.mark.usefixtures("graph_wins")
def test_val_labels_choose_but_reach_neither_graph_nor_weights(transductive):
    rows = table(val=4)
    asked = plan(Probe(), PROPAGATED, transductive=transductive)
    first = fit_table(rows, plan=asked, into=None)
    second = fit_table(shuffled(rows, "val"), plan=asked, into=None)
    assert first.outcome.candidates != second.outcome.candidates
    assert first.outcome.graphs == second.outcome.graphs
    for name, tensor in first.predictor.tensors().items():
        assert (tensor == second.predictor.tensors()[name]).all()


@pytest.mark.parametrize(
    "builder", [Given(), Fuse((Given(), Neighbours(4)), (1.0, 0.1))], ids=["given", "fused"]
)
def test_links_decide_where_texts_say_nothing(builder, tmp_path):
    rows, links, said, joined, truth = linked()
    graphs = (NamedGraph("links", builder),)
    asked = plan(Probe(), Smoothed(Probe("meaning", 0.01), "links", Hops(10, 0.3)), graphs=graphs)
    model = fit_table(rows, plan=asked, into=tmp_path / "model", links=links)
    assert model.outcome.verdict.graph_helps
    names = [f"n{number}" for number in range(len(said))]
    for fitted in (model, load(tmp_path / "model")):
        found = fitted.probabilities(said, ids=names, links=joined)
        assert [fitted.classes[best] for best in found.argmax(axis=1)] == truth
        # The far end of a chain of new texts is sure of it less, and without links nothing is known.
        assert found[:2].max(axis=1).min() > found[-2:].max(axis=1).max()
    assert np.array_equal(found, model.probabilities(said, ids=names, links=joined))
    (close, *_) = model.neighbours(said, ids=names, links=joined)
    assert close[0].id == "s0"
    assert model.outcome.graphs[0].homophily == (1.0 if builder == Given() else pytest.approx(0.74, abs=0.01))


def test_without_a_plan_everything_the_table_offers_is_tried(monkeypatch):
    # One brief network is enough: each takes as long as all else together.
    usual, brief = grid.networks, Full(rate=0.01, epochs=10)

    def first(graph, view, *, few):
        found, smoothed = usual(graph, view, few=few)[:2]
        found = replace(found, width=16, strategy=brief)
        return [found, replace(smoothed, base=found)]

    monkeypatch.setattr(grid, "networks", first)
    rows, links, *_ = linked(count=40)
    found = fit_table(rows, plan=plan(candidates=(), graphs=()), into=None, links=links).outcome
    assert {one.name for one in found.graphs} >= {"links", "meaning"}
    assert {one.family for one in found.candidates} == {"graph-free", "graph", "network"}
    assert found.verdict.graph_helps


def test_a_budget_that_is_over_at_once_still_gives_a_model():
    model = fit_table(table(), plan=plan(candidates=(), budget_seconds=0.001), into=None)
    assert model.probabilities(NEW).shape == (len(NEW), 3)
    assert any("no time" in scored.note for scored in model.outcome.candidates)


def test_the_candidates_that_a_plan_names_are_tried_whatever_the_budget():
    outcome = fit_table(table(), plan=plan(PROPAGATED, budget_seconds=0.001), into=None).outcome
    assert not any(scored.note for scored in outcome.candidates)
    assert {scored.family for scored in outcome.candidates} == {"graph-free", "graph"}


def test_a_class_that_only_the_test_rows_have_counts_as_missed():
    rows = table(labelled=3, test=8)
    labels = [None if label < 0 else rows.classes[label] for label in rows.labels]
    strange = [row for row, part in enumerate(rows.split) if part == "test"][:4]
    for row in strange:
        labels[row] = "a new one"
    model = fit_table(from_lists(rows.texts, labels, split=rows.split), plan=plan(), into=None)
    found = model.outcome
    assert model.classes == ("bill", "parcel", "screen")
    assert found.test is not None
    assert found.test.accuracy <= 20 / 24
    assert [row.name for row in found.per_class or ()][-1] == "a new one"
    assert (found.per_class or ())[-1].recall == 0
    assert (found.confusion or ())[-1][-1] == 0
    assert any("no training row" in note for note in found.notes)


@pytest.mark.usefixtures("graph_wins")
def test_weights_of_rows_count():
    rows = table(labelled=4)
    heavy = np.where(rows.labels == 0, 50, 1).astype(np.float32)
    plain = fit_table(rows, plan=plan(), into=None)
    weighted = fit_table(replace(rows, weights=heavy), plan=plan(), into=None)
    tables = [m.predictor.attach(m.data, m._new(NEW[4:5], ["x"], None)) for m in (plain, weighted)]
    assert tables[1][0, 0] > tables[0][0, 0]


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        (["a"] * 6 + [None] * 6, "one class"),
        ([None] * 12, "no row has a label"),
        (["a"] * 5 + ["b"] + [None] * 6, "one training row only"),
    ],
)
def test_too_few_labels_are_refused(labels, problem):
    with pytest.raises(TableError, match=problem):
        fit_table(from_lists(EVERY[:12], labels, split=["train"] * 12), plan=plan(), into=None)


def test_training_rows_of_one_class_are_refused_before_any_work(tmp_path):
    rows = replace(table(val=3), split=tuple(["train"] * 96))
    only = replace(rows, labels=np.where(rows.labels == 1, 1, -1))
    with pytest.raises(TableError, match=r"1 class\(es\)"):
        fit_table(only, plan=plan(), into=tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_links_of_other_tables_leave_every_row_alone():
    rows, *_ = linked()
    graphs = (NamedGraph("links", Given()), *QUICK)
    asked = plan(Probe(), Smoothed(Probe(), "links"), graphs=graphs)
    found = fit_table(rows, plan=asked, into=None, links=Links(("x",), ("y",))).outcome
    assert found.graphs[0].edges == 0
    assert found.graphs[0].homophily is None
    assert "0 of 1 links used" in found.graphs[0].note


def test_few_labels_drawn_unlike_the_texts_are_weighted_by_what_the_texts_show(imbalanced_model):
    weighted, into = imbalanced_model
    asked = plan(Probe(), PROPAGATED, class_shares="labelled")
    left = fit_table(imbalanced(), plan=asked, into=None)
    assert left.calibration.weights is None
    assert weighted.calibration.weights is not None
    often = weighted.classes.index("bill")
    assert weighted.calibration.weights[often] == max(weighted.calibration.weights) > 1.5
    assert weighted.outcome.test is not None
    assert left.outcome.test is not None
    assert weighted.outcome.test.accuracy > left.outcome.test.accuracy
    assert any("other shares" in note and "bill" in note for note in weighted.outcome.notes)
    again = load(into)
    assert np.array_equal(again.probabilities(NEW), weighted.probabilities(NEW))
    np.testing.assert_allclose(again.probabilities(NEW).sum(axis=1), 1, atol=1e-5)


def test_classes_as_frequent_in_the_texts_as_in_few_labels_are_predicted_so():
    rows = imbalanced(labelled=12, shares=(1 / 3,) * 3)
    found = fit_table(rows, plan=plan(Probe(), PROPAGATED), into=None)
    left = fit_table(rows, plan=plan(Probe(), PROPAGATED, class_shares="labelled"), into=None)
    assert left.calibration.weights is None
    assert found.calibration.weights is not None
    assert any("same shares" in note for note in found.outcome.notes)
    nodes = np.flatnonzero(found.data.labels < 0)

    def off(model) -> float:
        said = model.calibration.apply(model.predictor.at(model.data, nodes))
        return np.abs(said.mean(axis=0) - 1 / 3).sum()

    assert off(found) < 0.7 * off(left)


def test_weights_that_restore_the_texts_shares_leave_nothing_to_estimate():
    rows = imbalanced()
    often = np.array([label >= 0 and rows.classes[label] == "bill" for label in rows.labels])
    weights = np.where(often, 6 / 7, 1 / 14).astype(np.float32) * 3
    model = fit_table(replace(rows, weights=weights), plan=plan(Probe(), PROPAGATED), into=None)
    assert model.calibration.weights is None


def test_val_rows_tell_how_frequent_classes_are():
    rows = imbalanced()
    split = list(rows.split)
    split[400:430] = ["val"] * 30
    model = fit_table(replace(rows, split=tuple(split)), plan=plan(Probe(), PROPAGATED), into=None)
    assert model.calibration.weights is None


def test_new_test_texts_change_no_class_weight_where_they_are_not_in_the_graph(imbalanced_model):
    rows = imbalanced()
    asked = plan(Probe(), PROPAGATED)
    paired = zip(rows.texts, rows.split, strict=True)
    other = replace(rows, texts=tuple(text if part == "train" else "password email" for text, part in paired))
    first, second = imbalanced_model[0], fit_table(other, plan=asked, into=None)
    assert first.calibration == second.calibration
    assert first.calibration.weights is not None
    inside = fit_table(rows, plan=replace(asked, transductive=True), into=None)
    assert inside.calibration.weights is not None
    assert inside.calibration != first.calibration


@pytest.mark.parametrize("classes", [("bill",), ("bill", "parcel")])
def test_training_rows_of_weight_0_stay_in_the_graph_and_teach_nothing(classes):
    rows = table(labelled=4)
    numbers = [rows.classes.index(name) for name in classes]
    weightless = np.isin(rows.labels, numbers) & (np.array(rows.split) == "train")
    weighed = replace(rows, weights=np.where(weightless, 0, 1).astype(np.float32))
    if len(classes) == 2:
        with pytest.raises(TableError, match="that weigh more than 0 have 1 class"):
            fit_table(weighed, plan=plan(), into=None)
        return
    free = Probe("words", 1.0, "squared hinge")
    model = fit_table(weighed, plan=plan(free, Propagated("meaning", "meaning")), into=None)
    unlabelled = replace(rows, labels=np.where(weightless, -1, rows.labels))
    expected = fit_table(unlabelled, plan=plan(free, Propagated("meaning", "meaning")), into=None)
    assert model.classes == expected.classes == ("parcel", "screen")
    assert model.outcome.rows == expected.outcome.rows
    assert model.outcome.test == expected.outcome.test
