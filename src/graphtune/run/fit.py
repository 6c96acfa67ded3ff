"""The whole job: from a table to a chosen, evaluated, saved classifier."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path

from graphtune.encoder import Transformer
from graphtune.errors import PlanError
from graphtune.graph import BuiltGraph, homophily
from graphtune.plan import Plan
from graphtune.progress import say
from graphtune.run.class_shares import Telling, weights_note
from graphtune.run.evaluated import evaluated
from graphtune.run.fingerprint import fingerprint
from graphtune.run.fitted import FittedModel, Stored
from graphtune.run.ready import Clock, Ready
from graphtune.run.saved import check_place, save
from graphtune.run.split import without_weightless
from graphtune.run.started import check_started, started
from graphtune.run.tracked import track_failure, track_fit
from graphtune.run.unknown import Strangers, on_test, set_apart, told, with_examples
from graphtune.run.within import within
from graphtune.select import Candidate, Data, GraphReport, Outcome, TextGCN, Window, served
from graphtune.select.calibration import Reweighting
from graphtune.select.graphs import views_read
from graphtune.select.grid import labels_are_few
from graphtune.select.journal import Journal
from graphtune.select.search import Search
from graphtune.select.standing import Tried
from graphtune.select.tuning import Limits, Tuning, tuned
from graphtune.select.turns import Turns
from graphtune.select.verdict import Choice, choose
from graphtune.table import Links, Table
from graphtune.tracking import Guarded, Tracker

_TO_SEARCH = 0.8  # of the budget; the rest is for the final fit, the figures and saving
_BEFORE_TUNING = 0.4  # of the budget, where an encoder is to be tuned after the search
_BEFORE_TUNING_BY_MANY = 0.25  # the same with many labels, from which tuning gains more than searching
_MORE_TIME = 3.0  # times a budget that was too small
_TO_TAKE_TURNS = 0.9  # of the budget, by when networks over words are trained, the final one included
SHARE_TO_FIT = 0.95  # of the budget, by when a tuned encoder must have read the test rows


def fit_table(
    table: Table,
    *,
    plan: Plan,
    into: Path | None,
    links: Links | None = None,
    resume: bool = False,
    text_column: str | None = None,
    trackers: Sequence[Tracker] = (),
    tells_unknown: bool = True,
) -> FittedModel:
    """Choose a model for ``table`` within the plan's budget, evaluate it, and save it under ``into``.

    Rows whose split is train teach and choose (by folds, or by the val rows where there are some); test rows
    are looked at once, at the end. With ``resume``, what an interrupted fit had found is used again.
    Unless ``tells_unknown`` is false, the model can also tell texts of none of the classes; rows of the
    plan's ``unknown_labels`` are of none, and no class is made of them.
    The ``trackers`` are told when the model is saved; an error of theirs is a warning.

    Raises:
        ModelError: the plan, or a candidate of it, starts from a directory that holds no whole pre-trained
            network.
        TableError: fewer than two classes have labelled training rows, or no row is left to choose by; no
            row has one of the ``unknown_labels``.
        PlanError: the plan's candidates read graphs that are not there, or that no candidate can read; or
            start from a network that was pre-trained on other features.
        EncoderError: the encoder is not there.
        OutputError: ``into`` cannot be written to; found out before any work where possible.
    """
    if into is not None:
        # A bare "." has no name to put the journal and the partial model beside.
        into = into.absolute()
        check_place(into)
    check_started(plan)  # before any work
    told = Guarded(trackers)
    try:
        known, strangers = set_apart(table, plan.unknown_labels)
        tells = strangers if tells_unknown else None
        model = _Fit(without_weightless(known), plan, into, links, resume, text_column, tells).run()
    except BaseException as error:
        track_failure(told, plan, error)
        raise
    track_fit(told, plan, model.outcome)
    return model


@dataclass(eq=False)
class _Fit:
    table: Table
    plan: Plan
    into: Path | None
    links: Links | None
    resume: bool
    text_column: str | None
    strangers: Strangers | None = None  # texts of no class; None = such are not to be told
    clock: Clock = field(default_factory=Clock)

    def run(self) -> FittedModel:
        begin = time.monotonic()
        ready = Ready.of(self.table, self.plan, self.links, self.clock)
        turns = Turns(begin + _TO_TAKE_TURNS * self.plan.budget_seconds)
        ready = replace(ready, data=replace(ready.data, turns=turns))
        seen = started(ready)
        with self.clock.stage("select"):
            search, journal = self._search(begin, ready)
        telling = Telling.of(ready, search)
        tuning = self._tuned(begin, ready, search, telling)
        ready.data.forget(ready.teach)
        for said in (*tuning.said, tuning.choice.verdict.text):
            say(said)
        model = self._final(ready, search, tuning, telling, seen)
        if self.strangers is not None and not ready.data.several:
            with self.clock.stage("unknown"):
                model = self._telling_unknown(model, ready, search, tuning)
        model = model.lean()
        self.clock.seconds["total"] = time.monotonic() - begin
        model = replace(model, outcome=replace(model.outcome, seconds=dict(self.clock.seconds)))
        if self.into is not None:
            save(model, self.into)
            if journal is not None:
                journal.discard()
        return model

    def _tuned(self, begin: float, ready: Ready, search: Search, telling: Telling) -> Tuning:
        """Tune what may be tuned after the search; the choice is what shall serve."""
        with self.clock.stage("select"):
            choice = choose(search.standing, exactly=self.plan.exactly)
        tuning = Tuning(choice)
        if self._tunes(ready):
            with self.clock.stage("tune"):
                finish = begin + SHARE_TO_FIT * self.plan.budget_seconds
                read = len(ready.tested) + len(telling.texts)
                limits = Limits(finish, read, alone=self.plan.serve_as == "encoder")
                tuning = tuned(search, choice, ready.teach, limits)
        if tuning.late and search.left_out and self.plan.serve_as != "encoder":
            with self.clock.stage("select"):
                self._go_on(search, begin + _TO_SEARCH * self.plan.budget_seconds, ready)
                tuning = replace(tuning, choice=choose(search.standing, exactly=self.plan.exactly))
        return replace(tuning, choice=self._served(tuning))

    def _final(
        self, ready: Ready, search: Search, tuning: Tuning, telling: Telling, seen: tuple[str, ...]
    ) -> FittedModel:
        """Fit what was chosen on all labels, and evaluate it."""
        data, choice = ready.data, tuning.choice
        chosen = choice.chosen.candidate
        if data.turns is not None:
            # Of what serves alone: parts that an interrupted fit had judged took no turn.
            data.turns.left = max(1, _over_words(chosen))
        with self.clock.stage("final"):
            predictor = data.fitted(chosen, ready.teach, self.plan.seed)
            weighted = telling.weights(ready, choice.chosen)
            calibration = cache(partial(telling.calibration, ready, chosen=choice.chosen, weighted=weighted))
            if len(ready.tested):
                # Before any test row is read: a tuned encoder keeps what it said of the latest texts alone.
                for tried in filter(None, (choice.free, choice.graph)):
                    calibration(tried)
        serves = served(chosen)
        model = FittedModel(
            self.plan,
            ready.classes[: data.classes],
            serves,
            predictor,
            data,
            ready.maker.only(views_read([serves], [ready.graphs[name] for name in serves.graphs])),
            ready.graphs,
            Stored(ready.ids(ready.nodes), data.features.texts, data.labels, data.marks),
            calibration(choice.chosen),
            self._outcome(ready, search, tuning, weighted, (*seen, *_cut(data.turns))),
            recipe=None if serves == chosen else self.plan.only(chosen, ready.graphs).to_text(),
        )
        with self.clock.stage("evaluate"):
            return replace(model, outcome=evaluated(model, ready, choice, calibration))

    def _telling_unknown(
        self, model: FittedModel, ready: Ready, search: Search, tuning: Tuning
    ) -> FittedModel:
        """Let the model tell texts of none of the classes, where held-out rows allow it."""
        assert self.strangers is not None
        chosen = tuning.choice.chosen
        found = told(ready, tuning.judges(search, chosen), chosen, self.plan.seed)
        if found is None:
            return model
        model = with_examples(replace(model, rejection=found[0]), found[1], self.strangers, self.links)
        return on_test(model, ready, self.strangers)

    def _search(self, begin: float, ready: Ready) -> tuple[Search, Journal | None]:
        held_out = ready.held_out()
        if self.plan.exactly:
            # Where there is nothing to choose, one part tells how sure to be, else one round of folds.
            several = len(self.plan.candidates) > 1
            held_out = held_out.only(held_out.first // held_out.repeats if several else 1)
        if ready.data.turns is not None:
            ready.data.turns.left = _over_words(self.plan.candidates) * len(held_out.parts) + 1
        journal = None
        if self.into is not None:
            place = self.into.parent / f".{self.into.name}.graphtune-resume"
            journal = Journal.opened(place, fingerprint(ready, held_out), resume=self.resume)
        labelled = len(ready.data.labelled)
        share = share_to_search(tunes=self._tunes(ready), few=labels_are_few(labelled, ready.data.classes))
        deadline = begin + share * self.plan.budget_seconds
        search = Search(ready.data, held_out, self.plan.seed, deadline, journal)
        say(f"choosing by {held_out.said}")
        if self.plan.candidates:
            search.run_only(self.plan.candidates, exactly=self.plan.exactly)
        else:
            up_to = self.plan.up_to
            if up_to == "network" and search.standing.few and self._tunes(ready):
                up_to = "graph"  # a tuned encoder takes a network's time, and gains more
            search.run(tuple(ready.graphs.values()), up_to=up_to, start=self.plan.start)
        return search, journal

    def _go_on(self, search: Search, deadline: float, ready: Ready) -> None:
        """Give the search the time that tuning had no use for."""
        graphs = tuple(ready.graphs.values())
        search.go_on(graphs, deadline, up_to=self.plan.up_to, start=self.plan.start)

    def _tunes(self, ready: Ready) -> bool:
        able = isinstance(ready.maker.encoder, Transformer)
        return able and self.plan.tune and not self.plan.candidates

    def _served(self, tuning: Tuning) -> Choice:
        """Return what was chosen, or what the plan asks for instead."""
        choice, wanted = tuning.choice, self.plan.serve_as
        if wanted == "auto":
            return choice
        if wanted == "graph":
            if choice.graph is None:
                raise PlanError(
                    'serve_as = "graph", but no candidate with a graph was tried.', fix="leave it out."
                )
            if not served(choice.graph.candidate).graphs:
                raise PlanError(
                    'serve_as = "graph", but what the graph taught serves without it, and leads it.',
                    fix='leave it out, or give tune = false (--frozen) beside serve_as = "graph".',
                )
            return _asked(choice, choice.graph, "The graph is used, as was asked for")
        if tuning.alone is None:
            more = round(_MORE_TIME * self.plan.budget_seconds)
            raise PlanError(
                f'serve_as = "encoder", but there is no tuned encoder: {tuning.said[-1]}',
                fix=f"give time, such as --budget {more}s, and let it end (--resume uses what was found); or "
                "leave serve_as out.",
            )
        return _asked(choice, tuning.alone, "The tuned encoder serves by itself, as was asked for")

    def _outcome(
        self,
        ready: Ready,
        search: Search,
        tuning: Tuning,
        weighted: Reweighting | None,
        seen: tuple[str, ...],
    ) -> Outcome:
        choice = tuning.choice
        split, data, classes = ready.split, ready.data, ready.classes[: ready.data.classes]
        labelled = len(data.labelled)
        notes = [note.text for note in self.table.notes if note.kind == "warning"]
        if len(data.names):
            notes.append(_names_note(ready))
        notes += [*tuning.said, *seen]
        if weighted is not None:
            notes.append(weights_note(weighted, ready, classes))
            say(notes[-1])
        return Outcome(
            protocol="transductive" if self.plan.transductive else "inductive",
            encoder=self.plan.encoder,
            seed=self.plan.seed,
            rows={
                "labelled": labelled,
                "unlabelled": len(split.train) - len(ready.teach),
                "val": len(split.val),
                "test": len(split.test),
            },
            classes=classes,
            selection=search.said,
            chosen=str(choice.chosen.candidate),
            candidates=(*tuning.scored, *search.scored()),
            graphs=tuple(_graph_report(name, built, data) for name, built in data.graphs.items()),
            verdict=choice.verdict,
            test=None,
            test_graph_free=None,
            test_gain=None,
            per_class=None,
            confusion=None,
            temperature=choice.chosen.temperature,
            seconds={},
            notes=(*split.notes, *notes),
            text_column=self.text_column,
            measure="micro-F1" if data.several else "accuracy",
        )


def _asked(choice: Choice, chosen: Tried, said: str) -> Choice:
    """Return a choice of what was asked for, whatever held-out rows say of it."""
    old = choice.verdict
    worth = f"{old.gain:+.1f} points (95 % interval {old.gain_low:+.1f} to {old.gain_high:+.1f})"
    text = f"{said}. On held-out rows the graph's worth was {worth}."
    helps = bool(served(chosen.candidate).graphs)
    return replace(choice, chosen=chosen, verdict=replace(old, graph_helps=helps, text=text, asked=True))


def share_to_search(*, tunes: bool, few: bool) -> float:
    """Return by which share of the budget a search ends, if anything is left to try."""
    if not tunes:
        return _TO_SEARCH
    return _BEFORE_TUNING if few else _BEFORE_TUNING_BY_MANY


def _over_words(asked: Candidate | tuple[Candidate, ...]) -> int:
    """Return how many different networks over words are asked for, each of which takes turns."""
    return sum(len({*within(asked, kind)}) for kind in (TextGCN, Window))


def _cut(turns: Turns | None) -> tuple[str, ...]:
    if turns is None or not turns.cut:
        return ()
    text = (
        f"The budget ended {turns.cut} trainings of a network over words before they were done; their best "
        "weights until then were used. A longer --budget may serve better."
    )
    say(text)
    return (text,)


def _names_note(ready: Ready) -> str:
    texts = [repr(ready.data.features.texts[node]) for node in ready.data.names]
    ends = ", ".join(dict.fromkeys((texts[0], texts[-1])))
    return (
        f"Of {ready.data.classes} classes {len(texts)} have a name that was read as one more text: {ends}. "
        "Where names mean something else, fit with --no-class-names."
    )


def _graph_report(name: str, built: BuiltGraph, data: Data) -> GraphReport:
    found = homophily(built.graph, data.known(data.labelled))
    said = getattr(built, "report", "")
    return GraphReport(
        name, built.graph.nodes, built.graph.edges, found.share, found.links, found.expected, str(said)
    )
