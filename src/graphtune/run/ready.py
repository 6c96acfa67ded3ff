"""What a fit starts from: rows divided, texts encoded, graphs built."""

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Int64

from graphtune.encoder import Tfidf, from_name
from graphtune.errors import PlanError
from graphtune.graph import Words
from graphtune.plan import Plan
from graphtune.progress import say
from graphtune.run.class_names import with_class_names
from graphtune.run.split import Split, split_rows
from graphtune.select import Data, FeatureMaker, NamedGraph, NewRows
from graphtune.select.features import (
    OF_BLOCKS,
    OF_MEANING,
    OF_TOPICS,
    OF_WORDS,
    View,
    has_blocks,
    views_there,
)
from graphtune.select.graphs import build, check_names, usual, views_read
from graphtune.select.held_out import HeldOut, Part
from graphtune.table import Links, Table


@dataclass(eq=False)
class Clock:
    """Seconds by stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what the block takes."""
        start = time.monotonic()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - start


@dataclass(frozen=True, eq=False)
class Ready:
    """What a search starts from."""

    table: Table
    plan: Plan
    links: Links | None
    split: Split
    classes: tuple[str, ...]  # those with labelled training rows first
    labels: Int64[np.ndarray, " T"]  # of the table's rows, numbered by these classes
    nodes: Int64[np.ndarray, " N"]  # rows of the table that are nodes of the graphs
    maker: FeatureMaker
    data: Data
    graphs: Mapping[str, NamedGraph]
    views: frozenset[View]  # that it may read
    marks: Bool[np.ndarray, "T C"] | None = None  # of the table's rows, where they may have several labels

    @classmethod
    def of(cls, table: Table, plan: Plan, links: Links | None, clock: Clock) -> "Ready":
        """Encode the texts and build the graphs.

        Raises:
            TableError: fewer than two classes have labelled training rows, or no row is left to choose by.
            PlanError: the plan's candidates read graphs that are not there, or that no candidate can read.
            EncoderError: the encoder is not there.
        """
        if (table.marks is None) != (plan.separator is None):
            raise PlanError(
                f"The plan's separator is {plan.separator!r}, but the table's texts have "
                f"{'one label' if table.marks is None else 'several labels'} each.",
                fix="read the table as the plan says (--multi-label; several=True), or mend the plan.",
            )
        table, split = with_class_names(table, split_rows(table, plan.seed), plan)
        classes, labels, marks, seen = _seen_first(table, split)
        nodes = split.nodes(transductive=plan.transductive)
        texts = tuple(table.texts[row] for row in nodes)
        encoder = from_name(plan.encoder)
        named = graphs_of(plan, links=links is not None, nodes=len(nodes))
        views = views_of(plan, named, len(nodes))
        same = encoder == Tfidf()  # so that its rows are those of the words
        with clock.stage("words"):
            read = OF_TOPICS | {"meaning"} if same else OF_TOPICS
            terms = plan.words.fit(texts, dense=bool(views & read)) if same or views & OF_WORDS else None
        with clock.stage("encode"):
            maker = FeatureMaker.of(terms if same and terms else encoder.fit(texts), terms, views)
            features = maker.features(texts)
            if views & OF_MEANING:
                say(f"encoding {len(nodes)} texts with {plan.encoder}")
                features.meaning  # noqa: B018 - made here so that its time is told apart
        with clock.stage("graphs"):
            graphs = build(named, features, tuple(table.ids[row] for row in nodes), links)
        known = np.where(np.isin(nodes, split.train), labels[nodes], -1)
        weights = None if table.weights is None else table.weights[nodes]
        own = None if marks is None else marks[nodes][:, :seen] & (known >= 0)[:, None]
        named_nodes = np.flatnonzero(np.isin(nodes, split.named))
        data = Data(features, graphs, known, seen, weights, own, names=named_nodes)
        by_name = {one.name: one for one in named}
        return cls(table, plan, links, split, classes, labels, nodes, maker, data, by_name, views, marks)

    @property
    def teach(self) -> Int64[np.ndarray, " B"]:
        """The labelled nodes, names of classes among them."""
        return np.flatnonzero(self.data.labels >= 0)

    @property
    def tested(self) -> Int64[np.ndarray, " M"]:
        """The test rows that have a label."""
        return self.split.tested(self.labels)

    def ids(self, rows: Int64[np.ndarray, " N"]) -> tuple[str, ...]:
        """Return the ids of some rows of the table."""
        return tuple(self.table.ids[row] for row in rows)

    def new(self, rows: Int64[np.ndarray, " B"]) -> NewRows:
        """Return rows of the table that are to be attached to the graphs."""
        features = self.maker.features(tuple(self.table.texts[row] for row in rows))
        places = {name: one.rows(features, self.ids(rows), self.links) for name, one in self.graphs.items()}
        return NewRows(features, places)

    def held_out(self) -> HeldOut:
        """Return the rows that judge candidates: the table's val rows, folds of the labelled, or both."""
        split, teach, labels = self.split, self.data.labelled, self.data.labels
        several = self.data.several
        if not len(split.val):
            found = HeldOut.folds(teach, labels, self.plan.seed, several=several)
        else:
            marks = None if self.marks is None else self.marks[split.val][:, : self.data.classes]
            held, new = teach[:0], None
            if self.plan.transductive:
                held = len(split.train) + np.arange(len(split.val))
            else:
                new = self.new(split.val)
            part = Part(teach, held, new, self.labels[split.val], marks)
            found = HeldOut.given(part, labels, self.plan.seed, several=several)
        found = found.taught(self.data.names)
        return found if self.data.marks is None else found.marked(self.data.marks)


