"""What ``graphtune analyze --data`` asks of labelled texts, and what follows from it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from graphtune.encoder import Transformer
    from graphtune.sensitivity import Analysed, Rows
    from graphtune.structure import ModelGraph
    from graphtune.structure.plans import Recommended
    from graphtune.structure.scores import Score
    from graphtune.table import Table

_PROBES = "probes"  # folder of what was measured


@dataclass(frozen=True)
class Plans:
    """Plans, and how they are told."""

    lines: tuple[str, ...]
    text: str  # TOML


@dataclass(frozen=True)
class Asked:
    """A table that was read, and what is asked of it."""

    table: "Table"
    probes: int | None  # None = of all modules
    share: float  # of the parameters, that may learn
    score: "Score"  # that the plans go by

    @classmethod
    def of(
        cls,
        data: str,
        *,
        probes: str,
        budget: str,
        select: str,
        columns: tuple[str | None, str | None, str | None],
    ) -> "Asked":
        """Read the table, after what is asked was checked.

        Raises:
            PlanError: the probes are no number, the budget is no share, or the score cannot be asked.
            TableError: with everything that is wrong with the table.
        """
        from graphtune.cli.rows import say_notes
        from graphtune.cli.share import share_of
        from graphtune.structure.scores import score_named
        from graphtune.table import Columns, read_tables

        count, share = _count(probes), share_of(budget, "--budget")
        score = score_named(select, all_measured=count is None)
        text, label, split = columns
        named = Columns(text=text, label=label, split=split)
        table = read_tables(data, named, purpose="fit", unlabelled=(), test=None, keep_rare=True)
        say_notes(table)
        return cls(table, count, share, score)

    @property
    def columns(self) -> tuple[str, ...]:
        """Those that the graph will have of the task."""
        from graphtune.structure.scores import MEASURED_COLUMNS
        from graphtune.structure.task_columns import TASK_COLUMNS

        return (*TASK_COLUMNS, *(() if self.probes == 0 else MEASURED_COLUMNS.values()))

    def analysed(
        self, encoder: "Transformer", inner: "nn.Module", tokens: int, place: Path
    ) -> "tuple[ModelGraph, Plans]":
        """Return the encoder's graph with all that is known of its modules, and the plans that follow.

        What is measured is kept in ``place`` at once, and not measured again.
        """
        from graphtune import structure
        from graphtune.sensitivity import analysed, prepared
        from graphtune.structure.plans import Budgets, recommended

        rows = self._rows()
        model, task = prepared(encoder, inner, rows)
        graph = structure.read(model.encoder.model, tokens)
        graph = graph.with_columns(structure.weight_columns(model.encoder.model, graph))
        found = analysed(graph, model, task, probes=self.probes, into=place / _PROBES)
        heads = int(getattr(model.encoder.config, "num_attention_heads", 0) or 0)
        plans, notes = recommended(found.graph, self.score, Budgets(tuned=self.share), heads=heads)
        told = _told(found.graph, plans, self.score)
        return found.graph, Plans((*_said(found, rows), *told, *notes), _toml(plans))

    def _rows(self) -> "Rows":
        from graphtune.errors import TableError
        from graphtune.run.split import split_rows
        from graphtune.sensitivity import Rows

        if self.table.marks is not None:
            raise TableError("Texts have several labels.", fix="name a column with one label a text.")
        found = split_rows(self.table, 0)
        table = self.table
        return Rows.drawn(table.texts, table.labels, len(table.classes), found.train, found.val)


def _count(text: str) -> int | None:
    from graphtune.errors import PlanError

    if text == "all":
        return None
    if not text.isdecimal():
        raise PlanError(f"--probes {text!r} is no number of modules.", fix="write a whole number, or all.")
    return int(text)


def _said(found: "Analysed", rows: "Rows") -> tuple[str, ...]:
    took = ", ".join(f"{name} {value:.1f} s" for name, value in found.seconds.items())
    return (f"task: {len(rows.learn):,} labelled rows learn, {len(rows.judge):,} judge ({took})",)


def _told(graph: "ModelGraph", plans: "Recommended", score: "Score") -> tuple[str, ...]:
    from graphtune.report.wording import counted
    from graphtune.structure.purpose import PURPOSES
    from graphtune.structure.scores import Usual

    asked = {p: score.chosen(graph, p) if isinstance(score, Usual) else score for p in PURPOSES}
    by = {purpose: type(one).__name__ for purpose, one in asked.items()}
    learns = plans.tuning.cost(graph, "parameters") / max(1, graph.parameters)
    flops = plans.pruning.cost(graph, "flops") / max(1, graph.flops)
    whole = 4 * max(1, graph.parameters)
    top, cut = counted(plans.tuning.top, "block"), counted(len(plans.pruning.blocks), "block")
    rounded, left = counted(len(plans.bits.modules), "matrix", "matrices"), plans.bits.bytes(graph) / whole
    return (
        f"tune: the top {top} ({learns:.0%} of the parameters), by {by['tune']}",
        f"prune: parts of {cut} ({flops:.0%} of the FLOPs are left), by {by['prune']}",
        f"quantise: {rounded} ({left:.0%} of the bytes are left), by {by['quantise']}",
    )


def _toml(plans: "Recommended") -> str:
    from graphtune.plan.toml import to_toml

    return to_toml(plans)
