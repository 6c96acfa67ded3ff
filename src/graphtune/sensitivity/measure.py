"""How the loss changes when one module is tuned alone, and what the model says when it is pruned or rounded.

Source: Lee et al., ICLR 2023, arXiv:2210.11466 (tuning parts alone); Michel, Levy & Neubig, NeurIPS 2019,
arXiv:1905.10650 (removing one part at a time); Cai et al., CVPR 2020, arXiv:2001.00281 (rounding one part
at a time, judged by the divergence of what the model says).
Differs from the papers: modules rather than blocks or heads, a few steps each; what is below a module's block
is worked out once for all of its probes.
"""

import hashlib
import math
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor, nn

from graphtune.errors import PlanError
from graphtune.loss import CrossEntropy, distillation
from graphtune.model import TextModel, TextTask
from graphtune.model.text import in_pieces
from graphtune.progress import bar, say
from graphtune.sensitivity.damage import heads_of, prune, quantise
from graphtune.sensitivity.probe import Probe, ProbeFiles
from graphtune.sensitivity.settings import Probing
from graphtune.sensitivity.states import Entering, Some, cut
from graphtune.strategy import LinearProbe, PlannedTuning, TextStrategy
from graphtune.structure import ModelGraph, ModuleNode
from graphtune.structure.exact import exact_scores
from graphtune.structure.located import module_of, unknown
from graphtune.structure.plans import ModuleTuning, TuningPlan
from graphtune.structure.scores import MEASURED_COLUMNS
from graphtune.train import Training, train

_HEAD = ""  # name of the probe of the head alone
EDITION: Final = "3"  # of what a probe does: changed with it


def measured(
    graph: ModelGraph,
    model: TextModel,
    task: TextTask,
    settings: Probing = Probing(),  # noqa: B008 - it cannot be changed
    *,
    only: Collection[str] = (),
    into: Path | None = None,
) -> dict[str, Probe]:
    """Return the probe of every module by name, and that of the head alone under ``""``.

    The model is left as it is, bit for bit, after each probe. Texts are those of the first steps and
    ``val_rows`` of the validation rows, drawn by the seed. Cost of a probe: the blocks from its own on, for
    ``steps`` batches forward and backward, and four times (the first of a block's probes) or three times for
    the validation rows.

    Args:
        graph: of the model.
        model: with nothing frozen, and a fitted head (`fit_head`).
        task: labelled training and validation rows.
        settings: what is done to each module.
        only: names of the modules to probe; none = all with weights.
        into: directory of what was measured; what lies there of the same model, task and settings is not
            measured again.

    Raises:
        PlanError: a name is of no node, the graph is not of this model, blocks are frozen, or there are no
            labelled training or validation rows.
        TrainError: a loss is not finite while a module learns.
        OutputError: ``into`` cannot be written to.
    """
    chosen = _chosen(graph, model, only)
    some = _some_rows(task, settings)
    files = ProbeFiles.within(into, fingerprint(graph, model, some, settings))
    names = [_name(node) for node in (None, *chosen)]
    found = {name: probe for name in names if (probe := files.find(name)) is not None}
    by_block = _by_block([node for node in (None, *chosen) if _name(node) not in found], graph.depth)
    if found and by_block:
        say(f"{len(found)} of {len(names)} probes were made before.")
    total = sum(len(nodes) * (graph.depth - frozen) for frozen, nodes in by_block.items())
    was = model.training
    try:
        # From the top: the cheapest come first, and soon say how long the others will take.
        with bar("Probing modules", float(total), "blocks") as shown:
            for frozen in sorted(by_block, reverse=True):
                for probe in _of_block(by_block[frozen], frozen, model, some, settings):
                    files.keep(probe)
                    found[probe.name] = probe
                    shown.advance(float(graph.depth - frozen))
    finally:
        model.train(was)
    return {name: found[name] for name in names}


def with_measured(graph: ModelGraph, probes: Mapping[str, Probe]) -> ModelGraph:
    """Return the graph with the columns of `MEASURED_COLUMNS`; NaN where a node was not probed."""
    own = [probes.get(node.name) for node in graph.nodes]
    return graph.with_columns(
        {
            MEASURED_COLUMNS["tune"]: [math.nan if one is None else one.tuning_gain for one in own],
            MEASURED_COLUMNS["prune"]: [math.nan if one is None else one.pruning_loss for one in own],
            MEASURED_COLUMNS["quantise"]: [math.nan if one is None else one.quantisation_loss for one in own],
        }
    )


def fingerprint(graph: ModelGraph, model: TextModel, task: TextTask, settings: Probing) -> str:
    """Return a digest of all that the numbers depend on."""
    config, places = model.encoder.config, [(node.name, node.kind, node.block) for node in graph.nodes]
    said = (EDITION, settings, model.pooling, config.model_type, heads_of(config, "query"), places)
    digest = hashlib.blake2b(repr(said).encode() + task.digest(), digest_size=16)
    for name, tensor in model.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()


def _chosen(graph: ModelGraph, model: TextModel, only: Collection[str]) -> list[ModuleNode]:
    if model.encoder.frozen:
        raise PlanError(
            f"The lowest {model.encoder.frozen} blocks are frozen.", fix="load the encoder with none frozen."
        )
    for name in only:
        if name not in graph.positions:
            raise unknown(name, graph.positions)
    chosen = [node for node in graph.nodes if (node.name in only if only else node.parameters)]
    for node in chosen:
        module_of(model, node.name)
    return chosen


