import pytest
import torch
from torch import nn

from graphtune.errors import PlanError
from graphtune.model import Model
from tasks import small_model, small_task


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.75])
def test_dropout_zeroes_its_share_and_keeps_the_mean(share):
    model = Model([], nn.Linear(301, 301, bias=False), dropout=share)
    nn.init.eye_(model.head.weight)
    task = small_task()
    torch.manual_seed(0)
    out = model.train().logits(torch.ones(999, 301), task.graph)
    assert (out == 0).float().mean().item() == pytest.approx(share, abs=0.01)
    assert out.mean().item() == pytest.approx(1.0, abs=0.02)
    assert out.unique().numel() == 2
    # Neither rows nor features are dropped together.
    rows = (out == 0).float().mean(1)
    assert rows.std().item() == pytest.approx((share * (1 - share) / 301) ** 0.5, rel=0.15)
    again = model.logits(torch.ones(999, 301), task.graph)
    assert not torch.equal(out, again)


def test_gradients_pass_where_features_were_kept():
    model = Model([], nn.Linear(64, 1, bias=False), dropout=0.5)
    nn.init.ones_(model.head.weight)
    x = torch.ones(10, 64, requires_grad=True)
    out = model.train().logits(x, small_task().graph)
    (gradient,) = torch.autograd.grad(out.sum(), x)
    assert set(gradient.unique().tolist()) == {0.0, 2.0}
    torch.testing.assert_close(gradient.sum(1, keepdim=True), out)


def test_no_dropout_in_evaluation_nor_at_0():
    task = small_task()
    model = small_model(task)
    rows = task.batch(task.val)
    model.eval()
    expected = model.logits(task.features, task.graph)[task.val]
    torch.testing.assert_close(model(rows), expected)
    assert not torch.equal(model.train()(rows), expected)
    model.dropout = 0.0
    torch.testing.assert_close(model(rows), expected)


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_dropout_out_of_range(share):
    with pytest.raises(PlanError, match="dropout"):
        Model([], nn.Linear(2, 2), dropout=share)
