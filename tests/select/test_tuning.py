"""Whether a tuned encoder is kept: by held-out rows, by the number of labels, and by the time there is."""

import time
from dataclasses import dataclass, replace

import numpy as np
import pytest
from corpus import CLASSES, setting
from known import MANY, FittedKnown, Known

from graphtune.select import Data, decision, tuning
from graphtune.select.data import OutOfTime
from graphtune.select.held_out import HeldOut, Part
from graphtune.select.mean import Mean
from graphtune.select.search import Search
from graphtune.select.standing import Standing
from graphtune.select.tuned import Pace
from graphtune.select.tuning import Limits, tuned
from graphtune.select.verdict import between, choose
from graphtune.strategy import EncoderTuning


@dataclass(frozen=True)
class Fake(Known):
    """Stands for the tuned encoder, and takes so many seconds a part by its own word."""

    seconds: float = 0.0
    texts: int | None = 1000
    epoch: float = 0.0  # seconds for each text and epoch, by its own word
    epochs: int = 1

    def fit(self, data: Data, rows, *, seed: int) -> FittedKnown:
        time.sleep(min(self.seconds, 1.0))
        return super().fit(data, rows, seed=seed)

    def pace(self, data: Data, rows) -> Pace:
        return Pace(self.seconds, self.epoch, lambda count: self.epochs, self.epoch)

    def passes(self, count: int) -> int:
        return self.epochs


def searched(
    monkeypatch,
    stored: int,
    fake: Fake,
    frozen: tuple[Known, ...] | None = None,
    *,
    unlabelled: int = 0,
    deep: Fake | None = None,
) -> Search:
    monkeypatch.setattr(tuning, "Transformer", object)
    monkeypatch.setattr(tuning, "by_few", lambda blocks, classes: fake)
    monkeypatch.setattr(tuning, "shallow", lambda rows: fake)
    monkeypatch.setattr(tuning, "deep", lambda rows, depth: deep or fake)
    monkeypatch.setattr(tuning, "_depth", lambda search: 6)
    monkeypatch.setattr(tuning, "DEPTHS", (4,))
    labels = (np.arange(stored + unlabelled) % CLASSES).astype(np.int64)
    labels[stored:] = -1
    data, _ = setting(stored=len(labels), labels=labels)
    search = Search(data, HeldOut.folds(np.arange(stored), data.labels, 0), 0, time.monotonic() + 60)
    search.run_only(frozen or (FREE, GRAPH))
    return search


def came_to(
    monkeypatch,
    stored: int,
    frozen: tuple[Known, ...],
    fake: Fake,
    seconds: float = 60.0,
    taught: Fake | None = None,
    *,
    alone: bool = False,
    deep: Fake | None = None,
):
    monkeypatch.setattr(tuning, "Taught", lambda teacher, heat: taught)
    unlabelled = 0 if taught is None else UNLABELLED
    search = searched(monkeypatch, stored, fake, frozen, unlabelled=unlabelled, deep=deep)
    teach = np.arange(stored)
    return tuned(search, choose(search.standing), teach, Limits(time.monotonic() + seconds, alone=alone))


UNLABELLED = 45
FREE, GRAPH = Known("free", "graph-free", wrong=12), Known("graph", "graph", wrong=9)


@pytest.mark.parametrize(
    ("stored", "wrong", "expected"),
    [
        # Few labels: averaged unless the frozen choice clearly leads. Many: only if the average is likelier.
        (45, 9, "both"),
        (45, 3, "both"),
        (45, 44, "frozen"),
        (MANY, 60, "frozen"),
        (MANY, 0, "both"),
    ],
)
def test_the_average_is_usual_with_few_labels_and_must_be_likelier_with_many(
    monkeypatch, stored, wrong, expected
):
    sure = 0.9 if stored == 45 else 0.99
    made = came_to(monkeypatch, stored, (FREE, GRAPH), Fake("tuned", "graph-free", sure, wrong))
    chosen = made.choice.chosen.candidate
    assert (expected == "both") == isinstance(chosen, Mean)
    (said,) = made.said
    assert {"both": "averaged with", "frozen": "left as it was"}[expected] in said
    assert f"{stored} held-out rows" in said


