"""The frozen description of a run."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

from graphtune import encoder, graph, initial, layer, loss, select, strategy
from graphtune.encoder import Tfidf
from graphtune.encoder.onnx import is_exported
from graphtune.errors import PlanError
from graphtune.graph import GraphBuilder
from graphtune.initial import Initial
from graphtune.layer import GraphLayer
from graphtune.loss import Loss
from graphtune.plan.toml import from_toml, to_toml
from graphtune.select import Candidate, NamedGraph
from graphtune.select.graphs import check_names
from graphtune.select.outcome import Family
from graphtune.strategy import CoupledStrategy, MinedStrategy, Strategy, TextStrategy

ServeAs = Literal["auto", "graph", "encoder"]
ClassShares = Literal["estimated", "labelled"]

KINDS = {
    GraphBuilder: graph.ALL,
    GraphLayer: layer.ALL,
    Candidate: select.ALL,
    Strategy: strategy.ALL,
    Initial: initial.ALL,
    TextStrategy: strategy.OF_LABELLED_TEXTS,
    MinedStrategy: strategy.OF_MINED_TEXTS,
    CoupledStrategy: strategy.OF_COUPLES,
    Loss: loss.ALL,
}


def tunes(encoder: str, tune: bool | None, serve_as: str | None, *, timed: bool) -> bool:
    """Return whether the encoder is tuned: as is said, else where its time or its form was asked for."""
    if tune is not None:
        return tune
    return serve_as == "encoder" or (timed and tunable(encoder))


def tunable(name: str) -> bool:
    """Say whether an encoder of this name can be tuned: static, TF-IDF and exported ones have no blocks."""
    return name.partition(":")[0] not in ("static", "tfidf") and not is_exported(Path(name).expanduser())


@dataclass(frozen=True)
class Plan:
    """What `fit` does; empty ``graphs`` or ``candidates`` are chosen by what the table offers."""

    encoder: str = "minilm"  # minilm, static, tfidf, a Hugging Face directory or a hub id
    words: Tfidf = field(default_factory=Tfidf)
    graphs: tuple[NamedGraph, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    exactly: bool = False  # only these candidates are tried, and the best of them is saved
    up_to: Family = "network"  # the most involved kind of candidate that a search tries
    # For the whole fit; what the plan names is finished all the same, but networks over words share the time.
    budget_seconds: float = 300.0
    seed: int = 0
    transductive: bool = False  # whether unlabelled test texts join the graph
    class_shares: ClassShares = "estimated"  # how frequent classes are taken to be, where labels are few
    class_names: bool | None = None  # whether names of classes teach; None: if labels are few, unless exactly
    tune: bool = False  # whether a search goes on to tune the encoder, as far as the budget reaches
    separator: str | None = None  # between the labels of a text that may have several; None = it has one
    serve_as: ServeAs = "auto"  # what is saved: the best by held-out rows, with a graph, or the tuned encoder
    unknown_labels: tuple[str, ...] | None = None  # of rows of no class, that choose how such are told
    start: str | None = None  # directory of a pre-trained network: what starts from it is tried too
    keep_rare: bool = False  # whether classes with one training row are learned, though nothing checks them

    def __post_init__(self) -> None:
        if not self.budget_seconds > 0:
            raise PlanError(
                f"budget_seconds = {self.budget_seconds} leaves no time.", fix="give at least a few seconds."
            )
        if not 0 <= self.seed < 2**31:
            raise PlanError(
                f"seed = {self.seed} is out of range.", fix="use a whole number from 0 to 2147483647."
            )
        if self.class_shares not in get_args(ClassShares):
            raise PlanError(
                f"class_shares = {self.class_shares!r} is unknown.", fix='use "estimated" or "labelled".'
            )
        if self.separator is not None:
            self._check_separator()
        if self.unknown_labels is not None and not all(map(str.strip, self.unknown_labels or ("",))):
            raise PlanError(
                f"unknown_labels = {list(self.unknown_labels)} holds no label, or an empty one.",
                fix="name a label, or leave it out.",
            )
        if self.up_to not in get_args(Family):
            said = ", ".join(map(repr, get_args(Family)))
            raise PlanError(f"up_to = {self.up_to!r} is unknown.", fix=f"use one of {said}.")
        if self.serve_as not in get_args(ServeAs):
            raise PlanError(
                f"serve_as = {self.serve_as!r} is unknown.", fix='use "auto", "graph" or "encoder".'
            )
        if self.serve_as == "encoder" and not self.tune:
            raise PlanError(
                'serve_as = "encoder" saves a tuned encoder, but tune = false.',
                fix="let it be tuned: --tune, or tune = true.",
            )
        if self.serve_as != "auto" and self.candidates:
            raise PlanError(
                f'serve_as = "{self.serve_as}" chooses from a search, but the plan names candidates.',
                fix="leave one of them out.",
            )
        if self.tune and self.candidates:
            raise PlanError(
                "tune = true goes on from a search, but the plan names candidates.",
                fix="leave one of them out; Tuned is a candidate that a plan can name.",
            )
        if self.tune and not tunable(self.encoder):
            raise PlanError(
                f"tune = true, but the encoder {self.encoder} cannot be tuned: it is no transformer, or an "
                "exported one.",
                fix="use minilm or a directory with a Hugging Face model, or leave tune out.",
            )
        if self.start is not None and self.up_to == "graph-free":
            raise PlanError(
                'start adds a network over a graph, but up_to = "graph-free".', fix="leave one of them out."
            )
        if self.start is not None and (self.candidates or self.separator is not None):
            other = "the plan names candidates" if self.candidates else "texts may have several labels"
            raise PlanError(
                f'start = "{self.start}" adds a network to those that a search tries, but {other}.',
                fix="leave one of them out; a Network with initial = Pretrained is a candidate that a "
                "plan can name, for one label a text.",
            )
        if self.exactly and not self.candidates:
            raise PlanError("exactly = true, but the plan names no candidates.", fix="name some.")
        encoder.from_name(self.encoder)
        known = {one.name for one in self.graphs}
        if len(known) < len(self.graphs):
            raise PlanError(
                "Two graphs of the plan have the same name.", fix="give every graph its own name."
            )
        if self.graphs:
            check_names(self.candidates, self.graphs)

    def _check_separator(self) -> None:
        if not self.separator:
            raise PlanError("separator = '' separates nothing.", fix="use a sign such as | or ;.")
        for name in ("tune", "unknown_labels", "class_names"):
            if getattr(self, name):
                raise PlanError(
                    f"{name} is set, but texts may have several labels, or none (a separator is set).",
                    fix=f"leave {name} out, or read one label a text.",
                )

    @classmethod
    def read(cls, path: Path) -> "Plan":
        """Read a plan from TOML.

        Raises:
            PlanError: the file is missing or is no plan; every mistake is named.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise PlanError(f"The plan {path} cannot be read: {error}.", fix="name a plan.toml.") from error
        return cls.from_text(text)

    @classmethod
    def from_text(cls, text: str) -> "Plan":
        """Read a plan from the text of a TOML file; errors as `read`."""
        return from_toml(cls, text, kinds=KINDS)

    def only(self, candidate: Candidate, graphs: Mapping[str, NamedGraph]) -> "Plan":
        """Return the plan that names this candidate alone; ``graphs`` are by name, those it does not read go.

        Unless ``exactly``, a fit still holds it against a probe.
        """
        used = tuple(graphs[name] for name in sorted(candidate.graphs))
        return replace(self, graphs=used, candidates=(candidate,), tune=False, serve_as="auto", start=None)

    def to_text(self) -> str:
        """Return the plan as TOML."""
        return to_toml(self)
