"""The whole job: from a table to a chosen, evaluated, saved classifier."""

import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64, Int64

import graphtune
from graphtune.encoder import from_name
from graphtune.errors import PlanError
from graphtune.graph import BuiltGraph, Words, homophily
from graphtune.metric import paired_bootstrap
from graphtune.plan import Plan
from graphtune.progress import say
from graphtune.run.figures import class_figures, confusions, figures
from graphtune.run.fitted import FittedModel, Stored
from graphtune.run.saved import check_place, save
from graphtune.run.split import Split, split_rows, without_weightless
from graphtune.select import Data, FeatureMaker, GraphReport, NamedGraph, NewRows, Outcome
from graphtune.select.calibration import Calibration, calibrated, class_shares
from graphtune.select.graphs import build, check_names, usual
from graphtune.select.held_out import HeldOut, Part
from graphtune.select.journal import Journal
from graphtune.select.search import Search
from graphtune.select.standing import Tried
from graphtune.select.verdict import Choice, choose
from graphtune.table import Links, Table

SHARE_TO_SEARCH = 0.8  # of the budget; the rest is for the final fit, the figures and saving


def fit_table(
    table: Table,
    *,
    plan: Plan,
    into: Path | None,
    links: Links | None = None,
    resume: bool = False,
    text_column: str | None = None,
) -> FittedModel:
    """Choose a model for ``table`` within the plan's budget, evaluate it, and save it under ``into``.

    Rows whose split is train teach and choose (by folds, or by the val rows where there are some); test rows
    are looked at once, at the end. With ``resume``, what an interrupted fit had found is used again.

    Raises:
        TableError: fewer than two classes have labelled training rows, or no row is left to choose by.
        PlanError: the plan's candidates read graphs that are not there, or that no candidate can read.
        EncoderError: the encoder is not there.
        OutputError: ``into`` cannot be written to; found out before any work where possible.
    """
    if into is not None:
        # A bare "." has no name to put the journal and the partial model beside.
        into = into.absolute()
        check_place(into)
    return _Fit(without_weightless(table), plan, into, links, resume, text_column).run()


@dataclass(frozen=True, eq=False)
class _Ready:
    """What a search starts from."""

    split: Split
    classes: tuple[str, ...]  # those with labelled training rows first
    labels: Int64[np.ndarray, " T"]  # of the table's rows, numbered by these classes
    nodes: Int64[np.ndarray, " N"]  # rows of the table that are nodes of the graphs
    maker: FeatureMaker
    data: Data
    graphs: Mapping[str, NamedGraph]

    @property
    def teach(self) -> Int64[np.ndarray, " B"]:
        """The labelled nodes."""
        return np.flatnonzero(self.data.labels >= 0)


