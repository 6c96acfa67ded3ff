"""A whole search: from a table to a plan."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from graphtune import progress
from graphtune.errors import GraphtuneError, PlanError
from graphtune.plan import Plan
from graphtune.run.fingerprint import fingerprint
from graphtune.run.ready import Clock, Ready
from graphtune.run.split import without_weightless
from graphtune.select import Candidate, Mean, NamedGraph
from graphtune.select.data import OutOfTime
from graphtune.select.graphs import usual
from graphtune.select.grid import labels_are_few
from graphtune.select.held_out import HeldOut
from graphtune.select.journal import Journal
from graphtune.select.standing import Tried
from graphtune.sweep.defaults import Defaults
from graphtune.sweep.files import write
from graphtune.sweep.judge import Judge
from graphtune.sweep.kept_graphs import KeptGraphs
from graphtune.sweep.pool import Pool
from graphtune.sweep.record import ended, importance
from graphtune.sweep.result import Found
from graphtune.sweep.space import Setting, Space, Which
from graphtune.sweep.structure import named
from graphtune.sweep.study import Study, check_optuna, check_place, is_given, opened
from graphtune.sweep.tracked import Told
from graphtune.table import Links, Table
from graphtune.tracking import Guarded, Tracker

if TYPE_CHECKING:
    import optuna

_CLEAR = 2.0  # standard errors of a lead that is hardly chance
_PART_SHARE = 0.1  # of the budget: a network that trains longer for one held-out part is given up


@dataclass(frozen=True)
class Asked:
    """How far a search goes."""

    trials: int = 50  # drawn settings in all, those of earlier runs among them
    budget_seconds: float = (
        600.0  # of this run; a linear trial that is running is finished, a network is cut off
    )
    space: Which = "all"

    def __post_init__(self) -> None:
        if self.space not in get_args(Which):
            raise PlanError(
                f"The space {self.space!r} is unknown.", fix=f"use one of {', '.join(get_args(Which))}."
            )
        if self.trials < 1:
            raise PlanError(
                f"trials = {self.trials} leaves nothing to try.", fix="give 1 or more, such as 50."
            )
        if not self.budget_seconds > 0:
            raise PlanError(
                f"budget_seconds = {self.budget_seconds} leaves no time.", fix="give at least a few seconds."
            )


def search_table(
    table: Table,
    *,
    plan: Plan,
    into: Path,
    asked: Asked | None = None,
    links: Links | None = None,
    trackers: Sequence[Tracker] = (),
) -> Found:
    """Look for the settings that serve ``table`` best, and write them to ``into`` as a plan for a fit.

    Settings are judged by the rows that `fit_table` chooses by, never by test rows, whose texts are in the
    graph where the plan is transductive. Of ``plan`` the encoder,
    the seed and what else says how rows are read is used; its candidates and graphs are what is looked for.
    A search of the same table, plan and space that lies in ``into`` is gone on with. The ``trackers``
    are told of every trial; an error of theirs is a warning.

    Raises:
        TableError: fewer than two classes have labelled training rows, or no row is left to choose by.
        PlanError: the budget was over before one setting was judged.
        EncoderError: the encoder is not there.
        OutputError: ``into`` cannot be written to, holds other files, or another search.
        MissingExtraError: Optuna is not installed.
    """
    begin, into = time.monotonic(), into.absolute()
    asked = asked or Asked()
    check_optuna()
    check_place(into)
    plan = replace(plan, graphs=(), candidates=(), exactly=False, up_to="graph-free")
    ready = Ready.of(without_weightless(table), plan, links, Clock())
    space = Space.of(asked.space, ready.data, links=links is not None)
    deadline = begin + asked.budget_seconds
    _check_time(begin, asked)
    held_out = ready.held_out()
    few = labels_are_few(len(ready.data.labelled), ready.data.classes)
    mark = f"{fingerprint(ready, held_out)} {asked.space}"
    with opened(into, mark, "minimize" if few else "maximize", plan.seed) as study:
        journal = Journal.opened(into / "held-out", mark, resume=True)
        pool = Pool(held_out, few, journal)
        told = Told(Guarded(trackers))
        search = _Search(ready, held_out, space, study, pool, asked, begin, deadline, into, mark, told)
        options = {"trials": str(asked.trials), "space": asked.space}
        with told.run(plan, options, {"fingerprint": mark, "selection": held_out.said}):
            return search.run()


def _check_time(begin: float, asked: Asked) -> None:
    spent = time.monotonic() - begin
    if spent >= asked.budget_seconds:
        raise _no_time(asked.budget_seconds, spent, "reading the texts alone took")


def _no_time(budget: float, spent: float, why: str) -> PlanError:
    return PlanError(
        f"The budget of {budget:.3g} s was over before one setting was judged: {why} {spent:.1f} s.",
        fix=f"give more, such as --budget {max(60, round(2 * spent) + 60)}s; texts that were encoded are "
        "kept, so that the next run needs less.",
    )


@dataclass(eq=False)
class _Search:
    ready: Ready
    held_out: HeldOut
    space: Space
    study: Study
    pool: Pool
    asked: Asked
    begin: float
    deadline: float
    into: Path
    mark: str
    told: Told
    ends: Literal["trials", "budget"] = "trials"
    graphs: tuple[NamedGraph, ...] = field(init=False)  # that `fit` uses

    def __post_init__(self) -> None:
        known = usual(
            links=self.ready.links is not None, views=self.ready.maker.views, nodes=len(self.ready.nodes)
        )
        self.graphs = tuple(named(one.builder, one.view) for one in known)

    def run(self) -> Found:
        """Try settings until there are enough or the time is over; write what was found, whatever ends it."""
        earlier = [self._setting(trial) for trial in self.study.finished]
        self.pool.restore(one.candidate for one in earlier)
        if earlier:
            progress.say(f"going on after {len(earlier)} finished trials")
        progress.say(f"choosing by {self.held_out.said}")
        try:
            self._trials({one.candidate for one in earlier})
        except KeyboardInterrupt:
            if self.pool.leader is not None:
                write(self._found(), self.into)
            raise
        if self.pool.leader is None:
            spent = time.monotonic() - self.begin
            raise _no_time(
                self.asked.budget_seconds, spent, "with a first one unfinished, the search ended after"
            )
        found = self._found()
        write(found, self.into)
        self.told.found(found, self.into)
        return found

    def _trials(self, tried: set[Candidate]) -> None:
        defaults = Defaults(self.space, self.graphs, self.ready.maker.views)
        kept = KeptGraphs(self.ready, self.held_out)
        total, done = self.asked.trials + defaults.count(few=self.pool.few), 0
        with progress.bar("search", float(total), "trials") as bar:
            while True:
                drawn, before = self._drawn(), done
                done = min(len(self.study.finished), total)
                bar.advance(float(done - before))
                given = defaults.next(tried, self.pool.standing)
                if given is None and drawn >= self.asked.trials:
                    return
                if time.monotonic() >= self.deadline:
                    self.ends = "budget"
                    return
                if given is not None and self._turn(given, drawn):
                    given = None
                trial = self.study.drawn(self._fixed(given))
                setting = self._one(trial, kept)
                self._tell(trial.number)
                tried |= {one.candidate for one in (given, setting) if one is not None}

    def _tell(self, number: int) -> None:
        leader = self.pool.leader
        for one in ended(self.study, self.space, number):
            self.told.trial(one, None if leader is None else self._value(leader))

    def _turn(self, given: Setting, drawn: int) -> bool:
        """Say whether a drawn setting comes first: networks of `fit` are slow and take turns with those."""
        ended = self.study.finished
        return (
            given.candidate.family == "network"
            and self.pool.leader is not None
            and drawn < self.asked.trials
            and is_given(ended[-1])
        )

    def _fixed(self, given: Setting | None) -> dict[str, Any] | None:
        return None if given is None else self.space.parameters(given)

    def _one(self, trial: "optuna.Trial", kept: KeptGraphs) -> Setting | None:
        """Try what a trial draws; None if there was no time, or no such setting."""
        leader = self.pool.leader
        try:
            setting = self.space.drawn(trial)
            found = self._judged(setting, trial, leader, kept)
        except OutOfTime:
            if time.monotonic() >= self.deadline:
                self.study.fail(trial, "no time")
            else:
                self.study.give_up(trial, "slow")
            return None
        except GraphtuneError as error:
            # Told as the worst there is, so that the like is drawn less.
            self.study.give_up(trial, error.problem)
            return None
        except KeyboardInterrupt:
            self.study.fail(trial, "interrupted")
            raise
        for name in ("accuracy", "likelihood", "seconds"):
            trial.set_user_attr(name, getattr(found, name))
        if found.parts < self.pool.standing.parts:
            self.study.give_up(trial, "behind")
            return setting
        self.pool.add(found)
        self.study.complete(trial, self._value(found))
        if self.pool.leader is found:
            progress.say(f"  trial {trial.number}: {self._figure(found)}  {found.candidate}")
        return setting

    def _judged(
        self, setting: Setting, trial: "optuna.Trial", leader: Tried | None, kept: KeptGraphs
    ) -> Tried:
        data, parts = kept.over(setting.graph)
        judge = self._judge()

        def report(tried: Tried) -> None:
            trial.report(self._value(tried), tried.parts)

        return judge.judge(setting.candidate, data, parts, leader, report)

    def _judge(self) -> Judge:
        longest = _PART_SHARE * self.asked.budget_seconds
        return Judge(self.pool.standing, self.ready.plan.seed, longest, self.deadline)

    def _value(self, tried: Tried) -> float:
        return tried.likelihood if self.pool.few else tried.accuracy

    def _figure(self, tried: Tried) -> str:
        accuracy = f"{100 * tried.accuracy:.1f} %"
        return f"{tried.likelihood:.4f} nats, {accuracy}" if self.pool.few else accuracy

    def _drawn(self) -> int:
        return sum(not is_given(trial) for trial in self.study.finished)

    def _setting(self, trial: "optuna.trial.FrozenTrial") -> Setting:
        from optuna.trial import FixedTrial

        return self.space.drawn(FixedTrial(trial.params))

    def _found(self) -> Found:
        every = [(self._setting(trial), is_given(trial)) for trial in self.study.finished]
        graphs = {setting.graph.name: setting.graph for setting, _ in every if setting.graph is not None}
        best = self.pool.best(self.graphs)
        if best is None:
            raise AssertionError("a search that found nothing has nothing to write")
        usual_best = (
            self.pool.best(self.graphs, among={one.candidate for one, given in every if given}) or best
        )
        best = max((best, usual_best), key=self.pool.standing.merit)
        same = best.candidate == usual_best.candidate
        plan = replace(
            self.ready.plan,
            graphs=tuple(graphs[name] for name in sorted(best.candidate.graphs)),
            candidates=(best.candidate,),
            up_to="network",
        )
        standing = self.pool.standing
        lead = 0.0 if same else standing.lead(best, usual_best)
        return Found(
            best,
            usual_best,
            self.pool.few,
            lead,
            lead > standing.beyond(_CLEAR),
            plan,
            ended(self.study, self.space),
            importance(self.study, self._kind(best.candidate), plan.seed),
            self.held_out.said,
            self.ends,
            self.mark,
            time.monotonic() - self.begin,
        )

    def _kind(self, candidate: Candidate) -> str:
        first = candidate.members[0] if isinstance(candidate, Mean) else candidate
        return self.space.kind(first)
