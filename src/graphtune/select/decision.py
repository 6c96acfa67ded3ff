"""Whether what was tuned is kept: alone, averaged with what there was, or not at all.

Source: averaging models that err differently: Dietterich, MCS 2000, section 1.
Differs from the paper: each counts at its own temperature, and the tuned encoder as much as is likeliest.
"""

from dataclasses import dataclass, replace

from graphtune.select.calibration import calibrated
from graphtune.select.candidate import Candidate
from graphtune.select.held_out import HeldOut
from graphtune.select.mean import Mean, mean
from graphtune.select.mixture import second_share
from graphtune.select.outcome import Scored
from graphtune.select.search import Search
from graphtune.select.standing import SURE, Standing, Tried
from graphtune.select.verdict import Choice, between

_HOLD = 100  # rows whose word on the temperature counts as much as the belief that it is 1


@dataclass(frozen=True, eq=False)
class Stage:
    """One step on the way, whatever became of it."""

    said: str  # what was decided, and why
    tried: tuple[Tried, ...] = ()
    standing: Standing | None = None  # by which they were judged

    @property
    def scored(self) -> tuple[Scored, ...]:
        """The figures of what was tried."""
        if self.standing is None:
            return ()
        told = replace(self.standing, tried={one.candidate: one for one in self.tried})
        return told.scored((), (), ())


@dataclass(frozen=True, eq=False)
class Tuning:
    """What tuning came to."""

    choice: Choice
    stages: tuple[Stage, ...] = ()
    alone: Tried | None = None  # the encoder that was tuned, serving by itself
    ahead: bool = False  # whether it was right more often than what there was before
    held_out: HeldOut | None = None  # by which the latest stage decided
    leads: bool = False  # whether what is chosen is likelier on held-out rows than that encoder
    late: bool = False  # whether nothing was tuned, for want of time

    def then(self, stage: Stage, choice: Choice | None = None, alone: Tried | None = None) -> "Tuning":
        """Return this with one more stage."""
        return replace(
            self, choice=choice or self.choice, stages=(*self.stages, stage), alone=alone or self.alone
        )

    def lacking(self, said: str) -> "Tuning":
        """Return this with one more stage, which there was no time for."""
        return replace(self.then(Stage(said)), late=self.alone is None)

    def judges(self, search: Search, tried: Tried) -> HeldOut:
        """Return by which rows ``tried`` was judged."""
        own = self.held_out
        return own if own is not None and len(own.labels) == len(tried.right) else search.held_out

    @property
    def said(self) -> tuple[str, ...]:
        """What was decided at each stage."""
        return tuple(stage.said for stage in self.stages)

    @property
    def scored(self) -> tuple[Scored, ...]:
        """The figures of all that was tried, the latest first."""
        return tuple(one for stage in reversed(self.stages) for one in stage.scored)


@dataclass(frozen=True, eq=False)
class Judges:
    """Rows that judge a tuned encoder."""

    held_out: HeldOut
    start: int = 0  # judgements of the search's parts before theirs


def decided(
    search: Search, before: Tuning, candidate: Candidate, judged: Tried | None, judges: Judges | None = None
) -> Tuning:
    """Decide on ``candidate`` by what judged it, or what differs from it only in how many texts there are.

    ``judges``: by which rows, in one part; None = the search's first parts.
    """
    if judged is None:
        return before.lacking(f"Of the {candidate} nothing is known: it took longer than there was time.")
    judges = judges or Judges(search.held_out.only(judged.parts))
    standing = Standing(judges.held_out, search.standing.few, judged.parts)
    alone = standing.judged(candidate, judged.probabilities, judged.seconds)
    against = _Against(standing, alone, judges.start, usual=standing.few and not before.stages)
    choice = before.choice
    graph = against.best(choice.graph)
    # What a graph taught is not free of it, and is not averaged with what is.
    taught = alone.candidate.family != "graph-free" and choice.chosen is not choice.free
    if choice.free is choice.graph:
        free = graph
    elif taught and choice.free is not None:
        free = against.first(choice.free)
    else:
        free = against.best(choice.free)
    assert free is not None
    chosen = graph if graph is not None and choice.chosen is choice.graph else free
    first, number = against.first(choice.chosen), len(before.stages)
    before = replace(
        before,
        ahead=alone.accuracy > first.accuracy,
        leads=standing.lead(chosen, alone) > 0,
        held_out=judges.held_out,
    )
    serves = _alone(standing, before.alone, alone)
    less = "" if judged.candidate == candidate else " It was judged with few texts, and learns from more."
    if chosen.candidate == first.candidate:
        stage = Stage(_said(number, first, alone, chosen) + less, (alone,), standing)
        return before.then(stage, alone=serves)
    # Fewer rows judge now than did: with few labels they overturn what was decided only where they are clear.
    usual = choice.chosen is choice.graph
    if graph is alone and not taught:
        # It leads what the graph is averaged with: it serves without one, unless something free is better.
        graph = against.both(choice.graph)
        if chosen is alone:
            free = alone
    new = between(graph, free, standing, usual=usual)
    said = _said(number, first, alone, new.chosen) + less
    stage = Stage(said, (alone, against.both(choice.chosen)), standing)
    return before.then(stage, new, serves)


