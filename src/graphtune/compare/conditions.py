"""What every method of a comparison is given, and what tells one comparison from another."""

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property

import graphtune
from graphtune.compare.method import Method, Outside
from graphtune.encoder import Tfidf, from_name
from graphtune.errors import EncoderError
from graphtune.plan import Plan
from graphtune.table import Links, Table
from graphtune.table.digest import digest_of


@dataclass(frozen=True, eq=False)
class Conditions:
    """The same table, split, encoder, time and threads for all."""

    table: Table  # every row's part is written out
    links: Links | None
    encoder: str
    transductive: bool
    limit_seconds: float  # that a method may take for one training, choosing included
    threads: int
    _contents: dict[str, str] = field(default_factory=dict, repr=False)

    @cached_property
    def fingerprint(self) -> str:
        """Digest of all of it, the encoder's weights included, and of graphtune's version."""
        facts = (
            self.encoder,
            self.content(self.encoder),
            self.transductive,
            self.limit_seconds,
            self.threads,
        )
        whole = graphtune.__version__ + repr(facts)
        return hashlib.sha256(whole.encode() + digest_of(self.table, self.links)).hexdigest()

    def content(self, encoder: str) -> str:
        """Return a digest of the weights that a name stands for; empty where there are none."""
        if encoder not in self._contents:
            try:
                made = from_name(encoder)
                self._contents[encoder] = "" if isinstance(made, Tfidf) else made.fit(()).fingerprint
            except EncoderError:  # which the training will tell
                self._contents[encoder] = ""
        return self._contents[encoder]


@dataclass(frozen=True)
class Cell:
    """One training: a method, the labels it gets, and a seed of both."""

    method: Method
    labels: int | None  # a class; None = all there are
    seed: int

    def plan(self, conditions: Conditions) -> Plan:
        """Return the plan that is run."""
        assert isinstance(self.method.how, Plan)
        return replace(
            self.method.how,
            seed=self.seed,
            transductive=conditions.transductive,
            budget_seconds=conditions.limit_seconds,
        )

    def _said(self, conditions: Conditions) -> str:
        plan = self.plan(conditions)
        return plan.to_text() + conditions.content(plan.encoder)

    def key(self, conditions: Conditions) -> str:
        """Return a name for its result: equal plans under other names share it."""
        how = self.method.how
        what = how.fingerprint if isinstance(how, Outside) else self._said(conditions)
        text = "\0".join((conditions.fingerprint, what, str(self.labels), str(self.seed)))
        return hashlib.sha256(text.encode()).hexdigest()[:24]