@pytest.mark.parametrize("few", [45, MANY])
def test_the_tuned_encoder_alone_has_to_lead_the_average_clearly(few):
    data, _ = setting(stored=few)
    held_out = HeldOut.folds(np.arange(few), data.labels, 0)
    standing = Standing(held_out, few == 45, len(held_out.parts))

    def tried(name: str, wrong: int):
        truth = held_out.labels
        table = np.full((len(truth), CLASSES), 0.05, dtype=np.float32)
        table[np.arange(len(truth)), (truth + (np.arange(len(truth)) < wrong)) % CLASSES] = 0.9
        return standing.judged(Known(name, "graph-free"), table, 1.0)

    most = len(held_out.labels)
    bad, middle, good = tried("bad", most // 2), tried("middle", most // 3), tried("good", 0)
    assert decision._best(standing, bad, middle, good, usual=few == 45) is good
    nearly = tried("nearly", most // 3 - 1)
    assert decision._best(standing, bad, middle, nearly, usual=few == 45) is middle


def test_the_verdict_on_the_graph_compares_tuned_with_tuned(monkeypatch):
    made = came_to(monkeypatch, 45, (FREE, GRAPH), Fake("tuned", "graph-free", wrong=9))
    graph, free = made.choice.graph.candidate, made.choice.free.candidate
    assert [str(member) for member in graph.members] == ["graph", "tuned"]
    assert [str(member) for member in free.members] == ["free", "tuned"]
    assert made.choice.chosen is made.choice.graph


@pytest.mark.parametrize(("lead", "expected"), [(0, "free"), (1, "free"), (9, "graph")])
def test_with_few_labels_a_graph_that_was_put_away_comes_back_only_for_a_clear_lead(lead, expected):
    data, _ = setting(stored=45)
    judges = HeldOut((HeldOut.folds(np.arange(45), data.labels, 0).parts[0],), 1, "", 1)
    standing, rows = Standing(judges, few=True, parts=1), len(judges.labels)
    truth = judges.labels

    def said(sure: float, wrong: int) -> np.ndarray:
        table = np.full((rows, CLASSES), (1 - sure) / (CLASSES - 1), dtype=np.float32)
        table[np.arange(rows), (truth + (np.arange(rows) < wrong)) % CLASSES] = sure
        return table

    one, other = standing.judged(GRAPH, said(0.9, 0), 1.0), standing.judged(FREE, said(0.9, lead), 1.0)
    assert between(one, other, standing).chosen is one  # as few labels would have it by themselves
    assert between(one, other, standing, usual=False).chosen is {"graph": one, "free": other}[expected]


def test_a_graph_that_many_judgements_put_away_stays_away_when_few_judge_the_tuned(monkeypatch):
    free, graph = Known("free", "graph-free", 0.97, wrong=0), Known("graph", "graph", wrong=45)
    made = came_to(monkeypatch, 45, (free, graph), Fake("tuned", "graph-free", 0.9, wrong=9))
    assert "graph" not in str(made.choice.chosen.candidate).replace("graph-free", "")
    assert "free" in str(made.choice.chosen.candidate)
    kept = came_to(monkeypatch, 45, (FREE, GRAPH), Fake("tuned", "graph-free", 0.9, wrong=9))
    assert "graph" in str(kept.choice.chosen.candidate)


def test_an_encoder_that_leads_the_graphs_average_does_not_push_out_the_average_without_one(monkeypatch):
    free, graph = Known("free", "graph-free", 0.8, wrong=9), Known("graph", "graph", wrong=45)
    made = came_to(monkeypatch, 45, (free, graph), Fake("tuned", "graph-free", 0.8, wrong=9))
    assert [str(member) for member in made.choice.chosen.candidate.members] == ["free", "tuned"]


def test_as_many_parts_judge_as_there_is_time_for(monkeypatch):
    slow = Fake("tuned", "graph-free", wrong=9, seconds=0.4)
    made = came_to(monkeypatch, 45, (FREE, GRAPH), slow, 1.7)
    assert len(made.stages[0].tried[0].right) in (9, 18, 27)
    late = came_to(monkeypatch, 45, (FREE, GRAPH), replace(slow, seconds=9.0), 5.0)
    assert "no time for the 18 s" in late.said[0]
    assert late.scored == ()
    assert late.alone is None
    assert str(late.choice.chosen.candidate) == "graph"


def test_the_figures_of_what_was_tried_are_told(monkeypatch):
    made = came_to(monkeypatch, 45, (FREE, GRAPH), Fake("tuned", "graph-free", wrong=9))
    names = [one.name for one in made.scored]
    assert "tuned" in names
    assert any(name.startswith("mean of [graph] and [tuned]") for name in names)
    assert all(one.note == "" for one in made.scored)


def test_an_encoder_that_is_no_transformer_is_left_alone():
    data, _ = setting()
    search = Search(data, HeldOut.folds(np.arange(45), data.labels, 0), 0, time.monotonic() + 60)
    search.run_only((FREE, GRAPH))
    choice = choose(search.standing)
    made = tuned(search, choice, np.arange(45), Limits(time.monotonic() + 60))
    assert made.choice is choice
    assert made.said == ()


def test_fewer_epochs_are_gone_through_where_there_is_no_time_for_all(monkeypatch):
    # Of 36 texts to be judged and 45 to serve, an epoch takes 81 hundredths of a second.
    slow = Fake("tuned", "graph-free", wrong=9, epoch=0.01, epochs=8)
    made = came_to(monkeypatch, 45, (FREE, GRAPH), slow, 4.0)
    assert made.alone.candidate.texts in (4 * 45, 3 * 45)
    whole = came_to(monkeypatch, 45, (FREE, GRAPH), slow, 60.0)
    assert whole.alone.candidate.texts == slow.texts


def test_with_few_labels_a_teacher_goes_on_to_teach_all_texts(monkeypatch):
    fake, taught = Fake("tuned", "graph", wrong=8, texts=None), Fake("taught", "graph", 0.99, texts=None)
    made = came_to(monkeypatch, 45, (FREE, GRAPH), fake, taught=taught)
    assert len(made.stages) == len(made.said) == 2
    assert "of all texts" not in made.said[0]
    assert taught in (made.choice.chosen.candidate, *getattr(made.choice.chosen.candidate, "members", ()))
    assert made.alone.candidate == taught
    assert len(made.alone.right) == 18  # two parts are enough
    assert [one.name for one in made.scored][:2] != [one.name for one in made.scored][2:]


def test_what_a_teacher_taught_has_to_lead(monkeypatch):
    fake, taught = Fake("tuned", "graph", wrong=8, texts=None), Fake("taught", "graph", wrong=40, texts=None)
    made = came_to(monkeypatch, 45, (FREE, GRAPH), fake, taught=taught)
    assert "left as it was" in made.said[1]
    assert made.choice.chosen.candidate.members[1] == fake
    assert made.alone.candidate == fake


def test_what_a_graph_taught_is_held_against_what_never_saw_one(monkeypatch):
    @dataclass(frozen=True)
    class Without(Fake):
        graphs = frozenset()

    free = Without("free", "graph-free", wrong=12)
    tuned_, taught = (
        Without("tuned", "graph-free", wrong=8, texts=None),
        Fake("taught", "graph", 0.99, texts=None),
    )
    made = came_to(monkeypatch, 45, (free, GRAPH), tuned_, taught=taught)
    names = str(made.choice.free.candidate)
    assert "taught" not in names
    assert made.choice.verdict.gain > 0
    assert len(made.choice.free.right) == len(made.choice.graph.right) == 18


def test_a_teacher_is_asked_where_the_encoder_is_wanted_or_has_learned_something(monkeypatch):
    taught = Fake("taught", "graph", 0.99, texts=None)
    behind, ahead = (Fake("tuned", "graph-free", wrong=wrong, texts=None) for wrong in (20, 0))
    stages = {
        (fake.wrong, alone): len(
            came_to(monkeypatch, 45, (FREE, GRAPH), fake, taught=taught, alone=alone).stages
        )
        for fake in (behind, ahead)
        for alone in (True, False)
    }
    assert stages == {(20, True): 2, (20, False): 1, (0, True): 1, (0, False): 2}


def test_an_encoder_that_is_wanted_alone_is_judged_on_few_texts_and_taught_on_all(monkeypatch):
    monkeypatch.setattr(tuning, "_LEAST_TEXTS", 0.2)
    learned_from = []

    @dataclass(frozen=True)
    class Told(Fake):
        def fit(self, data: Data, rows, *, seed: int) -> FittedKnown:
            learned_from.append(self.texts)
            return super().fit(data, rows, seed=seed)

    fake = Fake("tuned", "graph-free", wrong=20, texts=None)
    taught = Told("taught", "graph", 0.99, texts=None, epoch=0.002)
    made = came_to(monkeypatch, 45, (FREE, GRAPH), fake, taught=taught, alone=True)
    assert learned_from == [9]  # to be judged, by one part
    assert len(made.alone.right) == 9
    assert made.alone.candidate == taught  # with all texts
    late = came_to(monkeypatch, 45, (FREE, GRAPH), fake, 2.0, replace(taught, epoch=0.1), alone=True)
    assert "no time" in late.said[1]
    assert late.alone.candidate == fake


def test_what_took_longer_than_a_few_steps_said_is_taught_on_fewer_texts(monkeypatch):
    monkeypatch.setattr(tuning, "_LEAST_TEXTS", 0.2)
    fake = Fake("tuned", "graph-free", wrong=20, texts=None)
    told = Fake("taught", "graph", 0.99, texts=None, epoch=0.1)

    def came(times: float) -> int | None:
        """Return how many texts are taught where the lesson that is judged takes ``times`` as long."""

        def by_parts(search, candidate, *asked):
            judged = by_clock(search, candidate, *asked)
            # Of 9 texts, after 45 labelled ones, with 9 that judge: by its own word 11.7 s.
            return judged if candidate is fake else replace(judged, seconds=11.7 * times)

        monkeypatch.setattr(tuning, "_by_parts", by_parts)
        return came_to(monkeypatch, 45, (FREE, GRAPH), fake, 40.0, told, alone=True).alone.candidate.texts

    by_clock = tuning._by_parts
    assert came(1.0) is None  # all of them
    # Of the 40 s 27 are for the labelled texts, and each other text takes 0.6 s.
    assert 9 < came(3.0) <= 21


def test_what_was_taught_worse_does_not_serve_alone(monkeypatch):
    fake = Fake("tuned", "graph-free", wrong=10, texts=None)
    worse = Fake("taught", "graph", wrong=75, texts=None)
    made = came_to(monkeypatch, 45, (FREE, GRAPH), fake, taught=worse, alone=True)
    assert len(made.stages) == 2
    assert made.alone.candidate == fake


def test_ctrl_c_ends_tuning_with_what_there_is(monkeypatch):
    @dataclass(frozen=True)
    class Stopped(Fake):
        def fit(self, data: Data, rows, *, seed: int) -> FittedKnown:
            raise KeyboardInterrupt

    fake = Fake("tuned", "graph", wrong=8, texts=None)
    early = came_to(monkeypatch, 45, (FREE, GRAPH), Stopped("tuned", "graph"))
    assert "interrupted" in early.said[0]
    assert not isinstance(early.choice.chosen.candidate, Mean)
    late = came_to(monkeypatch, 45, (FREE, GRAPH), fake, taught=Stopped("taught", "graph"))
    assert "interrupted" in late.said[1]
    assert late.choice.chosen.candidate.members[1] == fake


def test_a_teacher_is_not_asked_with_many_labels_or_without_other_texts(monkeypatch):
    fake, taught = (Fake(name, "graph", wrong=9, texts=None) for name in ("tuned", "taught"))
    assert len(came_to(monkeypatch, MANY, (FREE, GRAPH), fake, taught=taught).stages) == 1
    assert len(came_to(monkeypatch, 45, (FREE, GRAPH), fake).stages) == 1


def test_a_teacher_is_heard_on_as_many_texts_as_there_is_time_for(monkeypatch):
    monkeypatch.setattr(tuning, "_LEAST_TEXTS", 0.2)
    fake, slow = (Fake(name, "graph", wrong=8, texts=None) for name in ("tuned", "taught"))
    made = came_to(monkeypatch, 45, (FREE, GRAPH), fake, 2.0, replace(slow, epoch=0.0074))
    assert 5 < made.alone.candidate.texts < UNLABELLED
    late = came_to(monkeypatch, 45, (FREE, GRAPH), fake, 2.0, replace(slow, epoch=0.1))
    assert "no time" in late.said[1]
    assert late.choice.chosen.candidate.members[1] == fake


def counted(monkeypatch, **settings):
    """Return a fake that says of how many rows it learned, and what it said."""
    learned = []

    @dataclass(frozen=True)
    class Counted(Fake):
        def fit(self, data: Data, rows, *, seed: int) -> FittedKnown:
            learned.append((len(rows), data.deadline is not None))
            return super().fit(data, rows, seed=seed)

    monkeypatch.setattr(tuning, "_TELLING", 20)
    return Counted("tuned", "graph-free", 0.99, **settings), learned


def test_with_many_labels_and_time_it_learns_to_be_judged_and_again_to_serve(monkeypatch):
    fake, learned = counted(monkeypatch)
    search = searched(monkeypatch, MANY, fake)
    teach = np.arange(MANY)
    made = tuned(search, choose(search.standing), teach, Limits(time.monotonic() + 60))
    assert [count for count, _ in learned] == [MANY - MANY // 5] * 5  # every part judges
    assert len(made.alone.right) == MANY
    search.data.forget(teach)
    search.data.fitted(fake, teach, 0)
    assert learned[-1] == (MANY, False)


def test_with_little_time_what_was_judged_serves_and_is_not_fitted_again(monkeypatch):
    # An epoch of all rows takes three seconds by its own word.
    fake, learned = counted(monkeypatch, epoch=3 / MANY)
    search = searched(monkeypatch, MANY, fake)
    teach = np.arange(MANY)
    made = tuned(search, choose(search.standing), teach, Limits(time.monotonic() + 4))
    assert learned == [(MANY - 20, True)]  # but those that judge, until time is over
    assert made.alone.candidate == fake
    assert len(made.alone.right) == 20
    data = search.data
    monkeypatch.setattr("graphtune.select.data._KEPT_BYTES", 1)
    data.fitted(GRAPH, teach, 0)  # which pushes out whatever can be
    data.forget(teach)
    assert data.fitted(fake, teach, 0).at(data, teach[:1]).shape == (1, CLASSES)
    assert len(learned) == 1
    assert made.judges(search, made.alone).labels.shape == (20,)
    assert made.judges(search, search.standing.first()) is search.held_out


def test_what_is_not_chosen_is_not_kept_to_serve(monkeypatch):
    fake, learned = counted(monkeypatch, epoch=3 / MANY)
    search = searched(monkeypatch, MANY, replace(fake, sure=0.4, wrong=MANY))
    worse = replace(fake, sure=0.4, wrong=MANY)
    teach, choice = np.arange(MANY), choose(search.standing)
    made = tuned(search, choice, teach, Limits(time.monotonic() + 4))
    assert "left as it was" in made.said[0]
    search.data.fitted(worse, teach, 0)
    assert learned[-1] == (MANY, False)
    # Unless the encoder is wanted alone.
    learned.clear()
    tuned(search, choice, teach, Limits(time.monotonic() + 4, alone=True))
    search.data.fitted(worse, teach, 0)
    assert [count for count, _ in learned] in ([MANY - 20], [])


def test_all_blocks_are_tuned_where_there_is_time_for_it(monkeypatch):
    top, whole = Fake("top", "graph-free", 0.99, epoch=0.01), Fake("whole", "graph-free", 0.99, epoch=0.02)
    seconds = {"long": 60.0, "short": 2.0}
    found = {
        kind: came_to(monkeypatch, MANY, (FREE, GRAPH), top, given, deep=whole).alone.candidate.name
        for kind, given in seconds.items()
    }
    assert found == {"long": "whole", "short": "top"}
    slow = replace(whole, epoch=5.0)
    assert came_to(monkeypatch, MANY, (FREE, GRAPH), top, deep=slow).alone.candidate == top
    late = came_to(monkeypatch, MANY, (FREE, GRAPH), replace(top, epoch=9.0), deep=slow)
    assert "no time" in late.said[0]


@pytest.mark.parametrize(("few", "judged"), [(200, 20), (30, 30)])
def test_val_rows_judge_all_and_never_teach_unless_they_are_too_few(monkeypatch, few, judged):
    fake, learned = counted(monkeypatch, epoch=3 / MANY)
    monkeypatch.setattr(tuning, "_FEW_VAL", few)
    search = searched(monkeypatch, MANY, fake)
    data, val = search.data, np.arange(MANY - 30, MANY)
    part = Part(np.arange(MANY - 30), val, None, data.labels[val])
    held_out = HeldOut.given(part, data.labels, 0)
    assert not held_out.drawn
    search = Search(data, held_out, 0, time.monotonic() + 60)
    search.run_only((FREE, GRAPH))
    choice = choose(search.standing)
    made = tuned(search, choice, part.train, Limits(time.monotonic() + 4))
    assert len(made.alone.right) == judged
    assert learned == [(MANY - 30 - (judged if judged == 20 else 0), True)]


def test_time_that_is_over_or_ctrl_c_leaves_what_there_was(monkeypatch):
    @dataclass(frozen=True)
    class Ended(Fake):
        def fit(self, data: Data, rows, *, seed: int) -> FittedKnown:
            raise {"late": OutOfTime, "stopped": KeyboardInterrupt}[self.name]

    for name, said in (("late", "nothing is known"), ("stopped", "interrupted")):
        made = came_to(monkeypatch, MANY, (FREE, GRAPH), Ended(name, "graph-free", epoch=3 / MANY), 4.0)
        assert said in made.said[0]
        assert made.alone is None
        assert made.late == (name == "late")
        assert not isinstance(made.choice.chosen.candidate, Mean)


def test_a_judge_further_on_reads_what_the_search_knew_of_its_rows(monkeypatch):
    fake, _ = counted(monkeypatch)
    search = searched(monkeypatch, MANY, fake)
    first, second = search.held_out.parts[:2]
    frozen = search.standing.tried[GRAPH]
    judges = decision.Judges(HeldOut((second,), 1, "", 1), len(first.labels))
    own = Standing(judges.held_out, few=False, parts=1).judged(
        fake, second.predict(fake, search.data, 0), 1.0
    )
    against = decision._Against(Standing(judges.held_out, few=False, parts=1), own, judges.start, usual=False)
    expected = frozen.right[len(first.labels) : len(first.labels) + len(second.labels)]
    assert np.array_equal(against.first(frozen).right, expected)


def test_classes_are_contrasted_where_labels_are_few_and_not_where_they_are_many():
    assert tuning.by_few(2, 6).blocks == 2
    assert tuning.by_few(4, 64).strategy == EncoderTuning(contrast=1.0)
    assert not tuning.by_few(4, 65).strategy.contrast
    assert not tuning.shallow(1000).strategy.contrast
    assert not tuning.deep(1000, 6).strategy.contrast
