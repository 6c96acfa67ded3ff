"""From what serves on the frozen encoder to a tuned one: kept where held-out rows say so, as time allows.

Source: fine-tuning, Devlin et al., NAACL 2019, arXiv:1810.04805; a graph model's soft labels as its teacher,
Zhang et al., ICLR 2022, arXiv:2110.08727; averaging models that err differently: Dietterich, MCS 2000,
section 1.
Differs from the papers: the solution so far is not given up but averaged with, each at its own temperature.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int64

from graphtune.encoder import Transformer
from graphtune.select.calibration import calibrated
from graphtune.select.candidate import Candidate
from graphtune.select.mean import Mean, mean
from graphtune.select.mixture import second_share
from graphtune.select.outcome import Scored
from graphtune.select.search import Search
from graphtune.select.standing import SURE, Standing, Tried
from graphtune.select.taught import Taught
from graphtune.select.tuned import Pace, Tuned
from graphtune.select.verdict import Choice, between

_HOLD = 100  # rows whose word on the temperature counts as much as the belief that it is 1
_DEPTHS = (4, 2)  # blocks that learn: the second where there is no time for the first
_FEWEST = 2  # epochs
_LEAST_SECONDS = 1  # that must be left for any encoder to be tuned
_LEAST_TEXTS = 1  # that a teacher labels, for each text that has a label
_BEFORE_TEACHER = 1 / 3  # of the time, for learning from labels, where a taught encoder is wanted
_JUDGED_PARTS = 2  # that judge what learned from all texts: it takes long, and a few rows tell little


@dataclass(frozen=True)
class Limits:
    """On the clock of ``time.monotonic``."""

    finish: float  # when the last fit must have ended
    judged_rows: int = 0  # that the tuned encoder has to read after that
    alone: bool = False  # whether an encoder that serves by itself is what is wanted

    @property
    def left(self) -> float:
        """Seconds from now."""
        return self.finish - time.monotonic()


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
    leads: bool = False  # whether what is chosen is likelier on held-out rows than that encoder

    def then(self, stage: Stage, choice: Choice | None = None, alone: Tried | None = None) -> "Tuning":
        """Return this with one more stage."""
        return replace(
            self, choice=choice or self.choice, stages=(*self.stages, stage), alone=alone or self.alone
        )

    @property
    def said(self) -> tuple[str, ...]:
        """What was decided at each stage."""
        return tuple(stage.said for stage in self.stages)

    @property
    def scored(self) -> tuple[Scored, ...]:
        """The figures of all that was tried, the latest first."""
        return tuple(one for stage in reversed(self.stages) for one in stage.scored)


def tuned(search: Search, choice: Choice, teach: Int64[np.ndarray, " T"], limits: Limits) -> Tuning:
    """Judge a tuned encoder, alone and averaged with the choice, by as many parts as time allows.

    It learns from labels first. With few labels the average is taken unless the choice clearly leads it, for
    held-out rows seldom tell; with many, only if it leads by one standard error. The tuned encoder alone has
    to lead clearly in any case. With few labels, the choice so far may then teach the encoder on all texts:
    where the encoder is wanted by itself and the choice leads it, or where it has learned what the graph did
    not know. On banking77 with 5 labels a class, where the graph knew better, the average with what it taught
    was no better (85.6 % against 85.9). Ctrl-C ends it with what was found so far.
    """
    tuning = Tuning(choice)
    if not isinstance(search.data.features.maker.encoder, Transformer):
        return tuning
    unlabelled = int((search.data.labels < 0).sum())
    others = search.standing.few and unlabelled >= _LEAST_TEXTS * len(teach)
    try:
        tuning = _by_labels(search, tuning, teach, limits, followed=others and limits.alone)
        if others and tuning.alone is not None and (tuning.leads if limits.alone else tuning.ahead):
            tuning = _by_teacher(search, tuning, teach, limits)
    except KeyboardInterrupt:
        return tuning.then(Stage("Tuning was interrupted: what was chosen before is saved."))
    return tuning


def _by_labels(
    search: Search, before: Tuning, teach: Int64[np.ndarray, " T"], limits: Limits, *, followed: bool
) -> Tuning:
    held_out, least = search.held_out, float(_LEAST_SECONDS)
    # Where a taught encoder is wanted, the time is the teacher's.
    parts = 1 if followed else held_out.first // held_out.repeats
    first, reads = len(held_out.parts[0].train), len(held_out.parts[0].labels)
    for candidate, pace in _by_depth(search, teach, limits):
        left = limits.left - pace.reading(limits.judged_rows + reads)
        texts = len(teach) + (first if first < len(teach) else 0)
        able, epoch = left - 2 * pace.ready, max(1e-9, texts * pace.text)
        if followed:
            able = max(_BEFORE_TEACHER * able, min(able, (_FEWEST + 0.01) * epoch))
        epochs = min(pace.epochs(len(teach)), int(able / epoch))
        if epochs >= min(_FEWEST, pace.epochs(len(teach))):
            asked = (
                replace(candidate, texts=epochs * len(teach))
                if epochs < candidate.passes(len(teach))
                else candidate
            )
            each, end = pace.training(first, epochs), limits.finish - pace.reading(limits.judged_rows)
            # What learned from all labels, and val rows judge, is what serves; further parts may push it out.
            once = end if first == len(teach) else end - pace.training(len(teach), epochs)
            ends = (once, end - pace.training(len(teach), epochs))
            judged = _by_parts(search, asked, (parts, each + pace.reading(reads)), ends)
            return _decided(search, before, asked, judged)
        least = 2 * pace.ready + _FEWEST * epoch + limits.left - left
    said = f"The encoder was not tuned: there was no time for the {least:.0f} s it takes."
    return before.then(Stage(said))


def _by_depth(search: Search, teach: Int64[np.ndarray, " T"], limits: Limits) -> Iterator[tuple[Tuned, Pace]]:
    encoder = search.data.features.maker.encoder
    assert isinstance(encoder, Transformer)
    for blocks in _DEPTHS:
        # To find out how long it takes, takes seconds too.
        if limits.left > _LEAST_SECONDS and (blocks == _DEPTHS[0] or blocks < encoder.depth):
            candidate = Tuned(blocks)
            yield candidate, candidate.pace(search.data, teach)


def _by_teacher(search: Search, before: Tuning, teach: Int64[np.ndarray, " T"], limits: Limits) -> Tuning:
    data, teacher = search.data, before.choice.chosen
    candidate = Taught(teacher.candidate, teacher.temperature)
    pace = candidate.pace(data, teach)
    reads, unlabelled = len(search.held_out.parts[0].labels), len(data.labels) - len(teach)
    # The teacher may have to read what it teaches; both then read the rows that judge at the end.
    a_text = pace.epochs(1) * pace.text + pace.read
    fitting = _fitting(search, before, teacher.candidate)
    # What serves takes so long before any text without a label.
    end = pace.ready + fitting + len(teach) * a_text + 2 * pace.reading(limits.judged_rows)
    least = min(unlabelled, int(_LEAST_TEXTS * len(teach)))

    def most(trainings: int, before_it: float) -> int:
        """Return how many texts each training has time for, those without a label alone."""
        return min(unlabelled, int((limits.left - before_it) / max(1e-9, trainings * a_text)))

    # The teachers that the first part needs are mostly there still.
    judging = pace.ready + (0 if limits.alone else fitting) + len(teach) * a_text + pace.reading(reads)
    texts = most(2, judging + end)
    if texts < least:
        return before.then(Stage("The encoder did not learn from a teacher: there was no time for it."))

    def of(texts: int) -> Candidate:
        return candidate if texts == unlabelled else replace(candidate, texts=texts)

    if limits.alone:
        # Some texts are enough to tell whether it learns; what serves has the time that is then left.
        deadline = limits.finish - end - least * a_text
        judged = _by_parts(search, of(least), (1, 0.0), (deadline, deadline))
        served = of(max(least, most(1, end)))
    else:
        parts = min(_JUDGED_PARTS, search.held_out.first // search.held_out.repeats, teacher.parts)
        deadline = limits.finish - end - texts * a_text
        judged = _by_parts(search, of(texts), (parts, judging + texts * a_text), (deadline, deadline))
        served = of(texts)
    return _decided(search, before, served, judged)


def _fitting(search: Search, before: Tuning, candidate: Candidate) -> float:
    """Return the seconds that fitting takes, by what a part took; of a mean, those of its members."""
    if isinstance(candidate, Mean):
        return sum(_fitting(search, before, member) for member in candidate.members)
    tried = search.standing.tried.get(candidate)
    if tried is None and before.alone is not None and before.alone.candidate == candidate:
        tried = before.alone
    return 0.0 if tried is None else tried.seconds / tried.parts


def _by_parts(
    search: Search, candidate: Candidate, parts: tuple[int, float], deadlines: tuple[float, float]
) -> Tried | None:
    """Let up to so many parts judge ``candidate``, each of which takes so many seconds.

    ``deadlines``: of the first part, and of those that follow.
    """
    judged: Tried | None = None
    most, each = parts
    for _ in range(most):
        deadline = deadlines[judged is not None]
        # What fits by a hair is tried: the deadline ends what does not.
        if judged is not None and time.monotonic() + each > deadline:
            break
        more = search.further(candidate, judged, deadline)
        if more is None:
            break
        judged = more
    return judged


def _decided(search: Search, before: Tuning, candidate: Candidate, judged: Tried | None) -> Tuning:
    """Decide on ``candidate`` by what judged it, or what differs from it only in how many texts there are."""
    if judged is None:
        return before.then(Stage(f"Of the {candidate} nothing is known: it took longer than there was time."))
    standing = Standing(search.held_out.only(judged.parts), search.standing.few, judged.parts)
    choice = before.choice
    alone = standing.judged(candidate, judged.probabilities, judged.seconds)
    # Of few rows a temperature is mostly noise: it is held back towards none.
    held = len(alone.right) / (len(alone.right) + _HOLD)
    heat = float(alone.temperature**held)
    seen: dict[int, list[Tried]] = {}

    def better(frozen: Tried | None) -> Tried | None:
        if frozen is None:
            return None
        first = _first(standing, frozen, len(alone.right))
        tables, heats = (first.probabilities, alone.probabilities), (frozen.temperature, heat)
        one, other = (calibrated(table, at) for table, at in zip(tables, heats, strict=True))
        share = second_share(one, other, standing.held_out.labels, standing.held_out.repeats)
        weights = () if share == 0.5 else (round(1 - share, 2), round(share, 2))
        both = standing.judged(
            Mean((frozen.candidate, alone.candidate), heats, weights),
            mean((one, other), (), weights),
            alone.seconds,
        )
        seen[id(frozen)] = [first, both]
        return _best(standing, first, both, alone, usual=standing.few and not before.stages)

    graph = better(choice.graph)
    # What a graph taught is not free of it, and is not averaged with what is.
    taught = alone.candidate.family != "graph-free" and choice.chosen is not choice.free
    if choice.free is choice.graph:
        free = graph
    elif taught and choice.free is not None:
        free = _first(standing, choice.free, len(alone.right))
    else:
        free = better(choice.free)
    assert free is not None
    chosen = graph if graph is not None and choice.chosen is choice.graph else free
    first, number = seen[id(choice.chosen)][0], len(before.stages)
    leads = standing.lead(chosen, alone) > 0
    before = replace(before, ahead=alone.accuracy > first.accuracy, leads=leads)
    serves = _alone(standing, before.alone, alone)
    less = "" if judged.candidate == candidate else " It was judged with few texts, and learns from more."
    if chosen is first:
        stage = Stage(_said(number, first, alone, chosen) + less, (alone,), standing)
        return before.then(stage, alone=serves)
    if graph is alone and not taught:
        # Then it serves without a graph, and leads what the graph is averaged with.
        graph, free = seen[id(choice.graph)][1], alone
    new = between(graph, free, standing)
    said = _said(number, first, alone, new.chosen) + less
    stage = Stage(said, (alone, *seen[id(choice.chosen)][1:]), standing)
    return before.then(stage, new, serves)


def _alone(standing: Standing, earlier: Tried | None, later: Tried) -> Tried:
    """Return which of two tuned encoders serves by itself: the later one, unless the earlier leads it."""
    if earlier is None or len(earlier.right) < len(later.right):
        return later
    first = _first(standing, earlier, len(later.right))
    return earlier if standing.lead(first, later) > SURE else later


def _first(standing: Standing, tried: Tried, rows: int) -> Tried:
    """Return a candidate as the first ``rows`` judge it."""
    return standing.judged(tried.candidate, tried.probabilities[:rows], tried.seconds)


def _best(standing: Standing, frozen: Tried, both: Tried, alone: Tried, *, usual: bool) -> Tried:
    """Return the best of three; ``usual``: whether it is the average, unless it clearly loses."""
    if usual:
        first = frozen if standing.clearly(frozen, both) else both
    else:
        first = both if standing.lead(both, frozen) > SURE else frozen
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
