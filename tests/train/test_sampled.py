"""Training on mini-batches whose neighbours are sampled."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from graphtune.errors import PlanError
from graphtune.graph import Sampler, TextGraph
from graphtune.layer import GAT, GCN, SAGE
from graphtune.model import Model, Task
from graphtune.strategy import Full
from graphtune.train import Training, train
from tasks import KilledError, Mortal, same, weights

SAMPLED = Training(batch_rows=20, sampler=Sampler((4, 3)), patience=None)


def community_task(nodes: int = 600, classes: int = 4) -> Task:
    """Features that say little, and edges that stay within the class three times in four."""
    generator = torch.Generator().manual_seed(3)
    labels = torch.arange(nodes) % classes
    centres = torch.randn(classes, 16, generator=generator)
    x = centres[labels] + 2.5 * torch.randn(nodes, 16, generator=generator)
    source = torch.randint(nodes, (12 * nodes,), generator=generator)
    target = torch.randint(nodes, (12 * nodes,), generator=generator)
    within = torch.rand(12 * nodes, generator=generator) < 0.65
    target = torch.where(within, target - target % classes + source % classes, target)
    graph = TextGraph.from_edges(source, target, nodes=nodes)
    rows = torch.arange(160)
    known = torch.where(torch.arange(nodes) < 160, labels, -1)
    return Task(x, graph, known, classes, rows[:120], rows[120:])


def model_for(task: Task, layer: type[nn.Module] = GCN, depth: int = 2) -> Model:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = [layer(16, 16) for _ in range(depth)]
        return Model(layers, nn.Linear(16, task.classes), dropout=0.3)


def accuracy(model: Model, task: Task) -> float:
    with torch.no_grad():
        predicted = model.logits(task.features, task.graph).argmax(1)
    unknown = task.labels < 0
    truth = torch.arange(task.graph.nodes) % task.classes
    return float((predicted == truth)[unknown].float().mean())


@pytest.mark.parametrize("layer", [GCN, SAGE, GAT])
def test_is_as_accurate_as_the_full_batch(layer):
    task = community_task()
    found = {}
    sampled = Training(batch_rows=40, sampler=Sampler((8, 5)), patience=15)
    for name, settings in {"whole": Training(patience=15), "sampled": sampled}.items():
        model = model_for(task, layer)
        train(Full(rate=0.01, epochs=40), model, task, settings, seed=0)
        found[name] = accuracy(model, task)
    assert found["whole"] > 0.7
    assert found["sampled"] > found["whole"] - 0.03


def test_a_batch_holds_its_rows_and_what_was_sampled_round_them():
    task = community_task()
    rows = torch.tensor([50, 3, 77])
    batch = task.sampled(rows, Sampler((2, 2)), np.random.default_rng(0))
    assert batch.graph.nodes <= 3 * (1 + 2 + 4)
    assert torch.equal(batch.features[batch.rows], task.features[rows])
    assert torch.equal(batch.labels, task.labels[rows])
    assert batch.weights is None
    weights = torch.linspace(0, 1, 600)
    weighed = replace(task, weights=weights).sampled(rows, Sampler((2, 2)), np.random.default_rng(0))
    assert weighed.weights is not None
    assert torch.equal(weighed.weights, weights[rows])


def test_with_every_neighbour_drawn_a_step_is_that_of_the_whole():
    task, weigh = community_task(), {}
    for name, sampler in {"whole": None, "sampled": Sampler((1000, 1000))}.items():
        model = model_for(task)
        model.dropout = 0.0
        train(Full(epochs=3), model, task, replace(SAMPLED, sampler=sampler), seed=0)
        weigh[name] = weights(model)
    for name, tensor in weigh["whole"].items():
        torch.testing.assert_close(weigh["sampled"][name], tensor, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("batch_rows", [None, 50])
def test_every_epoch_draws_anew_and_the_seed_decides(batch_rows):
    task, drawn = community_task(), []
    sampled = Task.sampled

    def watched(self, rows, sampler, generator):
        batch = sampled(self, rows, sampler, generator)
        drawn.append(batch.graph.col)
        return batch

    settings, ends = replace(SAMPLED, batch_rows=batch_rows), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Task, "sampled", watched)
        for seed in (1, 1, 2):
            model = model_for(task)
            train(Full(epochs=2), model, task, settings, seed=seed)
            ends.append(weights(model))
    steps = 2 if batch_rows is None else 6
    assert len(drawn) == 3 * steps
    assert not torch.equal(drawn[0], drawn[steps // 2])
    assert all(torch.equal(a, b) for a, b in zip(drawn[:steps], drawn[steps : 2 * steps], strict=True))
    assert same(ends[0], ends[1])
    assert not same(ends[0], ends[2])


def test_a_killed_training_resumes_bit_for_bit(tmp_path):
    task, settings = community_task(), replace(SAMPLED, checkpoint_seconds=0.0)
    plain = model_for(task)
    train(Full(epochs=3), plain, task, settings, seed=0)
    model = model_for(task)
    with pytest.raises(KilledError):
        train(Mortal(Full(epochs=3), 9), model, task, settings, seed=0, into=tmp_path / "run")
    resumed = model_for(task)
    train(Full(epochs=3), resumed, task, settings, seed=0, into=tmp_path / "run", resume=True)
    assert same(weights(resumed), weights(plain))


def test_validation_reads_every_neighbour():
    task = community_task()
    model = model_for(task)
    history = train(Full(epochs=4), model, task, SAMPLED, seed=0)
    best = history.epochs[(history.phases[0].best or 0) - 1]
    with torch.no_grad():
        logits = model.logits(task.features, task.graph)[task.val]
    loss = nn.functional.cross_entropy(logits, task.labels[task.val])
    assert loss.item() == pytest.approx(best.val_loss, rel=1e-4)


def test_fewer_fanouts_than_hops_are_refused():
    task = community_task()
    with pytest.raises(PlanError, match=r"fanouts = \(4, 3\) reach 2 hops, the layers 3"):
        train(Full(epochs=1), model_for(task, depth=3), task, SAMPLED, seed=0)
