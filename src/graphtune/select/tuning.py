"""From what serves on the frozen encoder to a tuned one: kept where held-out rows say so, as time allows.

Source: fine-tuning, Devlin et al., NAACL 2019, arXiv:1810.04805; averaging models that err differently:
Dietterich, MCS 2000, section 1.
Differs from the papers: the frozen solution is not given up but averaged with, each at its own temperature.
"""

import time
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int64

from graphtune.encoder import Transformer
from graphtune.select.mean import Mean, mean
from graphtune.select.outcome import Scored
from graphtune.select.search import Search
from graphtune.select.standing import Standing, Tried
from graphtune.select.tuned import Tuned
from graphtune.select.verdict import Choice, between

_HOLD = 100  # rows whose word on the temperature counts as much as the belief that it is 1


@dataclass(frozen=True)
class Limits:
    """On the clock of ``time.monotonic``."""

    finish: float  # when the last fit must have ended
    judged_rows: int = 0  # that the tuned encoder has to read after that


@dataclass(frozen=True, eq=False)
class Tuning:
    """What tuning came to."""

    choice: Choice
    said: str  # what was decided, and why; empty where nothing was tried
    tried: tuple[Tried, ...] = ()
    standing: Standing | None = None  # by which they were judged

    @property
    def scored(self) -> tuple[Scored, ...]:
        """The figures of what was tried."""
        if self.standing is None:
            return ()
        told = replace(self.standing, tried={one.candidate: one for one in self.tried})
        return told.scored((), (), ())


def tuned(search: Search, choice: Choice, teach: Int64[np.ndarray, " T"], limits: Limits) -> Tuning:
    """Judge a tuned encoder, alone and averaged with the choice, by as many parts as time allows.

    With few labels the average is taken unless the frozen choice leads it, for held-out rows seldom tell;
    with many, only if it clearly leads. The tuned encoder alone has to lead clearly in any case.
    """
    data, held_out = search.data, search.held_out
    if not isinstance(data.features.maker.encoder, Transformer):
        return Tuning(choice, "")
    candidate = Tuned()
    parts = held_out.parts[: held_out.first // held_out.repeats]
    pace = candidate.pace(data, teach)
    reading = pace.reading(limits.judged_rows)
    deadline = limits.finish - pace.training(len(teach)) - reading
    judged: Tried | None = None
    for part in parts:
        likely = pace.training(len(part.train)) + pace.reading(len(part.labels))
        if time.monotonic() + likely > deadline:
            break
        more = search.further(candidate, judged, deadline)
        if more is None:
            break
        judged = more
    if judged is None:
        least = pace.training(len(parts[0].train)) + pace.training(len(teach)) + reading
        return Tuning(choice, f"The encoder was not tuned: there was no time for the {least:.0f} s it takes.")
    standing = Standing(held_out.only(judged.parts), search.standing.few, judged.parts)
    return _decided(standing, choice, judged)


def _decided(standing: Standing, choice: Choice, judged: Tried) -> Tuning:
    alone = standing.judged(judged.candidate, judged.probabilities, judged.seconds)
    # Of few rows a temperature is mostly noise: it is held back towards none.
    held = len(alone.right) / (len(alone.right) + _HOLD)
    heat = float(alone.temperature**held)
    seen: dict[int, list[Tried]] = {}

    def better(frozen: Tried | None) -> Tried | None:
        if frozen is None:
            return None
        first = standing.judged(frozen.candidate, frozen.probabilities[: len(alone.right)], frozen.seconds)
        tables, heats = (first.probabilities, alone.probabilities), (frozen.temperature, heat)
        both = standing.judged(
            Mean((frozen.candidate, alone.candidate), heats), mean(tables, heats), alone.seconds
        )
        seen[id(frozen)] = [first, both]
        return _best(standing, first, both, alone)

    graph = better(choice.graph)
    free = graph if choice.free is choice.graph else better(choice.free)
    assert free is not None
    chosen = graph if graph is not None and choice.chosen is choice.graph else free
    first = seen[id(choice.chosen)][0]
    if chosen is first:
        return Tuning(choice, _said(standing, first, alone, chosen), (alone,), standing)
    if graph is alone:  # then it serves without a graph, and leads what the graph is averaged with
        graph, free = seen[id(choice.graph)][1], alone
    new = between(graph, free, standing)
    return Tuning(
        new, _said(standing, first, alone, new.chosen), (alone, *seen[id(choice.chosen)][1:]), standing
    )


def _best(standing: Standing, frozen: Tried, both: Tried, alone: Tried) -> Tried:
    if standing.few:
        usual = frozen if standing.clearly(frozen, both) else both
    else:
        usual = both if standing.clearly(both, frozen) else frozen
    return alone if standing.clearly(alone, usual) else usual


def _said(standing: Standing, frozen: Tried, alone: Tried, chosen: Tried) -> str:
    rows = len(alone.right)
    figures = f"{100 * frozen.accuracy:.1f} % without, {100 * alone.accuracy:.1f} % alone"
    if chosen.candidate == frozen.candidate:
        return f"The encoder was tuned and left as it was: {figures}, on {rows} held-out rows."
    if chosen.candidate == alone.candidate:
        return f"The encoder is tuned, and serves by itself: {figures}, on {rows} held-out rows."
    told = f"{figures}, {100 * chosen.accuracy:.1f} % averaged"
    return f"The encoder is tuned and averaged with the frozen solution: {told}, on {rows} held-out rows."