def views_of(plan: Plan, graphs: Collection[NamedGraph], nodes: int) -> frozenset[View]:
    """Return the views of so many texts that a fit may read.

    Raises:
        PlanError: the plan names the view of several blocks for an encoder that has not several.
    """
    read = views_read(plan.candidates, graphs)
    check_blocks(plan.encoder, read)
    if not plan.candidates:
        return read | views_there(from_name(plan.encoder), nodes)
    # A probe reads the meaning, to hold others against.
    return read if plan.exactly else read | frozenset[View]({"meaning"})


def check_blocks(encoder: str, views: Collection[View]) -> None:
    """See that several blocks are read of an encoder that has them alone.

    Raises:
        PlanError: the view of several blocks is among ``views``, and the encoder has not several.
    """
    if OF_BLOCKS & frozenset(views) and not has_blocks(from_name(encoder)):
        raise PlanError(
            f'The view "blocks" reads several blocks of a transformer, and of {encoder} there are none '
            "to be read.",
            fix='use a transformer such as minilm, or the view "meaning".',
        )


def graphs_of(plan: Plan, *, links: bool, nodes: int) -> tuple[NamedGraph, ...]:
    """Return the graphs a fit builds; ``links``: there are some.

    Raises:
        PlanError: the plan's candidates read graphs that are not there, or that no candidate can read.
    """
    asked = frozenset().union(*(candidate.graphs for candidate in plan.candidates))
    # What reads no graph, such as linear models of words, needs no encoder to be there.
    views = views_there(from_name(plan.encoder), nodes, blocks=bool(asked) or not plan.candidates)
    named = plan.graphs or usual(links=links, views=views, nodes=nodes)
    check_names(plan.candidates, named)
    if plan.exactly or plan.up_to == "graph-free":
        named = tuple(one for one in named if one.name in asked)
    if any(isinstance(one.builder, Words) for one in named):
        raise PlanError(
            "A graph with word nodes (Words) has no features for them: candidates that read a graph cannot.",
            fix="use Neighbours, Given or Fuse; or name a TextGCN, which makes such a graph itself.",
        )
    return named


def _seen_first(
    table: Table, split: Split
) -> tuple[tuple[str, ...], Int64[np.ndarray, " T"], Bool[np.ndarray, "T C"] | None, int]:
    """Number the classes anew: those with labelled training rows first, each part in the table's order.

    Returns the names, labels, marks, and how many classes have such rows.
    """
    known = split.train[table.labels[split.train] >= 0]
    seen = np.unique(table.labels[known])
    if table.marks is not None:
        seen = np.flatnonzero(table.marks[known].any(axis=0))
    order = np.concatenate([seen, np.setdiff1d(np.arange(len(table.classes)), seen)])
    number = np.empty(len(order) + 1, dtype=np.int64)
    number[order] = np.arange(len(order))
    number[-1] = -1
    marks = None if table.marks is None else table.marks[:, order]
    return tuple(table.classes[at] for at in order), number[table.labels], marks, len(seen)
