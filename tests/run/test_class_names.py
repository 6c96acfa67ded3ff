"""Names of classes as texts: which have words, when they are read, and that they judge nothing."""

from dataclasses import replace

import numpy as np
import pytest
from subjects import imbalanced, linked, plan, table

from graphtune.errors import PlanError
from graphtune.graph import Given
from graphtune.plan import Plan
from graphtune.progress import shown
from graphtune.run import fit_table, load
from graphtune.run.class_names import readable, with_class_names
from graphtune.run.classifier import TextClassifier
from graphtune.run.ready import Clock, Ready
from graphtune.run.split import split_rows
from graphtune.select import NamedGraph, Probe, Propagated
from graphtune.table import Table, from_lists

NAMED = plan(class_names=None)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["card_arrival", "lost-or-stolen.card"], ["card arrival", "lost or stolen card"]),
        (["RateBook", "AddToPlaylist"], ["Rate Book", "Add To Playlist"]),
        (["atis_flight", "atis_ground_fare"], ["flight", "ground fare"]),
        (["news", "news_car"], ["news", "news car"]),
        (["ABBR:exp", "Sci/Tech"], ["ABBR exp", "Sci Tech"]),
        (["class 1", "class 2"], [None, None]),
        (["0", "1"], [None, None]),
        (["True", "False"], [None, None]),
        (["-1", "spam"], [None, "spam"]),
        (["体育", "财经_新闻"], ["体育", "财经 新闻"]),
        (["👍", "great"], [None, "great"]),
        (["group a", "group a 2", "other"], [None, None, "other"]),
        (["1e-05", "inf", "0.5"], [None, None, None]),
        (["A", "B"], [None, None]),
        (["Class A", "Class B"], [None, None]),
        (["not_spam", "not_ham"], ["not spam", "not ham"]),
        (["好", "坏"], ["好", "坏"]),
    ],
)
def test_names_are_read_as_words(names, said):
    assert readable(names) == said


def given(rows: Table, asked: Plan) -> tuple[Table, np.ndarray]:
    more, split = with_class_names(rows, split_rows(rows, 0), asked)
    assert np.array_equal(split.named, np.arange(len(rows), len(more)))
    assert set(split.named) <= set(split.train)
    assert not set(split.named) & {*split.val, *split.test}
    return more, split.named


def test_each_name_is_one_more_training_text_at_the_end():
    rows = table(val=2)
    more, named = given(rows, NAMED)
    assert [more.texts[row] for row in named] == ["bill", "parcel", "screen"]
    assert [more.ids[row] for row in named] == ["name of bill", "name of parcel", "name of screen"]
    assert list(more.labels[named]) == [0, 1, 2]
    assert more.texts[: len(rows)] == rows.texts


def many(labelled: int) -> Table:
    every = [f"{word} {at}" for at in range(labelled) for word in ("alpha", "beta")]
    return from_lists(every, ["first", "second"] * labelled, split=["train"] * len(every))


@pytest.mark.parametrize(
    ("rows", "settings", "read"),
    [
        (table(), {}, True),
        (table(), {"class_names": False}, False),
        (table(), {"exactly": True}, False),
        (table(), {"exactly": True, "class_names": True}, True),
        (many(50), {}, True),
        (many(51), {}, False),
        (many(51), {"class_names": True}, True),
    ],
    ids=["few", "left out", "exactly", "exactly, asked for", "50 a class", "51 a class", "many, asked for"],
)
def test_they_are_read_where_labels_are_few_unless_it_is_said_otherwise(rows, settings, read):
    assert bool(len(given(rows, replace(NAMED, **settings))[1])) == read


def test_a_name_weighs_what_a_labelled_text_weighs():
    rows = table()
    weights = np.where(rows.labels >= 0, 3, 7).astype(np.float32)
    more, named = given(replace(rows, weights=weights), NAMED)
    assert more.weights is not None
    assert list(more.weights[named]) == [3, 3, 3]


def test_an_id_that_is_taken_is_not_taken_twice():
    rows = table()
    more, named = given(replace(rows, ids=("name of bill", "name of bill'", *rows.ids[2:])), NAMED)
    assert more.ids[named[0]] == "name of bill''"
    assert len(set(more.ids)) == len(more)