def _some_rows(task: TextTask, settings: Probing) -> TextTask:
    """Return a task of those rows alone that are read."""
    random = np.random.default_rng(settings.seed)
    kept: list[np.ndarray] = []
    most = (max(1, settings.steps) * settings.batch_rows, settings.val_rows)
    for name, rows, count in zip(("training", "validation"), (task.train, task.val), most, strict=True):
        known = rows[task.labels[rows] >= 0].numpy()
        if not len(known):
            raise PlanError(
                f"There are no labelled {name} rows to measure on.", fix=f"give some {name} rows labels."
            )
        kept.append(np.sort(random.permutation(known)[:count]))
    rows = np.concatenate(kept)
    weights = None if task.weights is None else task.weights[torch.from_numpy(rows)]
    every = torch.arange(len(rows))
    learned = len(kept[0])
    return TextTask(
        Some(task.texts, rows),
        task.labels[torch.from_numpy(rows)],
        task.classes,
        every[:learned],
        every[learned:],
        weights,
        device=task.device,
    )


def _name(node: ModuleNode | None) -> str:
    return _HEAD if node is None else node.name


def _by_block(nodes: Sequence[ModuleNode | None], depth: int) -> dict[int, list[ModuleNode | None]]:
    """Return the nodes by how many blocks a change of them leaves as they are; one is left at least."""
    found: dict[int, list[ModuleNode | None]] = {}
    for node in nodes:
        frozen = depth - 1 if node is None else max(0, min(node.block, depth) - 1)
        found.setdefault(frozen, []).append(node)
    return found


def _of_block(
    nodes: Sequence[ModuleNode | None], frozen: int, model: TextModel, task: TextTask, settings: Probing
) -> Iterator[Probe]:
    with cut(model, frozen) as part:
        bench = _Bench(part, task, settings)
        if part.encoder.frozen:
            # The cut model's lower blocks are stand-ins, so the states are read with the blocks in place.
            with part.encoder.whole():
                states = Entering.of(model, task.texts, part.encoder.frozen)
            bench = _Bench(part, replace(task, texts=states), settings)
        before = bench.scores()
        for node in nodes:
            yield bench.probed(node, before)


@dataclass(frozen=True, eq=False)
class _Bench:
    """What the probes of one block share."""

    model: TextModel
    task: TextTask
    settings: Probing

    def scores(self) -> Float32[Tensor, "V C"]:
        """Return what the model says of the validation rows."""
        with torch.no_grad():
            return in_pieces(self.task, self.task.val, lambda batch: exact_scores(self.model, batch))

    def loss(self, scores: Float32[Tensor, "V C"]) -> float:
        """Return their mean loss."""
        labels, weights = self.task.held
        return float(CrossEntropy()(scores, labels, weights))

    def moved(self, before: Float32[Tensor, "V C"]) -> float:
        """Return the mean Kullback-Leibler divergence of what was said before from what is said now, nats."""
        return float(distillation(self.scores().double(), before.double(), weights=self.task.held[1]))

    def probed(self, node: ModuleNode | None, before: Float32[Tensor, "V C"]) -> Probe:
        """Try what can be done to a module, or to the head by learning alone."""
        began = time.monotonic()
        head = self.model.head
        module = head if node is None else module_of(self.model, node.name)
        strategy = self._strategy(node, module)
        tuned = pruned = rounded = math.nan
        if strategy is not None:
            with _put_back(module, head):
                self._learn(strategy)
                tuned = self.loss(self.scores())
        if node is not None:
            with _put_back(module):
                prune(module, node.kind, self.settings.pruned, self._heads(node))
                pruned = self.moved(before)
            with _put_back(module):
                quantise(module, self.settings.bits)
                rounded = self.moved(before)
        return Probe(_name(node), self.loss(before), tuned, pruned, rounded, time.monotonic() - began)

    def _heads(self, node: ModuleNode) -> int:
        return heads_of(self.model.encoder.config, node.kind)

    def _strategy(self, node: ModuleNode | None, module: nn.Module) -> TextStrategy | None:
        """Return how a module learns; None where it cannot, as nothing reads it, or is not to."""
        if not self.settings.steps:
            return None
        batches = -(-self.task.train.numel() // self.settings.batch_rows)
        epochs = -(-self.settings.steps // batches)
        if module is self.model.head:
            return LinearProbe(self.settings.head_rate, epochs=epochs)
        assert node is not None
        if not all(parameter.requires_grad for parameter in module.parameters(recurse=False)):
            return None
        plan = TuningPlan((ModuleTuning(node.name),))
        return PlannedTuning(
            plan, self.settings.rate, head_rate=self.settings.head_rate, decay=0.0, epochs=epochs
        )

    def _learn(self, strategy: TextStrategy) -> None:
        settings = Training(self.settings.batch_rows, patience=None, schedule="linear", warmup=0.1, clip=1.0)
        task = replace(self.task, val=self.task.val[:0])
        train(strategy, self.model, task, settings, seed=self.settings.seed)


@contextmanager
def _put_back(*modules: nn.Module) -> Iterator[None]:
    """Give modules back their own weights, bit for bit."""
    own: list[tuple[Tensor, Tensor]] = [
        (parameter, parameter.detach().clone())
        for one in modules
        for parameter in one.parameters(recurse=False)
    ]
    try:
        yield
    finally:
        with torch.no_grad():
            for parameter, before in own:
                parameter.copy_(before)
