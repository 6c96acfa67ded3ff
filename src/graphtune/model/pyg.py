"""Any network over PyG data as something that learns, and the data as something to learn from."""

import hashlib
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from graphtune.errors import PlanError
from graphtune.graph import Sampler

if TYPE_CHECKING:
    from torch_geometric.data import Data


@dataclass(frozen=True, eq=False)
class DataBatch:
    """Nodes whose labels count in one step, within their data."""

    data: "Data"
    rows: Int64[Tensor, " B"]
    labels: Int64[Tensor, " B"]
    weights: None = None

    def of(self, scores: Float[Tensor, "N C"]) -> Float[Tensor, "B C"]:
        """Return the rows' among the scores of all nodes."""
        return scores.index_select(0, self.rows)


@dataclass(frozen=True, eq=False)
class DataTask:
    """The labelled nodes of PyG data.

    Raises:
        PlanError: the data lack ``x``, ``y`` or ``train_mask``, or these do not fit one another.
    """

    data: "Data"
    classes: int

    def __post_init__(self) -> None:
        nodes = len(self.features)
        labels = _of(self.data, "y", "one class index a node")
        if labels.is_floating_point() or labels.shape not in ((nodes,), (nodes, 1)):
            raise PlanError(
                f"data.y ({labels.dtype}, {list(labels.shape)}) is not one class for each of {nodes} nodes.",
                fix="set it to whole numbers from 0 on, of shape [nodes].",
            )
        known = self.labels[torch.cat([self.train, self.val])]
        if known.numel() and not 0 <= int(known.min()) <= int(known.max()) < self.classes:
            raise PlanError(
                f"data.y reaches from {int(known.min())} to {int(known.max())} on the masked nodes, and the "
                f"module gives {self.classes} scores.",
                fix=f"number the classes from 0 to {self.classes - 1}, or give the module a wider head.",
            )

    @property
    def features(self) -> Float[Tensor, "N F"]:
        """The nodes' own."""
        return _of(self.data, "x", "one row of features a node")

    @property
    def labels(self) -> Int64[Tensor, " N"]:
        """The nodes' classes."""
        return self.data.y.flatten().long()  # type: ignore[union-attr]

    @property
    def train(self) -> Int64[Tensor, " T"]:
        """The nodes of ``train_mask``."""
        return self._masked("train_mask", _of(self.data, "train_mask", "true for nodes to train on"))

    @property
    def val(self) -> Int64[Tensor, " V"]:
        """The nodes of ``val_mask``; none without one."""
        mask = self.data.get("val_mask")
        return torch.zeros(0, dtype=torch.int64) if mask is None else self._masked("val_mask", mask)

    @property
    def device(self) -> torch.device:
        """Where the features are."""
        return self.features.device

    @property
    def held(self) -> tuple[Int64[Tensor, " V"], None]:
        """Labels of the val nodes."""
        return self.labels[self.val], None

    def batch(self, rows: Int64[Tensor, " B"]) -> DataBatch:
        """Return ``rows`` with all data round them."""
        return DataBatch(self.data, rows, self.labels[rows])

    def pieces(self, rows: Int64[Tensor, " T"], count: int) -> tuple[Int64[Tensor, " B"], ...]:
        """Return ``rows`` in steps of ``count``."""
        return rows.split(count)

    def judged(self, model: nn.Module, sampler: Sampler | None) -> Float[Tensor, "V C"]:
        """Return the scores of the val nodes, without gradients; the data are read as a whole."""
        with torch.no_grad():
            return model(self.batch(self.val))

    def digest(self) -> bytes:
        """Return a digest of all tensors of the data."""
        digest = hashlib.blake2b(repr(self.classes).encode(), digest_size=16)
        for piece in tensors_of_data(self.data):
            digest.update(piece)
        return digest.digest()

    def _masked(self, name: str, mask: Tensor) -> Int64[Tensor, " M"]:
        if mask.dtype != torch.bool or mask.shape != (len(self.features),):
            change = "[:, 0], of several splits" if mask.dim() > 1 else ".bool(), one value a node"
            raise PlanError(
                f"data.{name} ({mask.dtype}, {list(mask.shape)}) is not true or false for each of "
                f"{len(self.features)} nodes.",
                fix=f"set data.{name} = data.{name}{change}.",
            )
        return mask.nonzero().flatten()


