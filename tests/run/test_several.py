"""Texts with several labels: from the table to the saved model and back."""

import numpy as np
import pytest
from sklearn.metrics import f1_score
from subjects import QUICK, plan

from graphtune import TextClassifier
from graphtune.errors import ModelError, PlanError, TableError
from graphtune.graph import Hops
from graphtune.plan import Plan
from graphtune.run import fit_table, load, save
from graphtune.run.outcome_json import outcome_from_json, outcome_to_json
from graphtune.select import Majority, Mean, Nearest, Network, Probe, Propagated, Smoothed
from graphtune.table import from_lists
from labels_of_topics import rows, table

SPREAD = Smoothed(Propagated("meaning", "meaning"), "meaning", Hops(5, 0.5))
EVERY = (
    Majority(),
    Nearest("meaning", 5),
    Probe("words", 3.0, "squared hinge"),
    Probe(),
    Propagated("meaning", "meaning"),
    SPREAD,
    Mean((Probe(), SPREAD)),
)


def settled(*candidates, **settings) -> Plan:
    return plan(*candidates, separator="|", **settings)


@pytest.fixture(scope="module")
def fitted():
    return fit_table(table(), plan=settled(Probe(), SPREAD), into=None)


@pytest.mark.parametrize("candidate", EVERY, ids=str)
def test_every_candidate_gives_each_label_a_probability_of_its_own(candidate):
    model = fit_table(table(), plan=settled(candidate, exactly=True), into=None)
    texts, _ = rows(120)
    shares = model.probabilities(texts[60:100])
    assert shares.shape == (40, 3)
    assert (shares >= 0).all()
    assert (shares <= 1).all()
    assert model.outcome.measure == "micro-F1"
    if not isinstance(candidate, Majority):
        assert shares.sum(axis=1).max() > 1.2  # of texts with two labels
        assert model.outcome.test.accuracy > 0.7


def test_test_figures_are_those_of_scikit_learn(fitted):
    texts, labels = rows(120)
    truth = np.array([[name in own for name in fitted.classes] for own in labels[60:100]])
    claims = fitted.calibration.claims(fitted.probabilities(texts[60:100]))
    test = fitted.outcome.test
    assert test.accuracy == pytest.approx(f1_score(truth, claims, average="micro"))
    assert test.macro_f1 == pytest.approx(f1_score(truth, claims, average="macro"))
    assert test.accuracy_low <= test.accuracy <= test.accuracy_high
    assert [row.support for row in fitted.outcome.per_class] == truth.sum(axis=0).tolist()
    assert fitted.outcome.confusion is None


def test_a_text_may_get_two_labels_or_none(fitted):
    claims = fitted.calibration.claims(fitted.probabilities(rows(120)[0]))
    assert set(claims.sum(axis=1).tolist()) >= {0, 1, 2}


@pytest.mark.parametrize(("val", "transductive"), [(0, True), (20, False), (20, True)])
def test_val_rows_and_the_transductive_protocol_work_too(val, transductive):
    model = fit_table(table(val=val), plan=settled(Probe(), SPREAD, transductive=transductive), into=None)
    assert model.outcome.test.accuracy > 0.7


def test_a_whole_search_ends_well():
    model = fit_table(table(), plan=Plan(encoder="tfidf", graphs=QUICK, separator="|"), into=None)
    assert model.outcome.test.accuracy > 0.8
    families = {one.family for one in model.outcome.candidates}
    assert families == {"graph-free", "graph"}


def test_reloaded_it_gives_the_same(fitted, tmp_path):
    save(fitted, tmp_path / "model")
    again, texts = load(tmp_path / "model"), rows(20, seed=3)[0]
    np.testing.assert_array_equal(again.probabilities(texts), fitted.probabilities(texts))
    assert again.calibration == fitted.calibration
    assert outcome_to_json(again.outcome) == outcome_to_json(fitted.outcome)
    assert outcome_from_json(outcome_to_json(fitted.outcome)).measure == "micro-F1"


