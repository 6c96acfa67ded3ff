"""Models read as graphs: against lists made by hand, exact counts, and torch's own counter of FLOPs."""

import inspect
from collections import Counter

import pytest
import torch
from small_models import MAKERS, TwoBlocks, graph_of, small
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from graphtune.encoder.tunable import TunableTransformer
from graphtune.errors import ModelError, PlanError
from graphtune.layer import ALL, GCN
from graphtune.model import Model, TextModel
from graphtune.structure import Assembled, read
from graphtune.structure.observed import observed
from graphtune.structure.parts import parts
from graphtune.structure.subject import subject

TOKENS = 5
NODES = [
    # name, kind, block, shape, parameters, FLOPs (2 a multiply-add), bytes put out
    ("words", "embedding", 0, (10, 4), 40, 0, 80),
    ("places", "embedding", 0, (6, 4), 24, 0, 80),
    ("blocks.0.norm", "norm", 1, (4,), 8, 0, 80),
    ("blocks.0.widen", "feed-forward in", 1, (8, 4), 40, 320, 160),
    ("blocks.0.narrow", "feed-forward out", 1, (4, 8), 36, 320, 80),
    ("blocks.1.norm", "norm", 2, (4,), 8, 0, 80),
    ("blocks.1.widen", "feed-forward in", 2, (8, 4), 40, 320, 160),
    ("blocks.1.narrow", "feed-forward out", 2, (4, 8), 36, 320, 80),
    ("head", "head", 3, (3, 4), 12, 120, 60),
    ("spare", "other", 3, (4, 4), 20, 0, 0),
]
DIRECT = [
    ("words", "blocks.0.norm"),
    ("places", "blocks.0.norm"),
    ("blocks.0.norm", "blocks.0.widen"),
    ("blocks.0.widen", "blocks.0.narrow"),
    ("blocks.0.narrow", "blocks.1.norm"),
    ("blocks.1.norm", "blocks.1.widen"),
    ("blocks.1.widen", "blocks.1.narrow"),
    ("blocks.1.narrow", "head"),
]
RESIDUAL = [("words", "blocks.1.norm"), ("places", "blocks.1.norm"), ("blocks.0.narrow", "head")]


def named(graph) -> dict[tuple[str, str], bool]:
    return {(graph.nodes[e.source].name, graph.nodes[e.target].name): e.residual for e in graph.edges}


def counted(model: nn.Module, tokens: int) -> int:
    """Return what torch counts, with attention as the two products it is."""
    ids = torch.full((1, tokens), 3)
    more = {"use_cache": False} if "use_cache" in inspect.signature(model.forward).parameters else {}
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model.eval()(input_ids=ids, attention_mask=torch.ones_like(ids), **more)
    return counter.get_total_flops()


def test_two_blocks_are_exactly_what_they_are_by_hand():
    graph = read(TwoBlocks(), TOKENS)
    found = [
        (n.name, n.kind, n.block, n.shape, n.parameters, n.flops, n.activation_bytes) for n in graph.nodes
    ]
    assert found == NODES
    assert named(graph) == dict.fromkeys(DIRECT, False) | dict.fromkeys(RESIDUAL, True)
    assert (graph.model, graph.depth, graph.width, graph.tokens) == ("TwoBlocks", 2, 4, TOKENS)
    assert graph.traced == "export"


def test_a_run_sees_the_same_edges_by_hand():
    with subject(TwoBlocks(), TOKENS, None) as found:
        seen = observed(found, parts(found.module))
    assert seen.edges == dict.fromkeys(DIRECT, False) | dict.fromkeys(RESIDUAL, True)


@pytest.mark.parametrize("name", MAKERS)
def test_every_architecture_is_counted_exactly(name):
    model, graph = small(name), graph_of(name)
    assert graph.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert graph.flops == counted(model, 16)
    assert graph.depth == (1 if name == "Albert" else 2)
    assert (graph.width, graph.traced) == (32, "export")
    assert all(node.kind != "other" for node in graph.nodes if node.block in (1, 2))
    kinds = Counter(node.kind for node in graph.nodes if node.block == 1)
    once = ["attention output", "feed-forward in", "feed-forward out"]
    once += ["attention"] if name in ("GPT2", "ModernBert") else ["query", "key", "value"]
    assert all(kinds[kind] == 1 for kind in once), kinds
    assert kinds["feed-forward gate"] == (name == "Llama")


@pytest.mark.parametrize("name", MAKERS)
def test_what_export_says_is_what_a_run_shows(name):
    with subject(small(name), 16, None) as found:
        seen = observed(found, parts(found.module)).edges
    assert graph_of(name).traced == "export"
    assert named(graph_of(name)) == seen


def test_attention_products_count_for_the_map_that_reads_them():
    graph = graph_of("Bert")
    flops = {node.kind: node.flops for node in graph.nodes}
    map_, products = 2 * 16 * 32 * 32, 2 * (2 * 16 * 16 * 32)
    assert (flops["query"], flops["attention output"]) == (map_, map_ + products)


def test_edges_go_on_unless_weights_are_used_again():
    for name in MAKERS:
        graph = graph_of(name)
        back = [edge for edge in graph.edges if edge.source >= edge.target]
        assert bool(back) == (name == "Albert")
        levels = [node.block for node in graph.nodes]
        assert levels == sorted(levels)


