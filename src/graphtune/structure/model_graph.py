"""A model as a graph: its modules are the nodes, and what one puts out and another reads is an edge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from graphtune.errors import PlanError

Kind = Literal[
    "embedding",
    "norm",
    "query",
    "key",
    "value",
    "attention",  # queries, keys and values in one map, or whatever else attention holds
    "attention output",
    "feed-forward in",
    "feed-forward gate",
    "feed-forward out",
    "pooling",
    "graph layer",
    "head",
    "other",
]
KINDS: tuple[Kind, ...] = Kind.__args__  # type: ignore[attr-defined]

Traced = Literal["export", "run", "module tree"]  # where the edges are from; see `read`


@dataclass(frozen=True)
class ModuleNode:
    """One module with weights of its own, and what one text costs it.

    Products between modules, as those of attention, count for the module that reads what they make.
    """

    name: str  # its path in the module tree
    kind: Kind
    block: int  # that it stands in, counted from 1; 0 = before the first, depth + 1 = behind the last
    shape: tuple[int, ...]  # of its largest weight
    parameters: int  # those that no module before it has
    flops: int  # for one text; a multiply-add counts two
    activation_bytes: int  # of what it puts out for one text, in float32


@dataclass(frozen=True)
class ModelEdge:
    """What ``source`` puts out is read by ``target``; both are positions in the graph's nodes.

    Where sums follow on one another, each is known by the module that added to it last, and its residual edge
    is from the one that had done so before.
    """

    source: int
    target: int
    residual: bool  # by way of an addition past the modules between them


@dataclass(frozen=True)
class ModelGraph:
    """The modules of a model, from input to output, and the edges between them.

    ``columns`` holds one number a node under each name, such as ``"stable rank"`` or ``"tuning gain"``; NaN
    where there is none. It never changes: `with_columns` returns another.
    """

    model: str  # its architecture, as its configuration names it
    depth: int  # number of blocks
    width: int  # of the states between blocks
    tokens: int  # of the one text that costs are told for
    traced: Traced
    nodes: tuple[ModuleNode, ...]
    edges: tuple[ModelEdge, ...]
    columns: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def parameters(self) -> int:
        """Of all modules."""
        return sum(node.parameters for node in self.nodes)

    @property
    def flops(self) -> int:
        """Of all modules, for one text."""
        return sum(node.flops for node in self.nodes)

    @cached_property
    def positions(self) -> dict[str, int]:
        """The position of every node, by name."""
        return {node.name: at for at, node in enumerate(self.nodes)}

    def with_columns(self, columns: Mapping[str, Sequence[float]]) -> "ModelGraph":
        """Return a graph that has these too; one of the same name is replaced.

        Raises:
            ValueError: a column has not one number a node.
        """
        for name, values in columns.items():
            if len(values) != len(self.nodes):
                raise ValueError(f"column {name!r} has {len(values)} numbers for {len(self.nodes)} nodes")
        new = {name: tuple(float(value) for value in values) for name, values in columns.items()}
        return replace(self, columns={**self.columns, **new})

    def column(self, name: str) -> tuple[float, ...]:
        """Return a column.

        Raises:
            PlanError: there is none of this name.
        """
        if name not in self.columns:
            raise PlanError(
                f"The model graph has no column {name!r}.",
                fix=f"use one of {', '.join(sorted(self.columns)) or 'those that are measured first'}.",
            )
        return self.columns[name]
