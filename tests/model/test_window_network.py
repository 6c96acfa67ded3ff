"""The gated network over words: its steps against torch's own cell, its texts apart, its gradients."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from graphtune.errors import PlanError
from graphtune.graph import WindowGraphs
from graphtune.model import Learner, Problem, Step, WindowNetwork, WindowTask
from graphtune.model.window import GatedStep, Readout
from graphtune.strategy import Full
from graphtune.train import Training, train
from tasks import same, weights

TEXTS = [[0, 1, 2, 1], [3], [], [2, 2, 4, 0, 5], [5, 5], [1, 0, 4]]
WIDTH = 6


def task(texts: list[list[int]] = TEXTS, *, val: int = 0) -> WindowTask:
    starts = np.cumsum([0, *map(len, texts)]).astype(np.int64)
    words = np.array([word for text in texts for word in text], dtype=np.int64)
    rows = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    every, count = torch.arange(len(texts)), len(texts) - val
    return WindowTask(
        WindowGraphs.of(words, starts), rows, torch.arange(len(texts)) % 2, 2, every[:count], every[count:]
    )


def network(**settings) -> WindowNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return WindowNetwork(4, 2, width=WIDTH, **settings).eval()


def test_keeps_the_contracts_of_the_loop():
    one = task()
    assert isinstance(one, Problem)
    assert isinstance(one.batch(one.train), Step)
    model = network()
    assert isinstance(model, Learner)
    own = {id(p) for p in (*model.body, *model.head.parameters())}
    assert own == {id(p) for p in model.parameters()}
    assert sum(p.numel() for p in model.parameters()) == (
        (4 * 6 + 6) + (3 * 36 + 18) + 2 * 36 + 36 + 2 * (36 + 6) + (2 * 6 + 2)
    )


def test_a_batch_of_texts_scores_each_as_it_is_alone():
    every, model = task(), network()
    together = model(every.batch(every.train))
    for number, text in enumerate(TEXTS):
        alone = task([text])
        torch.testing.assert_close(model(alone.batch(alone.train))[0], together[number])


def test_another_order_of_texts_is_another_order_of_scores():
    every, model = task(), network()
    order = torch.tensor([4, 2, 0, 5, 1, 3])
    torch.testing.assert_close(model(every.batch(order)), model(every.batch(every.train))[order])
    torch.testing.assert_close(every.scores(model, order), model(every.batch(order)))
    assert every.scores(model, order[:0]).shape == (0, 2)


def test_words_reach_their_neighbours_and_no_other_text():
    every, model = task(), network()
    batch = every.batch(every.train)
    batch.features.requires_grad_()
    (gradient,) = torch.autograd.grad(model(batch)[3].sum(), batch.features)
    ends = batch.sizes.cumsum(0)
    inside = torch.zeros(len(gradient), dtype=torch.bool)
    inside[int(ends[2]) : int(ends[3])] = True
    assert gradient[inside].abs().sum(dim=1).gt(0).all()
    assert not gradient[~inside].any()


def test_without_steps_the_order_of_words_is_nothing_and_with_them_it_is():
    forth, back = task([[0, 1, 2, 3, 4]]), task([[0, 2, 4, 1, 3]])
    alone, stepping = network(steps=0), network(steps=2)
    first, second = (one.batch(one.train) for one in (forth, back))
    torch.testing.assert_close(alone(first), alone(second))
    assert not torch.allclose(stepping(first), stepping(second), atol=1e-4)


def dense(batch) -> torch.Tensor:
    return torch.from_numpy(batch.graph.scipy().toarray())


def test_the_step_by_the_papers_formulas():
    every = task()
    batch, step = every.batch(every.train), GatedStep(WIDTH)
    h = torch.randn(len(batch.features), WIDTH)
    message = dense(batch) @ h
    (w_z, w_r, w_n), (b_z, b_r, b_n) = step.received.weight.chunk(3), step.received.bias.chunk(3)
    u_z, u_r = step.own.weight.chunk(2)
    z = torch.sigmoid(message @ w_z.T + h @ u_z.T + b_z)
    r = torch.sigmoid(message @ w_r.T + h @ u_r.T + b_r)
    n = torch.tanh(message @ w_n.T + (r * h) @ step.kept.weight.T + b_n)
    torch.testing.assert_close(step(h, batch.graph), n * z + h * (1 - z))


def test_the_step_equals_torchs_cell_where_the_reset_may_come_before_or_after():
    every = task()
    batch, step, cell = every.batch(every.train), GatedStep(WIDTH), nn.GRUCell(WIDTH, WIDTH)
    h = torch.randn(len(batch.features), WIDTH)
    with torch.no_grad():
        step.kept.weight.copy_(torch.diag(torch.randn(WIDTH)))  # then r (U h) = U (r h)
        # Torch's cell orders its gates reset, update, new, and its update gate is ours turned round.
        (w_z, w_r, w_n), (b_z, b_r, b_n) = step.received.weight.chunk(3), step.received.bias.chunk(3)
        u_z, u_r = step.own.weight.chunk(2)
        cell.weight_ih.copy_(torch.cat([w_r, -w_z, w_n]))
        cell.bias_ih.copy_(torch.cat([b_r, -b_z, b_n]))
        cell.weight_hh.copy_(torch.cat([u_r, -u_z, step.kept.weight]))
        cell.bias_hh.zero_()
    torch.testing.assert_close(step(h, batch.graph), cell(dense(batch) @ h, h))


def test_the_readout_by_hand():
    readout, h = Readout(WIDTH), torch.randn(6, WIDTH)
    found = readout(h, torch.tensor([1, 3, 2]))
    for own, some in zip(found, h.split([1, 3, 2]), strict=True):
        words = torch.sigmoid(readout.attention(some)) * torch.tanh(readout.content(some))
        torch.testing.assert_close(own, words.mean(dim=0) + words.amax(dim=0))


@pytest.mark.parametrize("part", ["step", "readout"])
def test_gradients_are_those_of_finite_differences(part):
    every = task()
    batch, module = every.batch(every.train), getattr(network().double(), part)
    graph = batch.graph.to(dtype=torch.float64)
    more = graph if part == "step" else batch.sizes
    names, values = zip(*module.named_parameters(), strict=True)
    h = torch.randn(graph.nodes, WIDTH, dtype=torch.float64, requires_grad=True)

    def output(h, *parameters):
        return torch.func.functional_call(module, dict(zip(names, parameters, strict=True)), (h, more))

    assert torch.autograd.gradcheck(output, (h, *values))


def learned(**settings) -> dict[str, torch.Tensor]:
    model = network(dropout=0.2)
    train(
        Full(rate=0.02, epochs=5), model, task(TEXTS * 4, val=6), Training(batch_rows=4), seed=3, **settings
    )
    return weights(model)


def test_the_same_seed_gives_the_same_bits():
    assert same(learned(), learned())


def test_learns_which_word_comes_first():
    # The same words, so that only their neighbours tell: what stands between 0 and 1.
    texts = [[0, 2, 1, 3, 4, 5], [0, 3, 4, 2, 5, 1]]
    one, model = task(texts * 2), network(dropout=0.0)
    train(Full(rate=0.02, epochs=60), model, one, Training(), seed=0)
    assert (one.scores(model, one.train).argmax(dim=1) == one.labels).all()


def test_a_digest_tells_what_differs():
    other = [*TEXTS[:-1], [1, 4, 3]]
    assert task().digest() == task().digest()
    assert len({one.digest() for one in (task(), task(other), task(val=1))}) == 3


def test_rows_in_half_the_numbers_are_read_and_told_apart():
    whole = task()
    half = replace(whole, words=whole.words.bfloat16())
    torch.testing.assert_close(
        half.scores(network(), half.train), whole.scores(network(), whole.train), atol=0.02, rtol=0.02
    )
    assert half.digest() == replace(half, words=half.words.clone()).digest() != whole.digest()


@pytest.mark.parametrize("setting", [{"dropout": 1.0}, {"dropout": -0.1}, {"steps": -1}])
def test_a_value_out_of_range_is_refused(setting):
    with pytest.raises(PlanError, match="is out of range"):
        network(**setting)