@pytest.mark.parametrize("val", [0, 3])
@pytest.mark.parametrize("transductive", [False, True])
def test_they_teach_in_every_part_and_judge_in_none(val, transductive):
    rows, asked = table(val=val), replace(NAMED, transductive=transductive)
    ready = Ready.of(rows, asked, None, Clock())
    plain = Ready.of(rows, replace(asked, class_names=False), None, Clock())
    names = ready.data.names
    assert [ready.data.features.texts[node] for node in names] == ["bill", "parcel", "screen"]
    assert len(ready.data.labelled) == len(plain.data.labelled) == 12
    for part, other in zip(ready.held_out().parts, plain.held_out().parts, strict=True):
        assert set(names) <= set(part.train)
        assert not set(names) & set(part.held)
        assert np.array_equal(part.labels, other.labels)


def test_what_a_class_is_called_can_tell_its_texts(tmp_path):
    kinds = {"parcel_late": "where is my parcel", "money_back": "send my money", "password": "new password"}
    every = [f"{said} {word}" for said in kinds.values() for word in ("now", "please", "today", "again")]
    labels = [label for label in kinds for _ in range(4)]
    for at in range(len(every)):
        if at % 4 > 1:
            every[at] = every[at].split()[-1]  # a word that says nothing
    asked = Plan(encoder="tfidf", candidates=(Probe("words", 10.0),), exactly=True)
    asks = ["late", "back", "money late", "password"]
    found = {
        names: fit_table(
            from_lists(every, labels, split=["train"] * len(every)),
            plan=replace(asked, class_names=names),
            into=tmp_path / str(names),
        )
        for names in (True, False)
    }
    truth = ["parcel_late", "money_back"]
    told = {
        names: [model.classes[at] for at in model.probabilities(asks[:2]).argmax(1)]
        for names, model in found.items()
    }
    assert told[True] == truth
    assert told[False] != truth
    again = load(tmp_path / "True")
    assert np.array_equal(again.probabilities(asks), found[True].probabilities(asks))
    assert again.outcome.rows["labelled"] == 12
    assert "Of 3 classes 3 have a name that was read as one more text: 'money back', 'password'." in " ".join(
        again.outcome.notes
    )
    assert "read as one more text" not in " ".join(found[False].outcome.notes)


def test_the_classifier_and_the_graph_figures_count_texts_alone():
    rows = table()
    asked = replace(NAMED, candidates=(Probe("words", 1.0),))
    outcome = fit_table(rows, plan=asked, into=None).outcome
    plain = fit_table(rows, plan=replace(asked, class_names=False), into=None).outcome
    assert outcome.rows == plain.rows
    few = [at for at, label in enumerate(rows.labels) if label >= 0 and rows.split[at] == "train"]
    texts, labels = [rows.texts[at] for at in few], [rows.classes[rows.labels[at]] for at in few]
    for names in (None, False):
        model = TextClassifier("tfidf", budget="3s", class_names=names).fit(texts, labels)
        assert model.outcome_.rows["labelled"] == 12
        assert (len(model.model_.stored.texts) == 15) == (names is None)


def test_a_plan_keeps_what_was_asked_for():
    assert Plan.from_text(Plan(class_names=False).to_text()).class_names is False
    assert Plan.from_text(Plan().to_text()).class_names is None
    with pytest.raises(PlanError, match="class_names"):
        Plan.from_text('class_names = "yes"\n')
    with pytest.raises(PlanError, match="class_names is set"):
        Plan(separator="|", class_names=True)


def test_it_is_said_where_names_were_asked_for_and_none_has_a_word(capsys):
    rows = from_lists(["one", "two"] * 4, ["1", "2"] * 4, split=["train"] * 8)
    with shown():
        assert not len(given(rows, replace(NAMED, class_names=True))[1])
    assert "no name of a class has a word" in capsys.readouterr().err


def test_names_have_no_links_and_classes_of_given_graphs_are_learned_all_the_same():
    rows, links, *_ = linked()
    asked = plan(Probe(), Propagated("meaning", "links"), graphs=(), class_names=True)
    model = fit_table(
        rows, plan=replace(asked, graphs=(NamedGraph("links", Given()),)), into=None, links=links
    )
    assert model.outcome.rows["labelled"] == 24
    assert model.outcome.graphs[0].nodes == len(rows) + 2
    told = fit_table(
        rows,
        plan=replace(asked, graphs=(NamedGraph("links", Given()),), class_names=False),
        into=None,
        links=links,
    )
    assert model.outcome.graphs[0].homophily == told.outcome.graphs[0].homophily


def test_the_shares_of_classes_are_corrected_from_those_that_were_learned():
    plain, named = (
        fit_table(
            imbalanced(), plan=plan(Probe("words", 10.0), class_names=names), into=None
        ).calibration.weights
        for names in (False, None)
    )
    assert plain is not None
    assert named is not None
    # As many labels of each class: a name more of each changes no share.
    np.testing.assert_allclose(named, plain, rtol=0.2)
