"""What is set to zero and what is rounded, by hand."""

import pytest
import torch
from torch import nn
from transformers import BertConfig, LlamaConfig
from transformers.pytorch_utils import Conv1D

from graphtune.sensitivity.damage import heads_of, prune, quantise


def linear(rows: list[list[float]], kind: type[nn.Module] = nn.Linear) -> nn.Module:
    weight = torch.tensor(rows)
    module = nn.Linear(weight.shape[1], weight.shape[0]) if kind is nn.Linear else Conv1D(*weight.shape)
    with torch.no_grad():
        module.weight.copy_(weight if kind is nn.Linear else weight.T)
        module.bias.copy_(torch.arange(1.0, 1.0 + len(rows)))
    return module


ROWS = [[3.0, 0.0], [0.0, 1.0], [2.0, 0.0], [0.0, 4.0]]


@pytest.mark.parametrize("kind", [nn.Linear, Conv1D])
def test_half_of_the_hidden_units_with_their_biases(kind):
    module = linear(ROWS, kind)
    prune(module, "feed-forward in", 0.5, 1)
    weight = module.weight if kind is nn.Linear else module.weight.T
    assert weight.tolist() == [[3.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 4.0]]
    assert module.bias.tolist() == [1.0, 0.0, 0.0, 4.0]


def test_what_reads_hidden_units_loses_columns_and_no_bias():
    module = linear([[3.0, 1.0, 0.0, 5.0], [0.0, 1.0, 2.0, 0.0]])
    prune(module, "feed-forward out", 0.5, 1)
    assert module.weight.tolist() == [[3.0, 0.0, 0.0, 5.0], [0.0, 0.0, 0.0, 0.0]]
    assert module.bias.tolist() == [1.0, 2.0]


def test_whole_heads_go_together():
    module = linear(ROWS)
    prune(module, "query", 0.5, 2)  # norms of the heads: √10 and √20
    assert module.weight.tolist() == [[0.0, 0.0], [0.0, 0.0], [2.0, 0.0], [0.0, 4.0]]
    assert module.bias.tolist() == [0.0, 0.0, 3.0, 4.0]
    joined = linear([[1.0, 1.0, 0.0, 5.0]])
    prune(joined, "attention output", 0.5, 2)
    assert joined.weight.tolist() == [[0.0, 0.0, 0.0, 5.0]]


def test_of_all_else_rows_go():
    words = nn.Embedding(3, 2, _weight=torch.tensor([[5.0, 0.0], [1.0, 0.0], [2.0, 0.0]]))
    prune(words, "embedding", 0.5, 1)
    assert words.weight.tolist() == [[5.0, 0.0], [0.0, 0.0], [2.0, 0.0]]
    norm = nn.LayerNorm(4)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([4.0, -1.0, 2.0, 3.0]))
        norm.bias.fill_(1.0)
    prune(norm, "norm", 0.5, 1)
    assert norm.weight.tolist() == [4.0, 0.0, 0.0, 3.0]
    assert norm.bias.tolist() == [1.0, 0.0, 0.0, 1.0]


@pytest.mark.parametrize("kind", [nn.Linear, Conv1D])
def test_every_output_is_rounded_to_seven_steps_either_way(kind):
    module = linear([[7.0, 3.4], [-0.7, 0.36], [0.0, 0.0]], kind)
    quantise(module, 4)
    weight = module.weight if kind is nn.Linear else module.weight.T
    torch.testing.assert_close(weight.detach(), torch.tensor([[7.0, 3.0], [-0.7, 0.4], [0.0, 0.0]]))
    assert module.bias.tolist() == [1.0, 2.0, 3.0]


def test_what_is_no_matrix_has_one_scale():
    norm = nn.LayerNorm(3)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([7.0, 0.4, -3.6]))
    quantise(norm, 4)
    assert norm.weight.tolist() == [7.0, 0.0, -4.0]


def test_keys_and_values_may_have_fewer_heads():
    shared = LlamaConfig(num_attention_heads=8, num_key_value_heads=2)
    assert [heads_of(shared, kind) for kind in ("query", "key", "value")] == [8, 2, 2]
    assert heads_of(BertConfig(num_attention_heads=4), "attention output") == 4
    assert heads_of(BertConfig(), "feed-forward in") == heads_of(object(), "query") == 1
