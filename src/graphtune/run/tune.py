"""Fine-tune a graph neural network that was built elsewhere, on PyG data."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from torch import nn

from graphtune.errors import MissingExtraError, PlanError
from graphtune.model.pyg import DataModel, DataTask
from graphtune.strategy import Growing, Strategy
from graphtune.train import History, Training, train

if TYPE_CHECKING:
    from torch_geometric.data import Data


@dataclass(frozen=True, eq=False)
class TunedModule:
    """A module after it was tuned, in evaluation mode, and how it went."""

    module: nn.Module  # the one that was given, changed in place
    history: History


def tune(
    module: nn.Module,
    data: "Data",
    strategy: Strategy,
    *,
    head: str | None = None,
    settings: Training | None = None,
    seed: int = 0,
    into: Path | None = None,
    resume: bool = False,
) -> TunedModule:
    """Tune ``module`` in place so that it tells the classes of nodes.

    ``module(x, edge_index)`` returns scores, shape [nodes, classes]; further arguments of its ``forward``
    (``edge_weight``, ``edge_attr``, …) are taken from the data by name. What a strategy adds becomes part of
    the module: adapters stand in for its message-passing layers, a prompt is added to what the first of them
    reads. Running averages of the module's own batch norms go on in training, whatever the strategy freezes.

    Args:
        module: any network over a graph, such as one of PyG layers with a linear head; trained or not.
        data: a PyG ``Data`` with ``x``, ``edge_index``, ``y`` (a class index a node), ``train_mask`` and, for
            choosing the best epoch and when to stop, ``val_mask``; on the module's device. A test mask is
            never read.
        strategy: such as ``Full()``, ``LinearProbe()``, ``BitFit()``, ``AdapterGNN()``, ``GPF()`` or
            ``GPFPlus()``.
        head: name of the submodule that makes the scores; None = the last linear map outside the layers.
        settings: how the loop trains; None = its defaults, all training nodes in one batch.
        seed: of dropout, of the order of nodes and of what the strategy draws.
        into: directory of checkpoints; None = nothing is written.
        resume: go on from what lies in ``into``; the module is then as it was at first.

    Raises:
        MissingExtraError: PyG is not installed.
        PlanError: the data lack what is read of them, the module cannot read them or has no linear head, its
            scores do not fit the classes, or the strategy asks for another kind of model.
        TrainError: no node is trained on, a loss is not finite, or what lies in ``into`` is of another
            training.
    """
    model = _read(module, data, head, strategy)
    task = DataTask(data, model.classes)
    settings = Training() if settings is None else settings
    if settings.sampler is not None:
        raise PlanError("Neighbours in PyG data are not sampled here.", fix="leave settings.sampler out.")
    history = train(strategy, model, task, settings, seed=seed, into=into, resume=resume)
    return TunedModule(module, history)


def grown(module: nn.Module, data: "Data", strategy: Strategy, *, head: str | None = None) -> nn.Module:
    """Put what ``strategy`` adds into a module as it was before `tune`: the tuned one's state then fits it.

    Raises:
        MissingExtraError: PyG is not installed.
        PlanError: as `tune`.
    """
    model = _read(module, data, head, strategy)
    if isinstance(strategy, Growing):
        strategy.grown(model, DataTask(data, model.classes).features.shape[1])
    return module


def _read(module: nn.Module, data: "Data", head: str | None, strategy: Strategy) -> DataModel:
    if importlib.util.find_spec("torch_geometric") is None:
        raise MissingExtraError("pyg", "tune")
    model = DataModel(module, data, head)
    asked: Any = get_type_hints(type(strategy).phases).get("model", Any)
    if asked is not Any and isinstance(asked, type) and not isinstance(model, asked):
        raise PlanError(
            f"{type(strategy).__name__} tunes a graphtune {asked.__name__}, not any module.",
            fix="use Full, LinearProbe, BitFit, AdapterGNN, GPF or GPFPlus.",
        )
    return model
