"""What must hold for every graph layer; `tests/layer/test_laws.py` runs each law on each layer."""

from collections.abc import Callable
from dataclasses import replace

import scipy.sparse
import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from graphtune.graph import Attachment, TextGraph

INPUTS, OUTPUTS = 5, 4  # the default number of heads divides OUTPUTS


def random_graph(nodes: int, edges: int, *, seed: int = 0, loops: bool = False) -> TextGraph:
    """A directed graph with ``edges`` different edges and float64 weights between 0.5 and 1.5."""
    generator = torch.Generator().manual_seed(seed)
    pairs = torch.cartesian_prod(torch.arange(nodes), torch.arange(nodes))
    if not loops:
        pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    chosen = pairs[torch.randperm(len(pairs), generator=generator)[:edges]]
    weight = torch.rand(len(chosen), generator=generator, dtype=torch.float64) + 0.5
    return TextGraph.from_edges(chosen[:, 0], chosen[:, 1], weight, nodes=nodes)


def features(nodes: int, *, seed: int = 0, width: int = INPUTS) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(nodes, width, generator=generator, dtype=torch.float64)


def built(layer: type[nn.Module]) -> nn.Module:
    """A float64 layer whose biases and ``epsilon`` are not zero, so that forgetting one shows."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = layer(INPUTS, OUTPUTS).double()
        for parameter in module.parameters():
            if parameter.dim() == 1:
                nn.init.normal_(parameter)
    return module


def with_unit_weights(graph: TextGraph) -> TextGraph:
    return replace(graph, weight=torch.ones_like(graph.weight))


def relabelling_nodes_relabels_outputs(layer: type[nn.Module]) -> None:
    graph, x, module = random_graph(9, 25), features(9), built(layer)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(1))  # the new name of each node
    renamed = TextGraph.from_edges(order[graph.source], order[graph.target], graph.weight, nodes=9)
    moved = torch.empty_like(x)
    moved[order] = x
    torch.testing.assert_close(module(moved, renamed)[order], module(x, graph))


def order_of_edges_is_nothing(layer: type[nn.Module]) -> None:
    graph, x, module = random_graph(9, 25), features(9), built(layer)
    order = torch.randperm(graph.edges, generator=torch.Generator().manual_seed(1))
    source, target, weight = graph.source[order], graph.target[order], graph.weight[order]
    shuffled = TextGraph.from_edges(source, target, weight, nodes=9)
    assert torch.equal(module(x, shuffled), module(x, graph))


def without_edges_nodes_are_apart(layer: type[nn.Module]) -> None:
    graph, x, module = TextGraph.empty(6).to(dtype=torch.float64), features(6), built(layer)
    x.requires_grad_()
    out = module(x, graph)
    alone = torch.cat([module(row[None], TextGraph.empty(1).to(dtype=torch.float64)) for row in x])
    torch.testing.assert_close(out, alone)
    (gradient,) = torch.autograd.grad(out[2].sum(), x)
    assert gradient[2].abs().sum() > 0
    assert not gradient[[0, 1, 3, 4, 5]].any()


def isolated_node_sees_itself_only(layer: type[nn.Module]) -> None:
    some, x, module = random_graph(7, 20), features(9), built(layer)
    graph = TextGraph.from_edges(some.source, some.target, some.weight, nodes=9)  # 7 and 8 are isolated
    lonely = module(x[7:], TextGraph.empty(2).to(dtype=torch.float64))
    torch.testing.assert_close(module(x, graph)[7:], lonely)
    torch.testing.assert_close(module(x, graph)[:7], module(x[:7], some))


def floating_point_type_is_kept(layer: type[nn.Module]) -> None:
    graph, x, module = random_graph(9, 25), features(9), built(layer)
    wide = module(x, graph)
    narrow = module.float()(x.float(), graph.to(dtype=torch.float32))
    assert wide.dtype == torch.float64
    assert narrow.dtype == torch.float32
    torch.testing.assert_close(narrow.double(), wide, rtol=1e-4, atol=1e-5)
    narrow.sum().backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in module.parameters())


def gradients_are_right(layer: type[nn.Module]) -> None:
    graph, x, module = random_graph(4, 8, loops=True), features(4).requires_grad_(), built(layer)
    names, values = zip(*module.named_parameters(), strict=True)

    def output(x: Tensor, *parameters: Tensor) -> Tensor:
        return torch.func.functional_call(module, dict(zip(names, parameters, strict=True)), (x, graph))

    assert torch.autograd.gradcheck(output, (x, *values))


def attached_rows_change_nothing_stored(layer: type[nn.Module]) -> None:
    graph, x, module = random_graph(9, 25), features(12), built(layer)
    stored = scipy.sparse.random_array((3, 9), density=0.5, rng=0, format="csr")
    among = scipy.sparse.random_array((3, 3), density=0.5, rng=1, format="csr")
    extended = Attachment(stored, among).extend(graph)
    torch.testing.assert_close(module(x, extended)[:9], module(x[:9], graph), rtol=0, atol=1e-12)


def a_part_suffices_within_its_hops(layer: type[nn.Module]) -> None:
    graph, x, module = random_graph(60, 80), features(60), built(layer)
    rows = torch.tensor([3, 17, 40])
    needed = graph.reach(rows, module.hops)
    out = module(x[needed], graph.part(needed))
    torch.testing.assert_close(out[torch.searchsorted(needed, rows)], module(x, graph)[rows])


def outputs_depend_on_no_node_beyond_the_hops(layer: type[nn.Module]) -> None:
    # On a path the furthest node that counts is exactly `hops` steps back.
    nodes = 24
    step = torch.arange(nodes - 1)
    graph = TextGraph.from_edges(step, step + 1, nodes=nodes).to(dtype=torch.float64)
    x, module = features(nodes).requires_grad_(), built(layer)
    (gradient,) = torch.autograd.grad(module(x, graph)[-1].pow(2).sum(), x)
    seen = gradient.abs().sum(1) > 0
    assert seen.nonzero().flatten().tolist() == list(range(nodes - 1 - module.hops, nodes))


def same_input_same_bits(layer: type[nn.Module]) -> None:
    graph, x = random_graph(40, 300), features(40)
    once, again = built(layer), built(layer)
    for module in (once, again):
        module(x, graph).pow(2).sum().backward()
    assert torch.equal(once(x, graph), again(x, graph))
    for first, second in zip(once.parameters(), again.parameters(), strict=True):
        assert torch.equal(first.grad, second.grad)


def weights_survive_saving(layer: type[nn.Module]) -> None:
    graph, x, module = random_graph(9, 25), features(9), built(layer)
    fresh = layer(INPUTS, OUTPUTS).double()
    fresh.load_state_dict(load(save(module.state_dict())))
    assert torch.equal(fresh(x, graph), module(x, graph))


LAWS: tuple[Callable[[type[nn.Module]], None], ...] = (
    relabelling_nodes_relabels_outputs,
    order_of_edges_is_nothing,
    without_edges_nodes_are_apart,
    isolated_node_sees_itself_only,
    floating_point_type_is_kept,
    gradients_are_right,
    attached_rows_change_nothing_stored,
    a_part_suffices_within_its_hops,
    outputs_depend_on_no_node_beyond_the_hops,
    same_input_same_bits,
    weights_survive_saving,
)