@dataclass(eq=False)
class _Fit:
    table: Table
    plan: Plan
    into: Path | None
    links: Links | None
    resume: bool
    text_column: str | None
    seconds: dict[str, float] = field(default_factory=dict)

    def run(self) -> FittedModel:
        begin = time.monotonic()
        ready = self._ready()
        data = ready.data
        with self._stage("select"):
            search, journal = self._search(begin, ready)
            choice = choose(search.standing)
        data.forget()
        say(choice.verdict.text)
        with self._stage("final"):
            predictor = data.fitted(choice.chosen.candidate, ready.teach, self.plan.seed)
            weights = self._class_weights(ready, search, choice.chosen)
            calibration = Calibration(choice.chosen.temperature, weights)
        model = FittedModel(
            self.plan,
            ready.classes[: data.classes],
            choice.chosen.candidate,
            predictor,
            data,
            ready.maker,
            ready.graphs,
            Stored(self._ids(ready.nodes), data.features.texts, data.labels),
            calibration,
            self._outcome(ready, search, choice, calibration),
        )
        with self._stage("evaluate"):
            outcome = self._evaluated(model, ready, choice)
        self.seconds["total"] = time.monotonic() - begin
        model = replace(model, outcome=replace(outcome, seconds=dict(self.seconds)))
        if self.into is not None:
            save(model, self.into)
            if journal is not None:
                journal.discard()
        return model

    def _ready(self) -> _Ready:
        """Encode the texts and build the graphs."""
        split = split_rows(self.table, self.plan.seed)
        classes, labels = _seen_first(self.table, split)
        nodes = split.nodes(transductive=self.plan.transductive)
        with self._stage("encode"):
            maker = self._maker(nodes)
            named = graphs_of(self.plan, links=self.links is not None, same=maker.same, nodes=len(nodes))
            features = maker.features(self._texts(nodes))
            say(f"encoding {len(nodes)} texts with {self.plan.encoder}")
            features.meaning  # noqa: B018 - made here so that its time is told apart
        with self._stage("graphs"):
            graphs = build(named, features, self._ids(nodes), self.links)
        known = np.where(np.isin(nodes, split.train), labels[nodes], -1)
        weights = None if self.table.weights is None else self.table.weights[nodes]
        data = Data(features, graphs, known, int(known.max()) + 1, weights)
        return _Ready(split, classes, labels, nodes, maker, data, {one.name: one for one in named})

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        start = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - start

    def _texts(self, rows: Int64[np.ndarray, " N"]) -> tuple[str, ...]:
        return tuple(self.table.texts[row] for row in rows)

    def _ids(self, rows: Int64[np.ndarray, " N"]) -> tuple[str, ...]:
        return tuple(self.table.ids[row] for row in rows)

    def _maker(self, nodes: Int64[np.ndarray, " N"]) -> FeatureMaker:
        words = self.plan.words.fit(self._texts(nodes))
        encoder = from_name(self.plan.encoder)
        fitted = words if type(encoder) is type(self.plan.words) else encoder.fit(self._texts(nodes))
        return FeatureMaker(fitted, words)

    def _new(self, ready: _Ready, rows: Int64[np.ndarray, " B"]) -> NewRows:
        features = ready.maker.features(self._texts(rows))
        places = {name: one.rows(features, self._ids(rows), self.links) for name, one in ready.graphs.items()}
        return NewRows(features, places)

    def _search(self, begin: float, ready: _Ready) -> tuple[Search, Journal | None]:
        held_out = self._held_out(ready)
        journal = None
        if self.into is not None:
            place = self.into.parent / f".{self.into.name}.graphtune-resume"
            journal = Journal.opened(place, self._fingerprint(ready.maker, held_out), resume=self.resume)
        deadline = begin + SHARE_TO_SEARCH * self.plan.budget_seconds
        search = Search(ready.data, held_out, self.plan.seed, deadline, journal)
        say(f"choosing by {held_out.said}")
        if self.plan.candidates:
            search.run_only(self.plan.candidates)
        else:
            search.run(tuple(ready.graphs.values()), same=ready.maker.same)
        return search, journal

    def _held_out(self, ready: _Ready) -> HeldOut:
        split, teach, labels = ready.split, ready.teach, ready.data.labels
        if not len(split.val):
            return HeldOut.folds(teach, labels, self.plan.seed)
        if self.plan.transductive:
            held = len(split.train) + np.arange(len(split.val))
            part = Part(teach, held, None, ready.labels[split.val])
        else:
            part = Part(teach, teach[:0], self._new(ready, split.val), ready.labels[split.val])
        return HeldOut.given(part, labels, self.plan.seed)

    def _class_weights(self, ready: _Ready, search: Search, tried: Tried) -> tuple[float, ...] | None:
        """Return the weights of the classes where few labels were drawn unlike the texts."""
        if self.plan.class_shares == "labelled" or not (search.standing.few and search.held_out.drawn):
            # Many labels, or the table's own val rows, are taken to be drawn as the texts are.
            return None
        data, teach = ready.data, ready.teach
        labelled = _shares(data, teach)
        if not labelled.all():
            return None
        fitted = data.fitted(tried.candidate, teach, self.plan.seed)
        others = fitted.at(data, np.flatnonzero(data.labels < 0))
        shares = class_shares(calibrated(others, tried.temperature), labelled)
        return None if shares is None else tuple(map(float, shares / labelled))

    def _fingerprint(self, maker: FeatureMaker, held_out: HeldOut) -> str:
        # What another version found may rest on other features, folds or settings under the same names.
        digest = hashlib.sha256(graphtune.__version__.encode() + b"\1")
        for part in (self.table.ids, self.table.texts, self.table.split, self.table.classes):
            digest.update("\0".join(part).encode("utf-8", "surrogatepass") + b"\1")
        digest.update(self.table.labels.tobytes())
        if self.table.weights is not None:
            digest.update(self.table.weights.tobytes())
        if self.links is not None:
            digest.update(
                "\0".join((*self.links.source, *self.links.target)).encode("utf-8", "surrogatepass")
            )
            weight = b"" if self.links.weight is None else self.links.weight.tobytes()
            digest.update(repr((self.links.directed, self.links.kind)).encode() + weight)
        digest.update(replace(self.plan, budget_seconds=1.0).to_text().encode())
        digest.update(maker.encoder.fingerprint.encode())
        for part in held_out.parts:
            digest.update(part.train.tobytes() + b"\0" + part.held.tobytes() + b"\0" + part.labels.tobytes())
        return digest.hexdigest()

    def _outcome(self, ready: _Ready, search: Search, choice: Choice, calibration: Calibration) -> Outcome:
        split, data, classes = ready.split, ready.data, ready.classes[: ready.data.classes]
        labelled = len(ready.teach)
        notes = [note.text for note in self.table.notes if note.kind == "warning"]
        if calibration.weights is not None:
            notes.append(_weights_note(calibration.weights, data, classes, aside=split.aside))
            say(notes[-1])
        return Outcome(
            protocol="transductive" if self.plan.transductive else "inductive",
            encoder=self.plan.encoder,
            seed=self.plan.seed,
            rows={
                "labelled": labelled,
                "unlabelled": len(split.train) - labelled,
                "val": len(split.val),
                "test": len(split.test),
            },
            classes=classes,
            selection=search.said,
            chosen=str(choice.chosen.candidate),
            candidates=search.scored(),
            graphs=tuple(_graph_report(name, built, data.labels) for name, built in data.graphs.items()),
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
        )

    def _evaluated(self, model: FittedModel, ready: _Ready, choice: Choice) -> Outcome:
        judged = ready.split.test[ready.labels[ready.split.test] >= 0]
        if not len(judged):
            return model.outcome
        new = None if self.plan.transductive else self._new(ready, judged)
        truth, place = ready.labels[judged], {int(row): at for at, row in enumerate(ready.nodes)}

        def predict(tried: Tried) -> Float32[np.ndarray, "B C"]:
            # The same weights for all, so that what is compared is the graph.
            calibration = replace(model.calibration, temperature=tried.temperature)
            fitted = ready.data.fitted(tried.candidate, ready.teach, self.plan.seed)
            if new is not None:
                return calibration.apply(fitted.attach(ready.data, new))
            return calibration.apply(fitted.at(ready.data, np.array([place[int(row)] for row in judged])))

        ours = predict(choice.chosen)
        free = ours if choice.free is choice.chosen else predict(choice.free)
        gain = None
        if choice.graph is not None:
            with_graph = ours if choice.graph is choice.chosen else predict(choice.graph)
            right = [(table.argmax(axis=1) == truth).astype(np.float64) for table in (with_graph, free)]
            difference = paired_bootstrap(*right)
            gain = (100 * difference.value, 100 * difference.low, 100 * difference.high)
        wide = np.pad(ours, ((0, 0), (0, len(ready.classes) - ours.shape[1])))
        return replace(
            model.outcome,
            test=figures(ours, truth),
            test_graph_free=figures(free, truth),
            test_gain=gain,
            per_class=class_figures(wide, truth, ready.classes),
            confusion=confusions(wide, truth),
        )


