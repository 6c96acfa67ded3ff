"""Held-out rows against one setting, part after part, until it is plainly behind.

Source: racing, Maron & Moore, NeurIPS 1994 (Hoeffding races), with the paired test of Birattari et al.,
GECCO 2002 (F-race): settings are compared on the same rows, so that what makes rows hard cancels out.
Differs from the papers: each setting is held against the leader only, by the standard error of the paired
difference over rows. A rule on the parts' means, such as the median of earlier trials, would give up half of
all trials whatever the noise; successive halving is for steps that train longer, which parts do not.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from graphtune.select import Candidate
from graphtune.select.data import Data
from graphtune.select.held_out import Part
from graphtune.select.standing import Standing, Tried

_BEHIND = 2.0  # standard errors of the paired difference at which a setting is given up
_NEVER_BEHIND = 0.01  # share of accuracy within which none is given up


@dataclass(frozen=True, eq=False)
class Judge:
    """Lets the held-out parts judge one setting after the other."""

    standing: Standing
    seed: int
    part_seconds: float  # that one part may take of a network's training
    deadline: float  # on the clock of ``time.monotonic``

    def judge(
        self,
        candidate: Candidate,
        data: Data,
        parts: tuple[Part, ...],
        leader: Tried | None,
        report: Callable[[Tried], None],
    ) -> Tried:
        """Return what came of ``candidate``, judged by fewer than all parts where it is behind ``leader``.

        Raises:
            OutOfTime: the deadline came first, or a part took too long.
            GraphtuneError: the candidate cannot be carried out, or its training went astray.
        """
        start, tables, tried = time.monotonic(), [], None
        for part in parts:
            ends = min(self.deadline, time.monotonic() + self.part_seconds)
            tables.append(part.predict(candidate, replace(data, deadline=ends), self.seed))
            tried = self.standing.judged(candidate, np.concatenate(tables), time.monotonic() - start)
            report(tried)
            if leader is not None and self.behind(tried, leader):
                break
        if tried is None:
            raise AssertionError("there are no held-out parts")
        return tried

    def behind(self, tried: Tried, leader: Tried) -> bool:
        """Say whether what is known of ``tried`` is enough to give it up."""
        few, rows = self.standing.few, len(tried.right)
        # The leader at the temperature of the same rows, or the comparison would favour the fewer.
        known = self.standing.judged(leader.candidate, leader.probabilities[:rows], 0.0)
        lead = tried.losses - known.losses if few else known.right.astype(float) - tried.right
        different = min(rows, self.standing.rows)
        error = float(lead.std() / np.sqrt(different))
        least = 0.0 if few else _NEVER_BEHIND
        return tried.parts < self.standing.parts and bool(lead.mean() > max(_BEHIND * error, least))
