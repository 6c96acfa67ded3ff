"""Task statistics of modules: by hand on a head, by autograd on an encoder, and nothing is left behind."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from graphtune.encoder.pooling import pooled
from graphtune.errors import PlanError
from graphtune.loss import CrossEntropy
from graphtune.structure import ModuleNode
from graphtune.structure.exact import exact_scores
from graphtune.structure.task_columns import TASK_COLUMNS, with_task_columns
from small_structure import graph_of
from tasks import same, weights
from text_tasks import small_text_model, small_text_task

QUERY = "encoder.layer.1.attention.self.query"


def batches(count: int = 2):
    task = small_text_task(0)
    return [task.batch(torch.arange(8 * at, 8 * at + 8)) for at in range(count)]


@pytest.fixture(scope="module")
def found():
    model = small_text_model(0).eval()
    return with_task_columns(graph_of(model), model, batches())


def number(graph, column: str, name: str) -> float:
    return graph.column(column)[graph.positions[name]]


def test_every_node_has_every_column_and_only_the_head_no_block(found):
    assert set(found.columns) == set(TASK_COLUMNS)
    for column in set(TASK_COLUMNS) - {"block cosine"}:
        assert np.isfinite(found.column(column)).all(), column
    cosine = dict(zip(found.positions, found.column("block cosine"), strict=True))
    assert all(math.isnan(cosine[n.name]) == (n.block in (0, 4)) for n in found.nodes)


def test_gradients_are_means_over_batches_of_what_autograd_finds(found):
    model = small_text_model(0).eval()
    own = list(model.encoder.model.get_submodule(QUERY).parameters())
    norms, fisher, taylor = [], [], []
    for batch in batches():
        loss = CrossEntropy()(exact_scores(model, batch), batch.labels)
        gradients = torch.autograd.grad(loss, own)
        squares = sum(float(g.square().sum()) for g in gradients)
        norms.append(math.sqrt(squares))
        fisher.append(squares)
        taylor.append(sum(float((g * w.detach()).abs().sum()) for g, w in zip(gradients, own, strict=True)))
    weight = math.sqrt(sum(float(w.detach().square().sum()) for w in own))
    assert number(found, "weight norm", QUERY) == pytest.approx(weight, rel=1e-5)
    assert number(found, "gradient norm", QUERY) == pytest.approx(np.mean(norms), rel=1e-4)
    assert number(found, "relative gradient", QUERY) == pytest.approx(np.mean(norms) / weight, rel=1e-4)
    assert number(found, "Fisher", QUERY) == pytest.approx(np.mean(fisher), rel=1e-4)
    assert number(found, "Taylor", QUERY) == pytest.approx(np.mean(taylor), rel=1e-4)


def test_the_heads_gradient_is_that_of_softmax_by_hand():
    model = small_text_model(0).eval()
    batch = small_text_task(0).batch(torch.arange(4))
    found = with_task_columns(graph_of(model), model, [batch])
    with torch.no_grad():
        rows = pooled(model.encoder(batch.given, batch.mask), batch.mask, "mean")
        slope = (torch.softmax(model.head(rows), dim=1) - nn.functional.one_hot(batch.labels, 3)) / 4
    weight, bias = slope.T @ rows, slope.sum(dim=0)
    squares = float(weight.square().sum() + bias.square().sum())
    assert number(found, "Fisher", "head") == pytest.approx(squares, rel=1e-4)


def test_activations_are_those_of_tokens_and_not_of_padding(found):
    model = small_text_model(0).eval()
    seen = []
    module = model.encoder.model.get_submodule(QUERY)
    handle = module.register_forward_hook(lambda _, __, out: seen.append(out))
    with torch.no_grad():
        for batch in batches():
            exact_scores(model, batch)
            seen[-1] = seen[-1][batch.mask.bool()]
    handle.remove()
    values = torch.cat([one.flatten() for one in seen]).double()
    assert number(found, "activation mean", QUERY) == pytest.approx(float(values.mean()), abs=1e-6)
    deviation = float(values.std(correction=0))
    assert number(found, "activation deviation", QUERY) == pytest.approx(deviation, rel=1e-5)
    assert number(found, "activation peak", QUERY) == pytest.approx(float(values.abs().max()) / deviation)
    near = np.mean(
        [float((one.abs() < 0.01 * one.double().std(correction=0)).double().mean()) for one in seen]
    )
    assert number(found, "activation near zero", QUERY) == pytest.approx(near, abs=2e-3)


def test_a_blocks_cosine_is_that_of_the_rows_before_and_behind_it(found):
    model = small_text_model(0).eval()
    cosines = []
    with torch.no_grad():
        for batch in batches():
            states = model.encoder.model(
                input_ids=batch.given, attention_mask=batch.mask, output_hidden_states=True
            ).hidden_states
            before, behind = (pooled(states[at], batch.mask, "mean") for at in (1, 2))
            cosines.append(float((before * behind).sum(dim=1).mean()))
    assert number(found, "block cosine", QUERY) == pytest.approx(np.mean(cosines), rel=1e-5)


def test_deterministic_and_the_model_stays_as_it_is():
    model = small_text_model(0).train()
    before, modes = weights(model), [m.training for m in model.modules()]
    able = [p.requires_grad for p in model.parameters()]
    first, second = (with_task_columns(graph_of(model), model, batches()).columns for _ in range(2))
    assert repr(first) == repr(second)
    assert same(before, weights(model))
    assert [m.training for m in model.modules()] == modes
    assert [p.requires_grad for p in model.parameters()] == able
    assert all(p.grad is None for p in model.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_what_nothing_reads_has_no_gradients_but_a_weight():
    model = small_text_model(0)
    model.encoder.model.add_module("unread", nn.Linear(2, 2))
    found = with_task_columns(graph_of(model), model, batches(1))
    assert math.isnan(number(found, "Fisher", "unread"))
    assert math.isnan(number(found, "activation mean", "unread"))
    assert number(found, "weight norm", "unread") > 0


def test_what_has_no_weights_has_no_numbers():
    model = small_text_model(0)
    graph = graph_of(model)
    pooling = ModuleNode("pooling", "pooling", 4, (), 0, 0, 0)
    found = with_task_columns(replace(graph, nodes=(*graph.nodes, pooling)), model, batches(1))
    assert all(
        math.isnan(values[-1]) and len(values) == len(found.nodes) for values in found.columns.values()
    )


def test_bad_input_is_told():
    model = small_text_model(0)
    graph = graph_of(model)
    with pytest.raises(PlanError, match="no batch"):
        with_task_columns(graph, model, [])
    with pytest.raises(PlanError, match="2 blocks are frozen"):
        with_task_columns(graph, small_text_model(2), batches(1))
    model.encoder.model.get_submodule("encoder.layer.1.attention.self").query = nn.Identity()
    with pytest.raises(PlanError, match=r"no module 'encoder\.layer\.1\.attention\.self\.query'") as told:
        with_task_columns(graph, model, batches(1))
    assert "encoder.layer.0.attention.self.query" in told.value.fix