def graphs_of(plan: Plan, *, links: bool, same: bool, nodes: int) -> tuple[NamedGraph, ...]:
    """Return the graphs a fit builds; ``links``: there are some, ``same``: the encoder is the TF-IDF itself.

    Raises:
        PlanError: the plan's candidates read graphs that are not there, or that no candidate can read.
    """
    named = plan.graphs or usual(links=links, same=same, nodes=nodes)
    check_names(plan.candidates, named)
    if any(isinstance(one.builder, Words) for one in named):
        raise PlanError(
            "A graph with word nodes (Words) has no features for them: no candidate can read it yet.",
            fix="use Neighbours, Given or Fuse.",
        )
    return named


def _seen_first(table: Table, split: Split) -> tuple[tuple[str, ...], Int64[np.ndarray, " T"]]:
    """Number the classes anew: those with labelled training rows first, each part in the table's order."""
    seen = np.unique(table.labels[split.train][table.labels[split.train] >= 0])
    order = np.concatenate([seen, np.setdiff1d(np.arange(len(table.classes)), seen)])
    number = np.empty(len(order) + 1, dtype=np.int64)
    number[order] = np.arange(len(order))
    number[-1] = -1
    return tuple(table.classes[at] for at in order), number[table.labels]


def _shares(data: Data, rows: Int64[np.ndarray, " T"]) -> Float64[np.ndarray, " C"]:
    """Return which share of the labels each class has, as learning counts them."""
    weights = None if data.weights is None else data.weights[rows]
    counts = np.bincount(data.labels[rows], weights, data.classes)
    return (counts / counts.sum()).astype(np.float64)


def _weights_note(weights: tuple[float, ...], data: Data, classes: tuple[str, ...], *, aside: bool) -> str:
    labelled = _shares(data, np.flatnonzero(data.labels >= 0))
    shares = labelled * weights
    most = int(np.abs(shares - labelled).argmax())
    tested = " The test rows were set aside from the labelled ones and have their shares." if aside else ""
    return (
        "The unlabelled texts seem to hold the classes in other shares than the labels do: "
        f"{classes[most]} is taken to be {shares[most]:.0%} of the texts ({labelled[most]:.0%} of the "
        f"labels); probabilities are weighted accordingly.{tested} Where new texts will have the labels' "
        "shares, fit with --class-shares labelled."
    )


def _graph_report(name: str, built: BuiltGraph, labels: Int64[np.ndarray, " N"]) -> GraphReport:
    found = homophily(built.graph, labels)
    said = getattr(built, "report", "")
    return GraphReport(
        name, built.graph.nodes, built.graph.edges, found.share, found.links, found.expected, str(said)
    )