class DataModel(nn.Module):
    """A module over PyG data with a linear head; its scores of a step's nodes.

    ``forward`` of the module is given what the data hold under the names of its arguments: ``x`` and
    ``edge_index`` first, whatever their names, and the data themselves as ``data``.

    Args:
        module: changed in place by whatever tunes it.
        data: read once, to see in which order its layers are called, and how wide their features are.
        head: name of the submodule whose parameters are the head's; None = the last linear map that is no
            part of a layer.
        of_graphs: whether there is a row of scores for each graph of a PyG ``Batch``, and not for each node.

    Raises:
        PlanError: the module cannot read the data or has no such head, or its result is not a row of scores
            for each node or graph.
    """

    def __init__(
        self, module: nn.Module, data: "Data", head: str | None = None, *, of_graphs: bool = False
    ) -> None:
        super().__init__()
        self.module = module
        convolutions = _convolutions(module)
        self._head = _head(module, convolutions) if head is None else head
        if self._head not in dict(module.named_modules()):
            raise PlanError(f"The module has no part {head!r}.", fix="name one of its named_modules().")
        if not any(True for _ in self.head.parameters()):
            raise PlanError(f"The head {self._head!r} has no parameters.", fix="name a linear map.")
        scores, called = self._probe(data, {**convolutions, self._head: self.head})
        what = "graphs" if of_graphs else "nodes"
        rows: Any = getattr(data, f"num_{what}")
        if not isinstance(scores, Tensor) or scores.dim() != 2 or len(scores) != rows:
            shape = list(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
            raise PlanError(
                f"The module returns {shape}, not a row of scores for each of {rows} {what}.",
                fix=f"let forward return a tensor of shape [{what}, classes]"
                + (", as behind global_mean_pool(x, batch)." if of_graphs else "."),
            )
        if head is None and ([*called][-1:] != [self._head] or called[self._head][1] != scores.shape[1]):
            raise PlanError(
                f"The scores are not what the module's last linear map, {self._head!r}, makes.",
                fix="end it in nn.Linear(width, classes), or name what makes the scores: head='conv2'.",
            )
        self.classes = scores.shape[1]
        layers = [name for name in called if name in convolutions and name != self._head]
        self._widths = tuple(called[name] for name in layers)
        self.layers = DataLayers(module, layers)

    @property
    def head(self) -> nn.Module:
        """The module's own."""
        return self.module.get_submodule(self._head)

    @property
    def body(self) -> list[nn.Parameter]:
        """Every parameter that is not the head's."""
        head = {id(parameter) for parameter in self.head.parameters()}
        return [parameter for parameter in self.module.parameters() if id(parameter) not in head]

    @property
    def settings(self) -> str:
        """What the module says of itself."""
        return repr((self.module, self._head))

    def widths(self, inputs: int) -> tuple[tuple[int, int], ...]:
        """Return how wide the features are before and after each layer, as the data made them."""
        return self._widths

    @staticmethod
    def averaged(
        x: Float[Tensor, "N F"],
        edge_index: Any,
        *more: Any,
        edge_weight: Float[Tensor, " E"] | None = None,
        **others: Any,
    ) -> Float[Tensor, "N F"]:
        """Return ``D^-1/2 (A + I) D^-1/2 x``; weights are the next argument, if it is one number an edge.

        Raises:
            PlanError: the edges are a sparse matrix.
        """
        if not isinstance(edge_index, Tensor) or edge_index.layout != torch.strided:
            raise PlanError("Adapters read no sparse adjacency.", fix="give edges as edge_index, [2, edges].")
        source, target = edge_index[0], edge_index[1]
        weight = more[0] if edge_weight is None and more else edge_weight
        if not isinstance(weight, Tensor) or weight.shape != source.shape:
            weight = x.new_ones(source.shape)
        missing = torch.ones(len(x), dtype=torch.bool, device=x.device)
        missing[target[source == target]] = False
        loops = missing.nonzero().flatten()
        source, target = torch.cat([source, loops]), torch.cat([target, loops])
        weight = torch.cat([weight.to(x.dtype), x.new_ones(loops.shape)])
        degree = x.new_zeros(len(x)).index_add(0, target, weight)
        scale = torch.where(degree > 0, degree.clamp_min(1e-30).rsqrt(), 0.0)
        along = (scale[target] * weight * scale[source])[:, None] * x[source]
        return torch.zeros_like(x).index_add(0, target, along)

    def forward(self, step: Any) -> Float[Tensor, "B C"]:
        """Return a score for every row of the step (nodes, or labels of graphs) and every class."""
        given, named = arguments(self.module, step.data)
        return step.of(self.module(*given, **named))

    def _probe(self, data: "Data", parts: dict[str, nn.Module]) -> tuple[Any, dict[str, tuple[int, int]]]:
        """Return the module's result, and the widths before and after each part, in the order of calls."""
        called: dict[str, tuple[int, int]] = {}

        def note(name: str, given: tuple[Any, ...], named: dict[str, Any], result: Any) -> None:
            x = given[0] if given else named.get("x")
            if isinstance(x, Tensor) and isinstance(result, Tensor):
                called.pop(name, None)
                called[name] = (x.shape[-1], result.shape[-1])

        hooks = [
            one.register_forward_hook(
                lambda _, given, named, result, name=name: note(name, given, named, result), with_kwargs=True
            )
            for name, one in parts.items()
        ]
        given, named = arguments(self.module, data)
        learning = {one: one.training for one in self.module.modules()}
        try:
            self.module.eval()
            with torch.no_grad():
                return self.module(*given, **named), called
        except (AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
            raise PlanError(
                f"The module cannot read these data: {error}",
                fix="check that module(data.x, data.edge_index) runs: widths, types and argument names.",
            ) from error
        finally:
            for hook in hooks:
                hook.remove()
            for one, flag in learning.items():
                one.training = flag


class DataLayers:
    """The layers of a module in the order they are called; setting one replaces it where it stands."""

    def __init__(self, module: nn.Module, names: list[str]) -> None:
        self._module, self._names = module, names

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[nn.Module]:
        return (self[number] for number in range(len(self)))

    def __getitem__(self, number: int) -> nn.Module:
        return self._module.get_submodule(self._names[number])

    def __setitem__(self, number: int, layer: nn.Module) -> None:
        self._module.set_submodule(self._names[number], layer)


def arguments(module: nn.Module, data: "Data") -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return what ``forward`` of ``module`` is called with, by place and by name.

    Raises:
        PlanError: an argument without a default is nothing that the data hold.
    """
    known = {"data": data, **data.to_dict()}
    given, named = [], {}
    for number, one in enumerate(inspect.signature(module.forward).parameters.values()):
        if one.kind is one.VAR_POSITIONAL:
            given += [known[name] for name in ("x", "edge_index")[number:] if name in known]
        elif one.kind is one.VAR_KEYWORD:
            continue
        elif (value := known.get(one.name)) is not None:
            named[one.name] = value
        elif number < 2 and one.default is one.empty:
            name = ("x", "edge_index")[number]
            named[one.name] = _of(data, name, "features, [nodes, width]" if number == 0 else "[2, edges]")
        elif one.default is one.empty:
            raise PlanError(
                f"forward takes {one.name!r}, which the data do not hold.", fix=f"set data.{one.name}."
            )
    return tuple(given), named


def tensors_of_data(data: "Data") -> Iterator[bytes]:
    """Yield every dense tensor of some data by name, as bytes."""
    for name in sorted(data.keys()):
        value = data[name]
        if isinstance(value, Tensor) and value.layout == torch.strided:
            yield repr((name, value.dtype, value.shape)).encode()
            yield value.detach().cpu().contiguous().numpy().tobytes()


def _convolutions(module: nn.Module) -> dict[str, nn.Module]:
    """Return the message-passing layers by name, none of them inside another."""
    from torch_geometric.nn import MessagePassing

    found: dict[str, nn.Module] = {}
    for name, one in module.named_modules():
        if isinstance(one, MessagePassing) and not any(name.startswith(f"{outer}.") for outer in found):
            found[name] = one
    return found


def _head(module: nn.Module, convolutions: dict[str, nn.Module]) -> str:
    from torch_geometric.nn import Linear

    outside = [
        name
        for name, one in module.named_modules()
        if isinstance(one, nn.Linear | Linear) and not any(name.startswith(f"{c}.") for c in convolutions)
    ]
    if not outside:
        raise PlanError(
            "The module has no linear map outside its layers that could be its head.",
            fix="end it in nn.Linear(width, classes), or name what makes the scores: head='conv2'.",
        )
    return outside[-1]


def _of(data: "Data", name: str, what: str) -> Tensor:
    value = data.get(name)
    if not isinstance(value, Tensor):
        raise PlanError(f"The data have no {name}.", fix=f"set data.{name}: {what}.")
    return value