@dataclass(frozen=True, eq=False)
class _Against:
    """A tuned encoder beside what there was, all as the same rows judge them."""

    standing: Standing
    alone: Tried
    start: int
    usual: bool  # whether the average is taken unless it clearly loses

    def first(self, frozen: Tried) -> Tried:
        """Return what there was."""
        return _first(self.standing, frozen, len(self.alone.right), self.start)

    def both(self, frozen: Tried | None) -> Tried:
        """Return the average with it."""
        assert frozen is not None
        standing, alone = self.standing, self.alone
        # Of few rows a temperature is mostly noise: it is held back towards none.
        held = len(alone.right) / (len(alone.right) + _HOLD)
        heats = (frozen.temperature, float(alone.temperature**held))
        tables = (self.first(frozen).probabilities, alone.probabilities)
        one, other = (calibrated(table, at) for table, at in zip(tables, heats, strict=True))
        share = second_share(one, other, standing.held_out.labels, standing.held_out.repeats)
        weights = () if share == 0.5 else (round(1 - share, 2), round(share, 2))
        members = Mean((frozen.candidate, alone.candidate), heats, weights)
        return standing.judged(members, mean((one, other), (), weights), alone.seconds)

    def best(self, frozen: Tried | None) -> Tried | None:
        """Return the best of what there was, the average, and the encoder alone."""
        if frozen is None:
            return None
        first, both = self.first(frozen), self.both(frozen)
        return _best(self.standing, first, both, self.alone, usual=self.usual)


def _alone(standing: Standing, earlier: Tried | None, later: Tried) -> Tried:
    """Return which of two tuned encoders serves by itself: the later one, unless the earlier leads it."""
    if earlier is None or len(earlier.right) < len(later.right):
        return later
    first = _first(standing, earlier, len(later.right))
    return earlier if standing.lead(first, later) > standing.beyond(SURE) else later


def _first(standing: Standing, tried: Tried, rows: int, start: int = 0) -> Tried:
    """Return a candidate as ``rows`` judge it, from the one at ``start`` on."""
    return standing.judged(tried.candidate, tried.probabilities[start : start + rows], tried.seconds)


def _best(standing: Standing, frozen: Tried, both: Tried, alone: Tried, *, usual: bool) -> Tried:
    """Return the best of three; ``usual``: whether it is the average, unless it clearly loses."""
    if usual:
        first = frozen if standing.clearly(frozen, both) else both
    else:
        first = both if standing.likelier(both, frozen) > standing.beyond(SURE) else frozen
    return alone if standing.clearly(alone, first) else first


def _said(number: int, frozen: Tried, alone: Tried, chosen: Tried) -> str:
    how = ("was tuned on labels", "was taught what the model so far says of all texts")[number]
    figures = f"{100 * frozen.accuracy:.1f} % without, {100 * alone.accuracy:.1f} % alone"
    rows = f"on {len(alone.right)} held-out rows, in {alone.seconds:.0f} s"
    if chosen.candidate == frozen.candidate:
        return f"The encoder {how}, and is left as it was: {figures}, {rows}."
    if chosen.candidate == alone.candidate:
        return f"The encoder {how}, and serves by itself: {figures}, {rows}."
    share = (
        chosen.candidate.weights[1]
        if isinstance(chosen.candidate, Mean) and chosen.candidate.weights
        else 0.5
    )
    told = f"{figures}, {100 * chosen.accuracy:.1f} % averaged ({share:.0%} of it the encoder)"
    return f"The encoder {how}, and is averaged with what there was: {told}, {rows}."
