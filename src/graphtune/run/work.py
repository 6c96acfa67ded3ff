"""What a fit has to do stage by stage, in seconds, and what its memory depends on.

Encoding, counting words and comparing rows are timed (`pace`). How long a search takes follows from its
candidates and is known roughly only, from the fits in ``bench/results/bars``.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Int64

from graphtune.encoder import Encoder, Static, Tfidf, Transformer, from_name, upper_blocks
from graphtune.graph import Fuse, Given, GraphBuilder, Neighbours, Rows
from graphtune.plan import Plan, tunable
from graphtune.run.class_names import with_class_names
from graphtune.run.fit import share_to_search
from graphtune.run.pace import EncoderPace, WordPace, edge_seconds, encoder_pace, graph_seconds, word_pace
from graphtune.run.ready import graphs_of, views_of
from graphtune.run.room import MEBIBYTE, Sizes
from graphtune.run.split import Split, split_rows, without_weightless
from graphtune.run.started import check_encoder
from graphtune.run.unknown import set_apart
from graphtune.run.within import within
from graphtune.select import Candidate, NamedGraph, TextGCN, Window
from graphtune.select.extent import Extent
from graphtune.select.features import OF_BLOCKS, OF_TOPICS, View, views_there
from graphtune.select.grid import labels_are_few, probes
from graphtune.select.held_out import HeldOut, Part
from graphtune.table import Links, Table

# Seconds of a whole search for each node and each part that judges, on two cores. With few labels banking77
# took 0.3 to 0.5 ms and r8 mostly 0.45 to 0.7; with many, most took 3 to 6 (trec6, mr, chnsenticorp,
# thucnews_title), but cr 0.6 and the long texts of webkb and r8 10 to 15.
_FEW, _MANY = 0.5e-3, 3e-3
_WITH_BLOCKS = 2.0  # times the seconds of a search, where several blocks of the encoder are read
_ALL, _ALWAYS = 30, 3  # candidates that come to so much; those tried whatever the time
_STARTED = 3  # candidates that come to a network from a pre-trained one, which is tried whatever the time
_FINALISTS = 0.15  # of the candidates, by cost: those that the parts after the first judge too
_AGAIN = 0.1e-3  # seconds a node to fit what was chosen; as many to predict test rows with it and its rivals
_EDGES = 1.4  # for each of the k neighbours of a node, where either side may choose
# Of a transformer's memory: its code, and what 8,192 tokens and their kernels take for each hidden value;
# with minilm 75 bytes on banking77, 150 on r8, whose texts have many lengths.
_CODE, _TOKENS, _A_VALUE = 150 * MEBIBYTE, 8192, 120
_LETTER, _LETTERS = 12, 1280  # bytes of a letter as a number of a token; letters of a text that are read
_TABLE = 64 * MEBIBYTE  # distilled token rows and their tokenizer


@dataclass(frozen=True, eq=False)
class Work:
    """What one plan has to do for one table, and how fast this machine is at it."""

    plan: Plan
    texts: tuple[Sequence[str], ...]  # of the nodes, and of the val and test rows that are attached to them
    rows: int  # of the table
    split: Mapping[str, int]  # rows: labelled, unlabelled, val, test
    classes: int
    letters: int  # bytes of all texts in memory
    parts: float  # divisions that judge all candidates, and the share of the others
    judged: int  # rows that judge all candidates
    named: tuple[NamedGraph, ...]
    given: int  # edges from the user's links, in all graphs
    words: WordPace
    encoder: EncoderPace
    search: float  # seconds to find all neighbours
    held: tuple[int, int]  # bytes of the encoder, and those more while it is distilled

    @property
    def nodes(self) -> int:
        """Rows that are nodes of the graphs."""
        return len(self.texts[0])

    @property
    def few(self) -> bool:
        """Whether labels are few, as the search takes it."""
        return labels_are_few(self.split["labelled"], self.classes)

    @property
    def same(self) -> bool:
        """Whether the encoder is the word features themselves."""
        return isinstance(from_name(self.plan.encoder), Tfidf)

    @property
    def views(self) -> frozenset[View]:
        """What the fit may read."""
        return views_of(self.plan, self.named, self.nodes)

    @property
    def encode(self) -> float:
        """Seconds of encoding, word features included."""
        own = self._dense(0) if self.same else 0.0
        return self.encoder.ready + self.encoder.encoding(0) + self.words.learning(self.nodes) + own

    @property
    def graphs(self) -> float:
        """Seconds of building the graphs."""
        edges = self.given + sum(_edges(one.builder, self.nodes) for one in self.named)
        return (0.0 if self.same else self._dense(0)) + self.search + edge_seconds(edges)

    @property
    def takes_turns(self) -> bool:
        """Whether networks over words are trained, which take what time there is, if they have to."""
        return any(True for kind in (TextGCN, Window) for _ in within(self.plan.candidates, kind))

    @property
    def select(self) -> float:
        """Seconds of a search that nothing cuts short; what networks over words take is not in it."""
        named = self.plan.candidates
        tried = len(named) if named else _ALL
        if self.plan.start is not None:
            tried += _STARTED
        return self._new(1) + self._part * self.parts * tried / _ALL

    @property
    def least(self) -> float:
        """Seconds of what is tried whatever the time."""
        if self.plan.candidates:
            return self.select
        always = _ALWAYS + (0 if self.plan.start is None else _STARTED)
        return self._new(1) + self._part * self.parts * always / _ALL

    @property
    def left(self) -> float:
        """Seconds of the budget that encoding and graphs leave to the search."""
        return (
            share_to_search(tunes=self.plan.tune, few=self.few) * self.plan.budget_seconds
            - self.encode
            - self.graphs
        )

    @property
    def rest(self) -> float:
        """Seconds from the choice to the figures."""
        again = _AGAIN * self.nodes
        return again + (self._new(2) + again if self.split["test"] else 0.0)

    @property
    def needed(self) -> float:
        """The seconds of a budget in which the search is likely to try everything."""
        before = self.encode + self.graphs + self.select
        return max(before / share_to_search(tunes=self.plan.tune, few=self.few), before + self.rest)

    def sizes(
        self, *, unlabelled: int | None = None, most_terms: int | None = None, whole: bool = False
    ) -> Sizes:
        """Return what memory depends on, also with fewer unlabelled rows or a smaller vocabulary.

        Single words and sparse views are learned if the budget reaches so far; if ``whole``, in any case.
        """
        reached = whole or bool(self.plan.candidates) or self.left > self.least
        fewer = 0 if unlabelled is None else self.split["unlabelled"] - unlabelled
        rows, nodes = self.rows, self.nodes - fewer
        terms = self.words.terms(nodes)
        kept = min(terms, self.plan.words.max_features if most_terms is None else most_terms)
        return Sizes(
            rows=rows - fewer,
            letters=self.letters * (rows - fewer) // rows,
            nodes=nodes,
            new=sum(map(len, self.texts[1:])),
            judged=self.judged,
            classes=self.classes,
            encoder=self.held[0],
            distilling=self.held[1],
            width=0 if self.same else self.encoder.width,
            topics=self.words.width(nodes),
            fused=0 if self.same else len({one.view for one in self.named} & OF_TOPICS),
            blocks=self.encoder.width * len(_blocks(self.plan, self.views)),
            terms=terms,
            kept=kept,
            dense_terms=min(kept, self.plan.words.dense_terms),
            entries=self.words.entries(nodes),
            edges=self.given + sum(_edges(one.builder, nodes) for one in self.named),
            found=sum(k * nodes for k in _searched(self.named).values()),
            words=reached and self._reads(nodes, kept, "words", "all", loss="logistic"),
            sparse=reached and not self.same and self._reads(nodes, kept, "all"),
        )

    def encoded_by(self, name: str) -> "Work":
        """Return the work with the encoder of that name, timed on these texts.

        Raises:
            EncoderError: it is not there, incomplete or altered.
        """
        encoder = from_name(name)
        plan = replace(self.plan, encoder=name, tune=self.plan.tune and tunable(name))
        topics = self.words.width(self.nodes)
        # What a plan names stays as it is; of those that a search tries, another encoder may not have all.
        able = views_there(encoder, self.nodes)
        named = self.named if plan.graphs else tuple(one for one in self.named if one.view in able)
        blocks = _blocks(plan, views_of(plan, named, self.nodes))
        if isinstance(encoder, Tfidf):
            pace = EncoderPace(topics, tuple(map(len, self.texts)), 0, 0.0, 0.0, 0.0)
        else:
            pace = encoder_pace(encoder, self.texts, blocks)
        wide: dict[str, int] = dict.fromkeys(OF_TOPICS, pace.width + topics)
        wide |= {"meaning": pace.width, "blocks": pace.width * len(upper_blocks(encoder))}
        widths = [wide[view] for view in _searched(named)]
        mean = round(sum(widths) / max(1, len(widths)))
        search = graph_seconds(self.nodes, mean, len(widths)) if widths else 0.0
        held = _held(encoder, pace, self.texts)
        return replace(self, plan=plan, named=named, encoder=pace, held=held, search=search)

    @property
    def _part(self) -> float:
        a_node = _FEW if self.few else _MANY
        return a_node * self.nodes * (_WITH_BLOCKS if OF_BLOCKS & self.views else 1.0)

    def _dense(self, part: int) -> float:
        texts = len(self.texts[part])
        return self.words.reading(texts) + self.words.projecting(texts)

    def _new(self, part: int) -> float:
        """Return the seconds to encode rows and to attach them to every graph."""
        graphs = sum(any(isinstance(one, Neighbours) for one in _parts(g.builder)) for g in self.named)
        # A new row is compared as a stored one is, for each graph anew.
        each = self.search / self.nodes * graphs / max(1, len(_searched(self.named)))
        return self.encoder.encoding(part) + self._dense(part) + each * len(self.texts[part])

    def _reads(self, nodes: int, terms: int, *views: str, loss: str | None = None) -> bool:
        """Say whether candidates read one of the views, with that loss where the search chooses them."""
        if self.plan.candidates:
            return any(view in views for one in self.plan.candidates for view in _views(one))
        width = 0 if self.same else self.encoder.width
        extent = Extent(self.split["labelled"], nodes, self.classes, terms, width)
        return any(
            probe.view in views and loss in (None, probe.loss) and extent.allows(probe)
            for probe in probes(few=self.few, views=self.views, several=self.plan.separator is not None)
        )


def work(table: Table, plan: Plan, links: Links | None) -> Work:
    """Look at what there is to do, and time a little of it.

    Raises:
        GraphtuneError: as `fit_table`, for the same tables and plans.
    """
    check_encoder(plan)
    table = without_weightless(set_apart(table, plan.unknown_labels)[0])
    rows = len(table)
    table, split = with_class_names(table, split_rows(table, plan.seed), plan)
    nodes = split.nodes(transductive=plan.transductive)
    texts = _texts(table, nodes)
    words = word_pace(plan.words, texts)
    named = graphs_of(plan, links=links is not None, nodes=len(nodes))
    judging = split.tested(table.labels)
    new = (split.val[:0], judging[:0]) if plan.transductive else (split.val, judging)
    teaching = np.isin(nodes, split.train) & ~np.isin(nodes, split.named)
    known = np.where(teaching, table.labels[nodes], -1)
    held_out = _held_out(table, split, known, plan.seed)
    labelled, every = int((known >= 0).sum()), len(held_out.parts)
    unlabelled = len(split.train) - len(split.named) - labelled
    counts = (labelled, unlabelled, len(split.val), len(split.test))
    first = every if plan.candidates else held_out.first
    begun = Work(
        plan=plan,
        texts=(texts, *(_texts(table, rows) for rows in new)),
        rows=rows,
        split=dict(zip(("labelled", "unlabelled", "val", "test"), counts, strict=True)),
        classes=len(np.unique(known[known >= 0])),
        letters=sum(map(sys.getsizeof, table.texts)),
        parts=first + _FINALISTS * (every - first),
        judged=int(held_out.ends[first - 1]),
        named=named,
        given=_given(named, table, nodes, links),
        words=words,
        encoder=EncoderPace(0, (), 0, 0.0, 0.0, 0.0),
        search=0.0,
        held=(0, 0),
    )
    return begun.encoded_by(plan.encoder)


def _blocks(plan: Plan, views: frozenset[View]) -> tuple[int, ...]:
    """Return the blocks of the encoder that are read, where several are."""
    return upper_blocks(from_name(plan.encoder)) if views & OF_BLOCKS else ()


def _texts(table: Table, rows: Int64[np.ndarray, " N"]) -> tuple[str, ...]:
    return tuple(table.texts[row] for row in rows)


def _held_out(table: Table, split: Split, known: Int64[np.ndarray, " N"], seed: int) -> HeldOut:
    teach, several = np.flatnonzero(known >= 0), table.marks is not None
    if not len(split.val):
        return HeldOut.folds(teach, known, seed, several=several)
    part = Part(teach, teach[:0], None, table.labels[split.val])
    return HeldOut.given(part, known, seed, several=several)


def _parts(builder: GraphBuilder) -> tuple[GraphBuilder, ...]:
    return builder.parts if isinstance(builder, Fuse) else (builder,)


def _edges(builder: GraphBuilder, nodes: int) -> int:
    """Return how many edges the nearest of so many nodes make."""
    links = sum(min(one.k, nodes) for one in _parts(builder) if isinstance(one, Neighbours))
    return round(_EDGES * links * nodes)


def _searched(named: Sequence[NamedGraph]) -> Mapping[str, int]:
    """Return the views in which neighbours are sought, and how many of them."""
    found: dict[str, int] = {}
    for graph in named:
        for one in _parts(graph.builder):
            if isinstance(one, Neighbours):
                found[graph.view] = max(one.k, found.get(graph.view, 0))
    return found


def _given(
    named: Sequence[NamedGraph], table: Table, nodes: Int64[np.ndarray, " N"], links: Links | None
) -> int:
    """Return how many edges the user's links make, in all graphs together."""
    parts = [one for graph in named for one in _parts(graph.builder) if isinstance(one, Given)]
    if not parts:
        return 0
    ids = tuple(table.ids[row] for row in nodes)
    rows = Rows(ids, _texts(table, nodes), torch.zeros(len(ids), 0), links)
    made = {part: part.build(rows).graph.edges for part in dict.fromkeys(parts)}
    return sum(made[part] for part in parts)


