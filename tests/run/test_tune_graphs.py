"""Whole PyG graphs: classes, several questions with missing answers, and what is refused."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from graphtune.errors import PlanError, TrainError
from graphtune.loss import CrossEntropy
from graphtune.model.pyg_graphs import GraphsTask, graph_scores, together
from graphtune.run.tune import grown, tune
from graphtune.strategy import BSS, GPF, L2SP, AdapterGNN, BitFit, Full, GPFPlus, LinearProbe
from pyg_networks import METHODS as NODE_METHODS
from pyg_networks import SETTINGS, Data, GraphGIN, made, rings
from tasks import KilledError, Mortal, same, weights

METHODS = (*NODE_METHODS, L2SP(epochs=3), BSS(epochs=3))
every = pytest.mark.parametrize("method", METHODS, ids=lambda method: type(method).__name__)
TRAIN, VAL = range(30), range(30, 40)


@every
@pytest.mark.parametrize("questions", [False, True])
def test_exactly_what_is_declared_moves(method, questions):
    module, graphs = made(GraphGIN, 3 if questions else 2), rings(questions)
    before = weights(module)
    tuned = tune(module, graphs, method, train=TRAIN, val=VAL, settings=SETTINGS)
    assert tuned.module is module
    fresh = weights(grown(made(GraphGIN, 3 if questions else 2), graphs, method))
    after = weights(module)
    moved = {name for name in after if not torch.equal(after[name], fresh[name])}
    assert "scores.weight" in moved
    frozen = isinstance(method, LinearProbe | GPF | GPFPlus | AdapterGNN)
    assert (before["atoms.weight"] == after["atoms.weight"]).all() == (frozen or isinstance(method, BitFit))


@pytest.mark.parametrize("questions", [False, True])
def test_learns(questions):
    module, graphs = made(GraphGIN, 3 if questions else 2), rings(questions)
    history = tune(
        module, graphs, Full(rate=0.02, epochs=80), train=TRAIN, val=VAL, settings=SETTINGS
    ).history
    assert history.epochs[-1].loss < 0.6 * history.epochs[0].loss
    assert history.epochs[-1].val_accuracy is not None
    found = graph_scores(module, graphs)[30:]
    truth = torch.arange(30, 40) % 2
    assert ((found[:, 0] > 0) if questions else found.argmax(1)).long().eq(truth).float().mean() > 0.8


def test_the_loss_is_that_of_logits_over_the_known_answers():
    graphs, module = rings(questions=True), made(GraphGIN, 3)
    task = GraphsTask(graphs, 3, torch.arange(30), torch.arange(30, 40))
    assert (task.classes, len(task.labels)) == (2, 40 * 2 + 14)
    answers = torch.cat([graph.y for graph in graphs])[:30]
    scores = graph_scores(module, graphs)[:30]
    known = ~answers.isnan()
    expected = nn.functional.binary_cross_entropy_with_logits(scores[known], answers[known])
    step = task.batch(task.train)
    given = module(step.data.x, step.data.edge_index, step.data.batch)
    torch.testing.assert_close(CrossEntropy()(step.of(given), step.labels, None), expected)


def test_steps_keep_a_graphs_answers_together_and_miss_none():
    task = GraphsTask(rings(questions=True), 3, torch.arange(30), torch.arange(30, 40))
    order = torch.randperm(len(task.train), generator=torch.Generator().manual_seed(0))
    rows = task.train[order]
    steps = task.pieces(rows, 10)
    assert len(steps) == -(-len(rows) // 10)
    assert sorted(torch.cat(steps).tolist()) == sorted(rows.tolist())
    graphs = [set(task._known[0][step].tolist()) for step in steps]
    assert sum(map(len, graphs)) == len(set().union(*graphs))
    assert all(2 <= len(step) <= 16 for step in steps)
    assert [len(step) for step in task.pieces(rows[:5], 1)] == [1] * 5


@every
def test_deterministic_and_resumed_bit_for_bit_after_a_kill(method, tmp_path):
    def result(tuning=method, **more):
        module = made(GraphGIN, 3)
        graphs = rings(questions=True)
        tune(module, graphs, tuning, train=TRAIN, val=VAL, settings=SETTINGS, seed=1, **more)
        return weights(module)

    whole = result()
    assert same(whole, result())
    with pytest.raises(KilledError):
        result(Mortal(method, 9), into=tmp_path)
    assert same(whole, result(into=tmp_path, resume=True))


def test_masks_and_numbers_say_the_same_and_labels_of_others_change_nothing():
    graphs, other = rings(), rings()
    for graph in other[30:]:
        graph.y = 1 - graph.y
    first, second = made(GraphGIN), made(GraphGIN)
    tune(first, graphs, Full(epochs=2), train=TRAIN)
    tune(second, other, Full(epochs=2), train=torch.arange(40) < 30)
    assert same(weights(first), weights(second))
    del other[35].y  # no label at all
    tune(second, other, Full(epochs=1), train=TRAIN, val=VAL)


def test_one_output_is_a_question():
    graphs = rings()
    task = GraphsTask(graphs, 1, torch.arange(30), torch.arange(30, 40))
    assert task.classes == 2
    history = tune(
        made(GraphGIN, 1), graphs, Full(rate=0.02, epochs=20), train=TRAIN, settings=SETTINGS
    ).history
    assert history.epochs[-1].loss < history.epochs[0].loss


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "not which to train on"),
        ({"train": [0, 40]}, r"train = 0 … 40 does not number the 40 graphs"),
        ({"train": TRAIN, "val": [-1]}, r"val = -1 … -1"),
        ({"train": torch.tensor([0.5])}, "do not say which of 40 graphs"),
        ({"train": [True, False]}, "do not say which of 40 graphs"),
    ],
)
def test_wrong_choices_are_told(given, said):
    with pytest.raises(PlanError, match=said) as told:
        tune(made(GraphGIN), rings(), Full(epochs=1), **given)
    assert told.value.fix


@pytest.mark.parametrize(
    ("y", "outputs"), [([2], 2), ([0.5, 1.0], 2), ([0.0, 1.0, 1.0], 2), ([0.0], 2), ([2.0], 1)]
)
def test_labels_that_do_not_fit_are_told(y, outputs):
    graphs = rings()[:3]
    graphs[1].y = torch.tensor(y)
    graphs[0].y, graphs[2].y = None, None
    with pytest.raises(PlanError, match="Graph 1 has y"):
        tune(made(GraphGIN, outputs), graphs, Full(epochs=1), train=[0, 1])


def test_what_else_cannot_be_is_told():
    class Nodes(GraphGIN):
        def forward(self, x, edge_index):
            return self.scores(self.convs[0](self.atoms(x[:, 0]), edge_index))

    with pytest.raises(PlanError, match="not a row of scores for each of 2 graphs"):
        tune(Nodes(2), rings(), Full(), train=TRAIN)
    with pytest.raises(PlanError, match="train is for many graphs"):
        tune(made(GraphGIN), rings()[0], Full(), train=TRAIN)
    with pytest.raises(PlanError, match="There is no graph"):
        tune(made(GraphGIN), [], Full(), train=[])
    with pytest.raises(PlanError, match="no graph to score"):
        graph_scores(made(GraphGIN), [])
    with pytest.raises(TrainError, match="no labelled row"):
        tune(made(GraphGIN), rings(), Full(), train=[])
    bare = [Data(edge_index=graph.edge_index, y=graph.y, num_nodes=3) for graph in rings()[:4]]
    with pytest.raises(PlanError, match="no x"):
        tune(made(GraphGIN), bare, Full(), train=[0, 1])


def test_graphs_are_a_part_of_what_a_resume_compares():
    graphs = rings()
    task = GraphsTask(graphs, 2, torch.arange(3), torch.arange(0))
    changed = rings()
    changed[39].x[0] = 1
    others = [replace(task, graphs=changed), replace(task, val_graphs=torch.arange(4, 6))]
    assert len({one.digest() for one in (task, *others, replace(task, graphs=rings()))}) == 3
    assert together(graphs).num_graphs == 40
