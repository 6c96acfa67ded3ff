"""Fine-tune a graph neural network that was built elsewhere, on the nodes of PyG data or on whole graphs."""

import importlib.util
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import torch
from jaxtyping import Int64
from torch import Tensor, nn

from graphtune.errors import MissingExtraError, PlanError
from graphtune.model.pyg import DataModel, DataTask
from graphtune.model.pyg_graphs import GraphsTask, together
from graphtune.strategy import Growing, Strategy
from graphtune.train import History, Training
from graphtune.train import train as learn

if TYPE_CHECKING:
    from torch_geometric.data import Data

Chosen = Iterable[int] | Iterable[bool] | Tensor  # numbers of some graphs, or one truth value for each

_LABELS = 64  # of a step, where graphs are learned


@dataclass(frozen=True, eq=False)
class TunedModule:
    """A module after it was tuned, in evaluation mode, and how it went."""

    module: nn.Module  # the one that was given, changed in place
    history: History


def tune(
    module: nn.Module,
    data: "Data | Sequence[Data]",
    strategy: Strategy,
    *,
    train: Chosen | None = None,
    val: Chosen | None = None,
    head: str | None = None,
    settings: Training | None = None,
    seed: int = 0,
    into: Path | None = None,
    resume: bool = False,
) -> TunedModule:
    """Tune ``module`` in place so that it tells the classes of nodes, or of graphs.

    ``module(x, edge_index)`` returns scores, shape [nodes, classes]; further arguments of its ``forward``
    (``edge_weight``, ``edge_attr``, …) are taken from the data by name. What a strategy adds becomes part of
    the module: adapters stand in for its message-passing layers, a prompt is added to what the first of them
    reads. Running averages of the module's own batch norms go on in training, whatever the strategy freezes.

    Args:
        module: any network over a graph, such as one of PyG layers with a linear head; trained or not.
        data: a PyG ``Data`` with ``x``, ``edge_index``, ``y`` (a class index a node), ``train_mask`` and, for
            choosing the best epoch and when to stop, ``val_mask``; on the module's device. A test mask is
            never read. Or many of them, each with ``x``, ``edge_index`` and a label ``y`` of its own: a
            class, or 0, 1 or NaN (unknown) for each of the module's outputs, which are logits then.
            ``module`` gives one row of scores for each graph of a PyG ``Batch`` (``batch`` says which node
            is of which).
        strategy: such as ``Full()``, ``LinearProbe()``, ``BitFit()``, ``AdapterGNN()``, ``GPF()`` or
            ``GPFPlus()``.
        train: of many graphs, the numbers of those to train on, or one true or false for each.
        val: likewise, those that choose the best epoch, by cross-entropy over all their labels.
        head: name of the submodule that makes the scores; None = the last linear map outside the layers.
        settings: how the loop trains; None = its defaults, all training nodes in one batch, or of graphs
            about 64 labels. ``batch_rows`` counts labels.
        seed: of dropout, of the order of rows and of what the strategy draws.
        into: directory of checkpoints; None = nothing is written.
        resume: go on from what lies in ``into``; the module is then as it was at first.

    Raises:
        MissingExtraError: PyG is not installed.
        PlanError: the data lack what is read of them, the module cannot read them or has no linear head, its
            scores do not fit the classes, or the strategy asks for another kind of model.
        TrainError: nothing is trained on, a loss is not finite, or what lies in ``into`` is of another
            training.
    """
    many = not hasattr(data, "keys")
    if many == (train is None):
        raise PlanError(
            "Many graphs were given, but not which to train on." if many else "train is for many graphs.",
            fix="give train, the numbers of the graphs." if many else "set data.train_mask instead.",
        )
    model = _read(module, data, head, strategy)
    task, usual = _task(data, model, train, val)
    settings = usual if settings is None else settings
    if settings.sampler is not None:
        raise PlanError("Neighbours in PyG data are not sampled here.", fix="leave settings.sampler out.")
    history = learn(strategy, model, task, settings, seed=seed, into=into, resume=resume)
    return TunedModule(module, history)


def grown(
    module: nn.Module, data: "Data | Sequence[Data]", strategy: Strategy, *, head: str | None = None
) -> nn.Module:
    """Put what ``strategy`` adds into a module as it was before `tune`: the tuned one's state then fits it.

    Raises:
        MissingExtraError: PyG is not installed.
        PlanError: as `tune`.
    """
    model = _read(module, data, head, strategy)
    if isinstance(strategy, Growing):
        strategy.grown(model, _task(data, model, (), None)[0].features.shape[1])
    return module


def _task(
    data: Any, model: DataModel, train: Chosen | None, val: Chosen | None
) -> tuple[DataTask | GraphsTask, Training]:
    """Return what there is to learn, and how that is usually done."""
    if hasattr(data, "keys"):
        return DataTask(data, model.classes), Training()
    chosen = (_numbers(one, len(data)) for one in (train, val))
    return GraphsTask(data, model.classes, *chosen), Training(batch_rows=_LABELS)


def _numbers(chosen: Chosen | None, graphs: int) -> Int64[Tensor, " M"]:
    """Return the numbers of some graphs, each once.

    Raises:
        PlanError: they are neither whole numbers nor one true or false a graph.
    """
    found = torch.as_tensor(list(() if chosen is None else chosen)).cpu()
    if not found.numel():
        return torch.zeros(0, dtype=torch.int64)
    if found.dim() == 1 and found.dtype == torch.bool and len(found) == graphs:
        return found.nonzero().flatten()
    if found.dim() != 1 or found.dtype == torch.bool or found.is_floating_point():
        raise PlanError(
            f"{list(found.shape)} of {found.dtype} do not say which of {graphs} graphs.",
            fix="give whole numbers, or one true or false for each graph.",
        )
    return found.long().unique()


def _read(module: nn.Module, data: Any, head: str | None, strategy: Strategy) -> DataModel:
    if importlib.util.find_spec("torch_geometric") is None:
        raise MissingExtraError("pyg", "tune")
    if hasattr(data, "keys"):
        model = DataModel(module, data, head)
    elif len(data):
        # Two, so that one row is not taken for a row of each graph.
        model = DataModel(module, together([data[0], data[-1]]), head, of_graphs=True)
    else:
        raise PlanError("There is no graph.", fix="give one or more PyG Data.")
    asked: Any = get_type_hints(type(strategy).phases).get("model", Any)
    if asked is not Any and isinstance(asked, type) and not isinstance(model, asked):
        raise PlanError(
            f"{type(strategy).__name__} tunes a graphtune {asked.__name__}, not any module.",
            fix="use Full, LinearProbe, BitFit, AdapterGNN, GPF or GPFPlus.",
        )
    return model
