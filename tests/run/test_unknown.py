"""Texts of no class: set apart, told, and measured; from the table to the saved model and back."""

from dataclasses import replace

import numpy as np
import pytest
from subjects import plan, table, texts

from graphtune import TextClassifier
from graphtune.errors import ModelError, PlanError, TableError
from graphtune.plan import Plan
from graphtune.run import fit_table, load, save
from graphtune.run.outcome_json import outcome_from_json, outcome_to_json
from graphtune.run.ready import Clock, Ready
from graphtune.run.unknown import on_test, set_apart
from graphtune.select import Probe
from graphtune.select.calibration import Calibration
from graphtune.table import Table, from_lists

STRANGE = [f"{first} {second}" for first in ("weather", "football", "music") for second in ("rain", "goal")]


def with_strangers(count: int = 12, test: int = 6) -> Table:
    """Return the table of subjects, and rows of no class among its training and test rows."""
    known = table(labelled=6, test=8)
    labels = [None if label < 0 else known.classes[label] for label in known.labels]
    made = [f"{STRANGE[at % len(STRANGE)]} number {at}" for at in range(count + test)]
    split = ["train"] * count + ["test"] * test
    return from_lists([*known.texts, *made], [*labels, *["none"] * len(made)], split=[*known.split, *split])


@pytest.fixture(scope="module")
def fitted():
    return fit_table(with_strangers(), plan=plan(unknown_labels=("none",)), into=None)


def test_rows_of_the_label_are_no_class_and_leave_the_others_as_they_are():
    whole = with_strangers()
    known, strangers = set_apart(whole, ("none",))
    assert known.classes == ("bill", "parcel", "screen")
    kept = [
        row
        for row in range(len(whole))
        if whole.labels[row] < 0 or whole.classes[whole.labels[row]] != "none"
    ]
    assert known.texts == tuple(whole.texts[row] for row in kept)
    names = [whole.classes[whole.labels[row]] if whole.labels[row] >= 0 else None for row in kept]
    assert [known.classes[label] if label >= 0 else None for label in known.labels] == names
    assert (len(strangers.examples), len(strangers.judging)) == (12, 6)
    assert set(strangers.texts(strangers.judging)).isdisjoint(strangers.texts(strangers.examples))


def test_without_a_label_the_table_is_the_same():
    whole = table()
    known, strangers = set_apart(whole, None)
    assert known is whole
    assert len(strangers.examples) == len(strangers.judging) == 0


def test_a_label_that_no_row_has_is_refused_with_the_nearest():
    with pytest.raises(TableError, match="No row has the label 'non'") as refused:
        fit_table(with_strangers(), plan=plan(unknown_labels=("non",)), into=None)
    assert "did you mean 'none'?" in refused.value.fix


@pytest.mark.parametrize("labels", [(), (" ",), ("none", "")])
def test_no_label_or_a_blank_one_is_refused(labels):
    with pytest.raises(PlanError, match="holds no label, or an empty one"):
        Plan(unknown_labels=labels)


def test_several_labels_can_mean_no_class():
    whole = with_strangers()
    known, strangers = set_apart(whole, ("none", "parcel"))
    assert known.classes == ("bill", "screen")
    names = [known.classes[label] for label in known.labels if label >= 0]
    assert names == [n for n in (whole.classes[at] for at in whole.labels if at >= 0) if n in known.classes]
    assert (len(strangers.examples), len(strangers.judging)) == (12 + 6, 6 + 8)
    assert strangers.label == "none"


def test_what_is_strange_scores_higher(fitted):
    every, _ = texts()
    _, known = fitted.judged(every)
    _, strange = fitted.judged(["quite another thing", "zebra xylophone"])
    assert strange.min() > np.quantile(known, 0.9)
    assert (strange > fitted.rejection.threshold).all()


def test_the_outcome_tells_what_was_found_and_survives_json(fitted):
    report = fitted.outcome.unknown
    assert (report.label, report.examples, report.known) == ("none", 12, len(fitted.rejection.known))
    assert report.test.unknown == 6
    assert report.test.known == fitted.outcome.test.rows
    assert report.test.accuracy == pytest.approx(fitted.outcome.test.accuracy)
    assert report.test.auroc > 0.9
    assert outcome_from_json(outcome_to_json(fitted.outcome)) == fitted.outcome


