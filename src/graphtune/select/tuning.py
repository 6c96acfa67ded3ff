"""From what serves on the frozen encoder to a tuned one: kept where held-out rows say so, as time allows.

Source: fine-tuning, Devlin et al., NAACL 2019, arXiv:1810.04805; a graph model's soft labels as its teacher,
Zhang et al., ICLR 2022, arXiv:2110.08727.
Differs from the papers: see `decided`; many labels are gone through as often and as deep as time allows.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int64

from graphtune.encoder import Transformer
from graphtune.select.candidate import Candidate
from graphtune.select.data import OutOfTime
from graphtune.select.decision import Judges, Stage, Tuning, decided
from graphtune.select.held_out import HeldOut, Part
from graphtune.select.mean import Mean
from graphtune.select.search import Search
from graphtune.select.standing import Standing, Tried
from graphtune.select.taught import Taught
from graphtune.select.tuned import Pace, Tuned
from graphtune.select.tuning_plan import DEPTHS, ENOUGH, LEAST, by_few, deep, deep_epochs, shallow
from graphtune.select.verdict import Choice

_FEWEST = 2  # epochs
_LEAST_SECONDS = 1  # that must be left for any encoder to be tuned
_LEAST_TEXTS = 1  # that a teacher labels, for each text that has a label
_BEFORE_TEACHER = 1 / 3  # of the time, for learning from labels, where a taught encoder is wanted
_TELLING = 500  # labelled rows that judge what learned from many others
_FEW_VAL = 200  # rows: fewer do not judge it alone
_NO_TIME = "The encoder was not tuned: there was no time for the {:.0f} s it takes."
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


def tuned(search: Search, choice: Choice, teach: Int64[np.ndarray, " T"], limits: Limits) -> Tuning:
    """Judge a tuned encoder, alone and averaged with the choice, by as many parts as time allows.

    It learns from labels first. With few labels the average is taken unless the choice clearly leads it, for
    held-out rows seldom tell; with many, only if it is likelier by one standard error. The tuned encoder
    alone has to lead clearly in any case. With few labels, the choice so far may then teach the encoder on
    all texts: where the encoder is wanted by itself and the choice leads it, or where it has learned what the
    graph did not know. On banking77 with 5 labels a class, where the graph knew better, the average with
    what it taught was no better (85.6 % against 85.9). Ctrl-C ends it with what was found so far.
    """
    tuning = Tuning(choice)
    if not isinstance(search.data.features.maker.encoder, Transformer):
        return tuning
    unlabelled = int((search.data.labels < 0).sum())
    others = unlabelled >= _LEAST_TEXTS * len(teach)
    try:
        if not search.standing.few:
            return _by_many_labels(search, tuning, teach, limits)
        tuning = _by_few_labels(search, tuning, teach, limits, followed=others and limits.alone)
        if others and tuning.alone is not None and (tuning.leads if limits.alone else tuning.ahead):
            tuning = _by_teacher(search, tuning, teach, limits)
    except KeyboardInterrupt:
        return tuning.then(Stage("Tuning was interrupted: what was chosen before is saved."))
    return tuning


def _by_few_labels(
    search: Search, before: Tuning, teach: Int64[np.ndarray, " T"], limits: Limits, *, followed: bool
) -> Tuning:
    held_out, least = search.held_out, float(_LEAST_SECONDS)
    # Where a taught encoder is wanted, the time is the teacher's.
    parts = 1 if followed else held_out.first // held_out.repeats
    first, reads = len(held_out.parts[0].train), len(held_out.parts[0].labels)
    for candidate, pace in _by_depth(search, teach, limits):
        left = limits.left - pace.reading(limits.judged_rows + reads)
        texts = len(teach) + (first if first < len(teach) else 0)
        able, epoch = left - 2 * pace.ready - texts * pace.once, max(1e-9, texts * pace.text)
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
            return decided(search, before, asked, judged)
        least = 2 * pace.ready + texts * pace.once + _FEWEST * epoch + limits.left - left
    return before.lacking(_NO_TIME.format(least))


def _by_depth(search: Search, teach: Int64[np.ndarray, " T"], limits: Limits) -> Iterator[tuple[Tuned, Pace]]:
    for blocks in DEPTHS:
        # To find out how long it takes, takes seconds too.
        if limits.left > _LEAST_SECONDS and (blocks == DEPTHS[0] or blocks < _depth(search)):
            candidate = by_few(blocks, search.data.classes)
            yield candidate, candidate.pace(search.data, teach)


def _by_many_labels(search: Search, before: Tuning, teach: Int64[np.ndarray, " T"], limits: Limits) -> Tuning:
    """Tune as deep as time allows, twice where it allows that: to be judged, and to serve.

    Otherwise some rows judge what learned from all others until the time was over, and as they judged it, it
    serves: it learned from a few more rows than what it is held against.
    """
    if limits.left < _LEAST_SECONDS:
        return before.lacking(_NO_TIME.format(_LEAST_SECONDS))
    data, depth, every = search.data, _depth(search), len(teach)
    (start, part), whole = _judging(search.held_out), search.held_out.parts[0]
    rows, asked = len(part.train), shallow(every)

    def left(pace: Pace) -> float:
        # What is tuned reads the rows that judge; of the test rows both that and the frozen encoder.
        read = pace.reading(2 * limits.judged_rows + len(part.labels))
        return limits.left - read - _refitting(search, before)

    pace = asked.pace(data, teach)
    often = (left(pace) - pace.training(rows, 0)) / max(1e-9, rows * pace.text)
    if often < LEAST:
        least = limits.left + (LEAST - often) * rows * pace.text
        return before.lacking(_NO_TIME.format(least))
    if often > ENOUGH:
        # The top blocks' pace tells only roughly what all of them take.
        other = deep(every, depth).pace(data, teach)
        if left(other) >= other.training(rows, 0) + deep_epochs(ENOUGH, depth) * rows * other.text:
            pace, asked = other, deep(every, depth)
    end = limits.finish - (limits.left - left(pace))
    first = pace.training(len(whole.train)) + pace.reading(len(whole.labels))
    again = pace.training(every) if len(whole.train) < every else 0.0
    # Where val rows are too few, another part has to judge too.
    if first * (2 if start else 1) + again <= end - time.monotonic():
        parts = search.held_out.first // search.held_out.repeats
        judged = _by_parts(search, asked, (parts, first), (end - again, end - pace.training(every)))
        return decided(search, before, asked, judged)
    begin = time.monotonic()
    try:
        found = part.predict(asked, replace(data, deadline=end), search.seed)
    except OutOfTime:
        return decided(search, before, asked, None)
    predictor = data.fitted(asked, part.train, search.seed)  # the latest one: it is still there
    judges = HeldOut((part,), 1, search.held_out.said, 1, search.held_out.drawn)
    judged = Standing(judges, few=False, parts=1).judged(asked, found, time.monotonic() - begin)
    after = decided(search, before, asked, judged, Judges(judges, start))
    if limits.alone or after.choice is not before.choice:
        data.serve(asked, teach, search.seed, predictor)
    return after


def _judging(held_out: HeldOut) -> tuple[int, Part]:
    """Return the rows that judge what learned once, with the number of judgements before theirs.

    Of drawn rows there are only as many as tell something, and the others teach. Few val rows tell too
    little.
    """
    first = held_out.parts[0]
    if held_out.drawn:
        return 0, first.fewer(_TELLING)
    if len(first.labels) < _FEW_VAL and len(held_out.parts) > 1:
        return len(first.labels), held_out.parts[1].fewer(_TELLING)
    return 0, first


def _refitting(search: Search, before: Tuning) -> float:
    """Return the seconds that it takes to fit again what was chosen, and what it is held against."""
    able = (before.choice.chosen, before.choice.free, before.choice.graph)
    return sum(_fitting(search, before, one) for one in {tried.candidate for tried in able if tried})


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

    def most(trainings: float, before_it: float) -> int:
        """Return how many texts each training has time for, those without a label alone."""
        return min(unlabelled, int((limits.left - before_it) / max(1e-9, trainings * a_text)))

    # The teachers that the first part needs are mostly there still.
    judging = pace.ready + (0 if limits.alone else fitting) + len(teach) * a_text + pace.reading(reads)
    texts = most(2.0, judging + end)
    if texts < least:
        return before.lacking("The encoder did not learn from a teacher: there was no time for it.")

    def of(texts: int) -> Candidate:
        return candidate if texts == unlabelled else replace(candidate, texts=texts)

    if limits.alone:
        # Some texts are enough to tell whether it learns; what serves has the time that is then left.
        deadline = limits.finish - end - least * a_text
        judged = _by_parts(search, of(least), (1, 0.0), (deadline, deadline))
        # A whole training tells more of how long the next one takes than a few steps do. As many texts as
        # were judged are taught in any case.
        seconds = 0.0 if judged is None else judged.seconds
        slower = max(1.0, seconds / max(1e-9, judging + least * a_text))
        served = of(max(least, most(slower, slower * end)))
    else:
        parts = min(_JUDGED_PARTS, search.held_out.first // search.held_out.repeats, teacher.parts)
        deadline = limits.finish - end - texts * a_text
        judged = _by_parts(search, of(texts), (parts, judging + texts * a_text), (deadline, deadline))
        served = of(texts)
    return decided(search, before, served, judged)


def _fitting(search: Search, before: Tuning, candidate: Candidate) -> float:
    """Return the seconds that fitting takes, by what a part took; of a mean, those of its members."""
    if isinstance(candidate, Mean):
        return sum(_fitting(search, before, member) for member in candidate.members)
    tried = search.standing.tried.get(candidate)
    if tried is None and before.alone is not None and before.alone.candidate == candidate:
        tried = before.alone
    return 0.0 if tried is None else tried.seconds / tried.parts


def _depth(search: Search) -> int:
    encoder = search.data.features.maker.encoder
    assert isinstance(encoder, Transformer)
    return encoder.depth


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