def _views(candidate: Candidate) -> Iterator[str]:
    """Yield the views that a candidate and what it stands on are fitted on."""
    inner = (*getattr(candidate, "members", ()), *filter(None, [getattr(candidate, "base", None)]))
    for one in inner:
        yield from _views(one)
    view = getattr(candidate, "view", None)
    if view is not None:
        yield view


def _held(encoder: Encoder, pace: EncoderPace, texts: Sequence[Sequence[str]]) -> tuple[int, int]:
    """Return the bytes of an encoder, and those more while it is distilled."""
    if isinstance(encoder, Static):
        source = Transformer(encoder.name)
        return (_TABLE + _weights(source), _passing(source)) if pace.distilled else (_TABLE, 0)
    if not isinstance(encoder, Transformer) or not pace.to_encode:
        return 0, 0
    letters = [min(len(text), _LETTERS) for part in texts for text in part]
    tokens = _LETTER * round(sum(letters) * pace.to_encode / len(letters))
    # What its kernels took for texts of so many lengths is not given back.
    return _weights(encoder) + _passing(encoder) + tokens, 0


def _weights(encoder: Transformer) -> int:
    return _CODE + sum(file.stat().st_size for file in encoder.directory.glob("*.safetensors"))


def _passing(encoder: Transformer) -> int:
    return _TOKENS * encoder.width * _A_VALUE