def test_the_test_figures_are_those_of_the_saved_model(fitted):
    whole = with_strangers()
    known, strangers = set_apart(whole, ("none",))
    rows = [row for row in range(len(known)) if known.split[row] == "test"]
    _, scores = fitted.judged([known.texts[row] for row in rows])
    _, strange = fitted.judged(strangers.texts(strangers.judging))
    threshold = np.float32(fitted.rejection.threshold)
    test = fitted.outcome.unknown.test
    assert test.kept == pytest.approx((scores <= threshold).mean())
    assert test.recall == pytest.approx((strange > threshold).mean())


def test_it_also_works_without_examples_and_keeps_the_stated_share():
    model = fit_table(table(labelled=6), plan=plan(), into=None)
    report = model.outcome.unknown
    assert (report.label, report.examples, report.caught, report.test) == (None, 0, None, None)
    assert 0.95 <= report.kept < 1.0 or report.known < 20
    _, scores = model.judged(["zebra xylophone"])
    assert scores[0] > report.threshold


def test_transductive_rows_are_judged_too():
    settled = plan(unknown_labels=("none",), transductive=True)
    report = fit_table(with_strangers(), plan=settled, into=None).outcome.unknown
    assert report.test.unknown == 6
    assert report.test.auroc > 0.9


def test_transductive_rows_are_right_by_what_is_predicted():
    settled = plan(unknown_labels=("none",), transductive=True)
    rows, strangers = set_apart(with_strangers(), ("none",))
    ready = Ready.of(rows, settled, None, Clock())
    model = fit_table(with_strangers(), plan=settled, into=None)
    always = Calibration(1.0, (1e9, *[1e-9] * (len(model.classes) - 1)))
    found = on_test(replace(model, calibration=always), ready, strangers).outcome.unknown.test
    first = (ready.labels[ready.tested] == 0).mean()
    assert found.accuracy == pytest.approx(first)
    assert found.accuracy < model.outcome.unknown.test.accuracy


def test_predictions_are_those_of_a_fit_without_it():
    every, _ = texts()
    told, not_told = (
        fit_table(table(), plan=plan(), into=None, tells_unknown=tells) for tells in (True, False)
    )
    np.testing.assert_array_equal(told.probabilities(every), not_told.probabilities(every))
    np.testing.assert_array_equal(told.judged(every)[0], told.probabilities(every))
    assert not_told.outcome.unknown is None


def test_reloaded_it_gives_the_same_scores(fitted, tmp_path):
    save(fitted, tmp_path / "model")
    asked = [*texts()[0][:9], *STRANGE]
    again = load(tmp_path / "model")
    for one, other in zip(again.judged(asked), fitted.judged(asked), strict=True):
        np.testing.assert_array_equal(one, other)
    assert again.rejection.facts() == fitted.rejection.facts()


def test_a_model_without_it_says_so(fitted, tmp_path):
    bare = replace(fitted, rejection=None, outcome=replace(fitted.outcome, unknown=None))
    save(bare, tmp_path / "model")
    with pytest.raises(ModelError, match="cannot tell texts of no class"):
        load(tmp_path / "model").judged(["text"])


def test_a_plan_that_reads_no_meaning_tells_none():
    model = fit_table(
        table(), plan=plan(Probe("words"), graphs=(), exactly=True, encoder="minilm"), into=None
    )
    assert model.rejection is None


def test_no_texts_have_no_scores(fitted):
    shares, scores = fitted.judged([])
    assert (shares.shape, scores.shape) == ((0, 3), (0,))


def test_the_classifier_gives_such_texts_the_value_it_is_told():
    every, truth = texts()
    numbers = {"bill": 1, "parcel": 2, "screen": 3}
    strange = [f"{text} {at}" for at, text in enumerate(STRANGE * 2)]
    labels = [*map(numbers.get, truth), *["none"] * len(strange)]
    model = TextClassifier(plan=plan(unknown_labels=("none",))).fit([*every, *strange], labels)
    assert model.classes_.tolist() == [1, 2, 3]
    asked = [every[0], "zebra xylophone"]
    scores = model.unknown_scores(asked)
    assert scores[0] < model.unknown_threshold_ < scores[1]
    assert model.predict(asked, unknown=-1).tolist() == [numbers[truth[0]], -1]
    assert model.predict(asked, unknown="a stranger").tolist() == [numbers[truth[0]], "a stranger"]
    assert model.predict(asked).tolist()[0] == numbers[truth[0]]


def test_the_classifier_takes_the_label_and_names_a_bad_one():
    every, truth = texts()
    model = TextClassifier("tfidf", budget="20s", unknown_label=["none"])
    with pytest.raises(PlanError, match="unknown_label is list"):
        model.fit(every, truth)