def test_a_residual_stream_has_one_source_past_the_last():
    edges = named(graph_of("Llama"))
    assert edges["embed_tokens", "layers.0.post_attention_layernorm"]
    assert edges["layers.0.self_attn.o_proj", "layers.1.input_layernorm"]
    assert not edges["layers.0.mlp.down_proj", "layers.1.input_layernorm"]
    assert ("embed_tokens", "layers.1.input_layernorm") not in edges


def test_places_that_scores_are_given_are_no_residual():
    edges = named(graph_of("MPNet"))
    bias = {ends: residual for ends, residual in edges.items() if ends[0].endswith("attention_bias")}
    assert list(bias.values()) == [False, False]


def test_a_text_model_has_its_pooling_and_head_and_its_frozen_blocks():
    model = TextModel(TunableTransformer(small("Bert"), 1), "mean", nn.Linear(32, 3)).train()
    modes = [module.training for module in model.modules()]
    graph = read(model, 16)
    assert [node.name for node in graph.nodes[-2:]] == ["pooling", "head"]
    assert [node.kind for node in graph.nodes[-2:]] == ["pooling", "head"]
    assert graph.nodes[-2].parameters == 0
    assert sum(node.name.startswith("encoder.model.encoder.layer.0.") for node in graph.nodes) == 8
    edges = named(graph)
    assert not edges["encoder.model.encoder.layer.1.output.LayerNorm", "pooling"]
    assert not edges["pooling", "head"]
    assert graph.flops == graph_of("Bert").flops + 2 * 32 * 3
    assert (graph.depth, graph.traced) == (2, "export")
    assert [module.training for module in model.modules()] == modes


def test_a_tunable_transformer_has_all_its_blocks():
    graph = read(TunableTransformer(small("Bert"), 1), 16)
    plain = graph_of("Bert")
    assert [node.name for node in graph.nodes] == [f"model.{node.name}" for node in plain.nodes]
    assert graph.edges == plain.edges


@pytest.mark.parametrize("layer", ALL, ids=lambda one: one.__name__)
def test_graph_layers_are_one_node_each(layer):
    model = Model((layer(6, 8), layer(8, 8)), nn.Linear(8, 3))
    graph = read(model)
    assert [(n.name, n.kind, n.block) for n in graph.nodes] == [
        ("layers.0", "graph layer", 1),
        ("layers.1", "graph layer", 2),
        ("head", "head", 3),
    ]
    assert named(graph) == {("layers.0", "layers.1"): False, ("layers.1", "head"): False}
    assert graph.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert graph.traced == "run"


def test_a_network_above_an_encoder_is_behind_its_blocks():
    network = Model((GCN(32, 8),), nn.Linear(8, 3))
    graph = read(Assembled(small("Bert"), "mean", network=network), 16)
    assert [(n.name, n.block) for n in graph.nodes[-3:]] == [
        ("pooling", 3),
        ("network.layers.0", 3),
        ("network.head", 3),
    ]
    assert named(graph)["pooling", "network.layers.0"] is False


def test_shared_weights_count_once():
    model = TwoBlocks()
    model.blocks[1].widen.weight = model.blocks[0].widen.weight
    graph = read(model, TOKENS)
    assert graph.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert graph.nodes[graph.positions["blocks.1.widen"]].parameters == 8


def test_a_model_that_cannot_be_run_is_read_from_its_tree():
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(4, 8), nn.Linear(8, 2)

        def forward(self, one, other):
            return self.second(self.first(one) + other)

    graph = read(Odd(), TOKENS)
    assert graph.traced == "module tree"
    assert [node.flops for node in graph.nodes] == [2 * TOKENS * 32, 2 * TOKENS * 16]
    assert named(graph) == {("first", "second"): False}
    shown = read(Odd(), TOKENS, example=(torch.ones(1, 4), torch.ones(1, 8)))
    assert (shown.traced, shown.flops) == ("export", 2 * 32 + 2 * 16)


def test_attention_of_torch_is_followed_through_weights_that_no_module_runs():
    class One(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(9, 8)
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
            self.norm = nn.LayerNorm(8)

        def forward(self, ids):
            x = self.words(ids)
            return self.norm(x + self.attention(x, x, x, need_weights=False)[0])

    edges = named(read(One(), TOKENS))
    assert edges == {
        ("words", "attention"): False,
        ("attention", "attention.out_proj"): False,
        ("attention.out_proj", "norm"): False,
        ("words", "norm"): True,
    }


@pytest.mark.parametrize(("tokens", "said"), [(0, "no length"), (-3, "no length"), (65, "reads 64 at most")])
def test_lengths_out_of_range_are_refused(tokens, said):
    with pytest.raises(PlanError, match=said):
        read(small("Bert"), tokens)


def test_places_before_padding_are_not_counted():
    with pytest.raises(PlanError, match="reads 62 at most"):
        read(small("Roberta"), 63)
    assert read(small("Roberta"), 62).tokens == 62


def test_a_model_without_weights_is_refused():
    with pytest.raises(ModelError, match="no module with weights"):
        read(nn.Sequential(nn.ReLU()), TOKENS)