def test_neighbours_name_all_labels(tmp_path):
    model = fit_table(table(), plan=settled(SPREAD, exactly=True), into=None)
    texts, labels = rows(120)
    save(model, tmp_path / "model")
    for one in (model, load(tmp_path / "model")):
        near = one.neighbours(texts[60:64], 20)
        for told in (row for some in near for row in some if row.label is not None):
            assert told.label == ("|".join(labels[texts.index(told.text)]) or "|")


def test_graph_free_models_are_reloaded(tmp_path):
    model = fit_table(table(), plan=settled(Probe("words", 1.0, "squared hinge"), exactly=True), into=None)
    save(model, tmp_path / "model")
    texts = rows(20, seed=3)[0]
    np.testing.assert_array_equal(load(tmp_path / "model").probabilities(texts), model.probabilities(texts))


def test_labels_beyond_those_of_training_are_missed():
    texts, labels = rows(100)
    labels = [*labels[:60], *[[*own, "new"] for own in labels[60:]]]
    made = from_lists(texts, labels, split=["train"] * 60 + ["test"] * 40, several=True)
    model = fit_table(made, plan=settled(Probe()), into=None)
    assert model.classes == ("bill", "parcel", "screen")
    last = model.outcome.per_class[-1]
    assert (last.name, last.f1, last.support) == ("new", 0.0, 40)
    assert model.outcome.test.accuracy < 0.85


def test_what_cannot_learn_several_labels_is_refused():
    with pytest.raises(PlanError, match="Network cannot learn texts with several labels"):
        fit_table(table(), plan=settled(Network(), exactly=True), into=None)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [({"unknown_labels": ("x",)}, "unknown_labels is set"), ({"tune": True}, "tune is set")],
)
def test_settings_that_do_not_go_together_are_refused(settings, problem):
    with pytest.raises(PlanError, match=problem):
        Plan(separator="|", **settings)


def test_an_empty_separator_is_refused():
    with pytest.raises(PlanError, match="separates nothing"):
        Plan(separator="")


def test_plan_and_table_must_agree():
    with pytest.raises(PlanError, match="separator is None"):
        fit_table(table(), plan=plan(), into=None)


def test_labels_that_tell_no_rows_apart_are_refused():
    made = from_lists([f"t {at}" for at in range(6)], [["a", "b"]] * 6, split=["train"] * 6, several=True)
    with pytest.raises(TableError, match="none can be told"):
        fit_table(made, plan=settled(), into=None)


def test_texts_of_no_class_are_no_question_there(fitted):
    with pytest.raises(ModelError, match="all labels that apply"):
        fitted.judged(["text"])


def test_the_classifier_takes_and_gives_lists(tmp_path):
    texts, labels = rows(100)
    model = TextClassifier(plan=settled(Probe())).fit(texts[:80], labels[:80])
    found = model.predict(texts[80:])
    assert found.dtype == object
    right = [sorted(own) == sorted(truth) for own, truth in zip(found, labels[80:], strict=True)]
    assert np.mean(right) > 0.6
    shares = model.predict_proba(texts[80:])
    assert shares.shape == (20, 3)
    truth, claims = (
        np.array([[name in own for name in model.classes_] for own in some]) for some in (labels[80:], found)
    )
    assert model.score(texts[80:], labels[80:]) == pytest.approx(f1_score(truth, claims, average="micro"))
    with pytest.raises(TableError, match="takes no weights"):
        model.score(texts[80:], labels[80:], [1.0] * 20)
    model.save(tmp_path / "model")
    again = TextClassifier.load(tmp_path / "model")
    assert again.multi_label
    assert [*again.predict(texts[80:])] == [*found]
    assert model.predict([]).shape == (0,)


def test_the_classifier_gives_numbers_back():
    texts, labels = rows(60)
    numbers = {"bill": 5, "parcel": 10, "screen": 7}
    given = [[numbers[name] for name in own] for own in labels]
    model = TextClassifier("tfidf", budget="5s", multi_label=True).fit(texts, given)
    assert model.classes_.tolist() == [5, 7, 10]
    assert all(set(own) <= {5, 7, 10} for own in model.predict(texts))
