"""`TextClassifier` as scikit-learn expects a classifier to be."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from subjects import linked, plan, texts

import graphtune
from graphtune import TextClassifier
from graphtune.errors import GraphtuneError, ModelError, PlanError, TableError
from graphtune.graph import Given, Hops
from graphtune.run import fit_table
from graphtune.select import NamedGraph, Probe, Smoothed
from graphtune.table import Links, from_lists

EVERY, TRUTH = texts()
ORDER = np.random.default_rng(0).permutation(len(EVERY))
TEXTS, LABELS = [EVERY[at] for at in ORDER], [TRUTH[at] for at in ORDER]
FEW, REST = TEXTS[:24], TEXTS[24:72]
NUMBERS = {"bill": 7, "parcel": 3, "screen": 12}
PLAN = plan()
BY_LINKS = plan(
    Probe(),
    Smoothed(Probe("meaning", 0.01), "links", Hops(10, 0.3)),
    graphs=(NamedGraph("links", Given()),),
)


@pytest.fixture(scope="module")
def fitted() -> TextClassifier:
    return TextClassifier(plan=PLAN).fit(FEW, LABELS[:24], unlabelled=REST)


def test_importing_the_package_loads_nothing_heavy():
    program = (
        "import sys, graphtune; assert 'TextClassifier' in dir(graphtune); "
        "print(*{'torch', 'sklearn', 'numpy', 'transformers', 'pyarrow'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
    with pytest.raises(AttributeError, match="no attribute 'Classifier'"):
        graphtune.Classifier  # noqa: B018 - the access is the test


def test_learns_and_predicts(fitted):
    assert fitted.score(TEXTS[72:], LABELS[72:]) > 0.8
    assert fitted.classes_.tolist() == ["bill", "parcel", "screen"]
    shares = fitted.predict_proba(TEXTS[72:])
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)
    assert np.array_equal(fitted.predict(TEXTS[72:]), fitted.classes_[shares.argmax(axis=1)])
    assert fitted.outcome_.rows == {"labelled": 24, "unlabelled": 48, "val": 0, "test": 0}
    assert fitted.predict([]).shape == (0,)
    assert fitted.predict_proba([]).shape == (0, 3)


def test_no_row_is_set_aside(fitted):
    many = TextClassifier(plan=plan(Probe())).fit(TEXTS * 3, LABELS * 3)
    assert many.outcome_.rows == {"labelled": 288, "unlabelled": 0, "val": 0, "test": 0}
    assert many.outcome_.test is None


def test_equals_what_the_command_fits(fitted):
    rows = from_lists([*FEW, *REST], [*LABELS[:24], *[None] * 48], split=["train"] * 72)
    model = fit_table(rows, plan=PLAN, into=None)
    assert np.array_equal(model.probabilities(TEXTS), fitted.predict_proba(TEXTS))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([NUMBERS[label] for label in LABELS], np.array([3, 7, 12])),
        (np.array([NUMBERS[label] for label in LABELS], dtype=np.int16), np.array([3, 7, 12], np.int16)),
        ([float(NUMBERS[label]) for label in LABELS], np.array([3.0, 7.0, 12.0])),
        ([label == "bill" for label in LABELS], np.array([False, True])),
        (np.array(LABELS), np.array(["bill", "parcel", "screen"])),
        (pd.Series(LABELS, dtype="category"), np.array(["bill", "parcel", "screen"])),
        ([str(NUMBERS[label]) for label in LABELS], np.array(["12", "3", "7"])),
    ],
    ids=["int", "int16", "float", "bool", "array of str", "category", "digits"],
)
def test_labels_come_back_as_they_were(values, expected, tmp_path):
    model = TextClassifier(plan=plan(Probe("words", 500.0))).fit(TEXTS, values)
    assert np.array_equal(model.classes_, expected)
    assert model.classes_.dtype == expected.dtype
    assert model.predict(TEXTS).dtype == expected.dtype
    assert model.score(TEXTS, values) > 0.95
    model.save(tmp_path / "model")
    again = TextClassifier.load(tmp_path / "model")
    assert again.classes_.dtype.kind == expected.dtype.kind
    assert np.array_equal(again.classes_, expected)
    assert np.array_equal(again.predict_proba(TEXTS), model.predict_proba(TEXTS))


@pytest.mark.parametrize(
    "missing",
    [
        [None] * 72,
        [-1] * 72,
        [float("nan")] * 72,
        [np.int64(-1), None, np.nan, -1.0] * 18,
    ],
    ids=["None", "-1", "NaN", "mixed"],
)
def test_none_and_minus_one_and_nan_mean_unlabelled(missing):
    known = [NUMBERS[label] for label in LABELS[:24]]
    model = TextClassifier(plan=PLAN).fit(TEXTS, [*known, *missing])
    assert model.outcome_.rows == {"labelled": 24, "unlabelled": 72, "val": 0, "test": 0}
    assert model.classes_.tolist() == [3, 7, 12]


def test_a_series_with_gaps_keeps_its_numbers():
    values = pd.Series([NUMBERS[label] if at < 40 else None for at, label in enumerate(LABELS)])
    model = TextClassifier(plan=plan(Probe())).fit(pd.Series(TEXTS), values)
    assert model.classes_.tolist() == [3.0, 7.0, 12.0]
    assert set(model.predict(TEXTS)) <= {3.0, 7.0, 12.0}


def test_parameters_and_clones():
    model = TextClassifier("tfidf", budget="20s", seed=3)
    assert model.get_params() == {
        "encoder": "tfidf",
        "budget": "20s",
        "seed": 3,
        "transductive": False,
        "tune": None,
        "serve_as": "auto",
        "class_shares": "estimated",
        "class_names": None,
        "keep_rare": False,
        "unknown_label": None,
        "multi_label": False,
        "plan": None,
        "verbose": False,
        "start": None,
    }
    twin = clone(model.set_params(seed=4, budget=30))
    assert (twin.seed, twin.budget) == (4, 30)
    assert is_classifier(model)
    with pytest.raises(ValueError, match="Invalid parameter"):
        model.set_params(depth=3)


def test_nothing_but_fit_works_before_fit():
    model = TextClassifier()
    for call in (model.predict, model.predict_proba, model.neighbours, model.unknown_scores):
        with pytest.raises(NotFittedError):
            call(["text"])
    with pytest.raises(NotFittedError):
        model.save("nowhere")
    with pytest.raises(NotFittedError):
        model.outcome_  # noqa: B018 - the access is the test
    assert not hasattr(model, "classes_")


def test_works_in_pipeline_grid_search_and_cross_validation():
    model = TextClassifier(plan=plan(Probe("words")))
    pipeline = make_pipeline(FunctionTransformer(lambda rows: [text.upper() for text in rows]), model)
    assert pipeline.fit(TEXTS, LABELS).score(TEXTS, LABELS) > 0.9
    scores = cross_val_score(model, TEXTS, LABELS, cv=3)
    assert scores.shape == (3,)
    assert scores.min() > 0.6
    weak, strong = plan(Probe("words", 1e-6)), plan(Probe("words", 50.0))
    search = GridSearchCV(model, {"plan": [weak, strong]}, cv=2, scoring="neg_log_loss")
    search.fit(np.array(TEXTS, dtype=object), np.array(LABELS))
    assert search.best_params_ == {"plan": strong}
    assert search.predict(TEXTS[:2]).shape == (2,)


def _of_nodes(model: TextClassifier) -> np.ndarray:
    return model.model_.predictor.at(model.model_.data, np.arange(len(TEXTS)))


def test_weights_are_passed_on():
    heavy = [50.0 if label == "bill" else 1.0 for label in LABELS]
    model = TextClassifier(plan=plan(Probe("words", 0.01)))
    plain = _of_nodes(model.fit(TEXTS, LABELS))
    weighted = _of_nodes(model.fit(TEXTS, LABELS, sample_weight=heavy))
    assert weighted[:, 0].mean() > plain[:, 0].mean() + 0.05
    unlabelled = model.fit(FEW, LABELS[:24], unlabelled=REST, sample_weight=np.ones(24))
    assert unlabelled.outcome_.rows["unlabelled"] == 48


@pytest.mark.parametrize("transductive", [False, True])
def test_unlabelled_texts_join_the_graph(transductive):
    asked = plan(transductive=transductive)
    model = TextClassifier(plan=asked).fit(FEW, LABELS[:24], unlabelled=REST)
    assert model.outcome_.protocol == ("transductive" if transductive else "inductive")
    assert model.outcome_.graphs[0].nodes == 72
    assert model.outcome_.rows["test"] == (48 if transductive else 0)


def test_neighbours_are_named(fitted):
    assert fitted.outcome_.verdict.graph_helps
    (found,) = fitted.neighbours([FEW[3]], k=2)
    assert (found[0].id, found[0].text, found[0].label) == ("3", FEW[3], LABELS[3])
    assert len(found) == 2
    with pytest.raises(ModelError, match="without a graph"):
        TextClassifier(plan=plan(Probe())).fit(TEXTS, LABELS).neighbours(TEXTS)


def numbered() -> tuple[list[str], list[int], list[tuple[int, int]], list[str], list[tuple], list[int]]:
    """Return texts, labels and links by row number; new texts with their links by id and their labels."""
    table, links, said, joined, truth = linked()
    labels = [-1 if label < 0 else int(table.classes[label] == "odd") for label in table.labels]
    pairs = [(int(a[1:]), int(b[1:])) for a, b in zip(links.source, links.target, strict=True)]
    fresh = [(a.lstrip("s"), b, 2.0) for a, b in zip(joined.source, joined.target, strict=True)]
    return list(table.texts), labels, pairs, said, fresh, [int(label == "odd") for label in truth]


@pytest.mark.parametrize(
    "form",
    [
        lambda pairs: pairs,
        np.array,
        lambda pairs: [(a, b, 1.0) for a, b in pairs],
        lambda pairs: pd.DataFrame(pairs, columns=["source", "target"]),
        lambda pairs: Links(tuple(str(a) for a, _ in pairs), tuple(str(b) for _, b in pairs)),
        iter,
    ],
    ids=["pairs", "array", "triples", "frame", "Links", "iterator"],
)
def test_links_by_row_number_in_any_form(form, tmp_path):
    said, labels, pairs, new, fresh, truth = numbered()
    model = TextClassifier(plan=BY_LINKS).fit(said, labels, edges=form(pairs))
    assert model.outcome_.graphs[0].edges == 2 * len(pairs)
    names = [f"n{number}" for number in range(len(new))]
    assert model.predict(new, ids=names, edges=fresh).tolist() == truth
    assert model.neighbours(new, ids=names, edges=fresh)[0][0].id == "0"
    model.save(tmp_path / "model")
    again = TextClassifier.load(tmp_path / "model")
    assert again.predict(new, ids=names, edges=fresh).tolist() == truth
    assert model.predict(new).shape == (len(new),)


def test_links_by_id_reach_unlabelled_texts():
    said, labels, pairs, *_ = numbered()
    names = [f"row {number}" for number in range(60)]
    ends = [(names[a], names[b]) for a, b in pairs]
    model = TextClassifier(plan=BY_LINKS).fit(
        said[:24], labels[:24], unlabelled=said[24:], ids=names, edges=ends
    )
    assert model.outcome_.graphs[0].edges == 2 * len(pairs)
    own = TextClassifier(plan=BY_LINKS)
    own.fit(said[:24], labels[:24], unlabelled=said[24:], ids=names[:24], edges=ends[:20])
    assert own.model_.stored.ids[24] == "unlabelled:0"


@pytest.mark.parametrize(
    ("edges", "problem"),
    [
        ([(0, 999)], "not among the ids"),
        ([(0, 1), (0, 1, 2.0)], r"parts"),
        ([(0,)], r"parts"),
        ([(0, 1, "heavy")], "weights that are no numbers"),
        ([(0, [1])], r"\[1\]"),
    ],
)
def test_links_that_cannot_be_are_refused(edges, problem):
    with pytest.raises(TableError, match=problem):
        TextClassifier(plan=PLAN).fit(TEXTS, LABELS, edges=edges)


def test_no_links_are_as_none():
    model = TextClassifier(plan=plan(Probe())).fit(TEXTS, LABELS, edges=[])
    assert model.score(TEXTS, LABELS) > 0.8


def test_links_of_new_texts_need_ids(fitted):
    with pytest.raises(TableError, match="no ids"):
        fitted.predict(["a text"], edges=[("0", "x")])


def test_an_id_that_names_another_text_of_fit_is_refused(fitted):
    stored = fitted.model_.stored
    assert (stored.ids[0], stored.texts[0]) == ("0", FEW[0])
    with pytest.raises(TableError, match=r"2 ends of edges could mean.*row 1: '0'; row 2: '0'"):
        fitted.predict(["a text", "more"], ids=[0, 99], edges=[(0, 99), (1, 0)])
    assert len(fitted.predict([FEW[0], "more"], ids=[0, 99], edges=[(0, 99), (1, 0)])) == 2


@pytest.mark.parametrize(
    ("said", "labels", "problem"),
    [
        ("one text", ["a"], "one str"),
        (TEXTS, LABELS[:-1], "95 labels for 96 texts"),
        (TEXTS, ["a"] * 96, "one class"),
        (TEXTS, [None] * 96, "no row has a label"),
        (TEXTS, [1, "two"] * 48, "several types, such as 1 and 'two'"),
        (TEXTS, [["a"]] * 96, "list"),
        ([], [], "no texts"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(said, labels, problem):
    with pytest.raises(TableError, match=problem):
        TextClassifier(plan=PLAN).fit(said, labels)


@pytest.mark.parametrize(
    "how", [{"plan": plan(keep_rare=True)}, {"encoder": "tfidf", "keep_rare": True, "budget": "6s"}]
)
def test_a_class_seen_once_is_learned_only_where_asked(how):
    said, labels = [*FEW, "zebra stripes"], [*LABELS[:24], "animal"]
    with pytest.raises(TableError, match="one training row only: 'animal'") as refused:
        TextClassifier(plan=PLAN).fit(said, labels)
    assert "keep_rare=True" in refused.value.fix
    model = TextClassifier(**how).fit(said, labels)
    assert model.classes_.tolist() == ["animal", "bill", "parcel", "screen"]
    assert model.predict(["zebra stripes", FEW[0]]).tolist() == ["animal", LABELS[0]]


@pytest.mark.parametrize(
    "settings",
    [{"seed": 3}, {"keep_rare": True}, {"class_shares": "labelled"}, {"encoder": "tfidf", "budget": "1m"}],
)
def test_a_plan_and_other_settings_are_not_mixed(settings):
    with pytest.raises(PlanError, match="Both a plan and") as refused:
        TextClassifier(plan=PLAN, **settings).fit(TEXTS, LABELS)
    assert all(name in refused.value.problem for name in settings)


@pytest.mark.parametrize("settings", [{"budget": "soon"}, {"budget": -3}, {"encoder": "tfdif"}])
def test_settings_are_looked_at_by_fit(settings):
    with pytest.raises(GraphtuneError) as refused:
        TextClassifier(**settings).fit(TEXTS, LABELS)
    assert str(*settings.values()) in refused.value.problem


def test_a_plan_may_be_a_file(tmp_path):
    (tmp_path / "plan.toml").write_text(plan(Probe()).to_text(), encoding="utf-8")
    model = TextClassifier(plan=str(tmp_path / "plan.toml")).fit(TEXTS, LABELS)
    assert model.model_.plan == plan(Probe())


def test_progress_is_shown_only_where_asked(capsys):
    TextClassifier(plan=plan(Probe())).fit(TEXTS, LABELS)
    assert capsys.readouterr() == ("", "")
    TextClassifier(plan=plan(Probe()), verbose=True).fit(TEXTS, LABELS)
    out, err = capsys.readouterr()
    assert out == ""
    assert "choosing by" in err


def test_a_loaded_model_keeps_its_settings(tmp_path):
    model = TextClassifier("tfidf", budget="90s", seed=5, class_shares="labelled", keep_rare=True).set_params(
        plan=None
    )
    model.set_params(budget=0.5).fit(FEW, LABELS[:24]).save(tmp_path / "model")
    again = TextClassifier.load(str(tmp_path / "model"))
    assert (again.encoder, again.budget, again.seed, again.transductive) == ("tfidf", 0.5, 5, False)
    assert again.keep_rare
    assert again.class_shares == "labelled"
    assert repr(again.outcome_) == repr(model.outcome_)  # what was left out has no number
