"""Hops against PyG, and attached rows against the graph with the new rows in it."""

import numpy as np
import pytest
import scipy.sparse
import torch
from nodes import links, rows, unit

from graphtune.errors import GraphError
from graphtune.graph import AttachedLinks, Attachment, Fuse, Given, Hops, Neighbours, TextGraph, Trail
from laws import random_graph

EXACT = {"rtol": 0, "atol": 1e-6}


@pytest.mark.parametrize("hops", [Hops(0, 0.3), Hops(1, 0.0), Hops(2, 0.3), Hops(10, 0.3), Hops(4, 1.0)])
def test_equals_pyg(hops):
    pyg = pytest.importorskip("torch_geometric.nn")
    graph, x = random_graph(12, 40).to(dtype=torch.float32), unit(12)
    layer = pyg.APPNP(K=hops.count, alpha=hops.alpha).eval()
    expected = layer(x, torch.stack([graph.source, graph.target]), graph.weight)
    torch.testing.assert_close(hops.last(graph, x), expected)
    torch.testing.assert_close(list(hops.states(graph, x))[-1], expected)


def test_every_state_is_the_last_of_fewer_hops():
    graph, x = random_graph(12, 40).to(dtype=torch.float32), unit(12)
    states = list(Hops(3, 0.3).states(graph, x))
    assert len(states) == 4
    for count, state in enumerate(states):
        assert torch.equal(state, Hops(count, 0.3).last(graph, x))


@pytest.mark.parametrize("kept", [True, False])
def test_a_trail_is_kept_from_the_second_time_on_unless_it_is_large(kept, monkeypatch):
    graph, x, trail = random_graph(12, 40).to(dtype=torch.float32), unit(12), Trail()
    monkeypatch.setattr("graphtune.graph.hops._KEPT_BYTES", 3 * x.nbytes if kept else 3 * x.nbytes - 1)
    first, *again = [trail.states(Hops(3, 0.3), graph, x) for _ in range(3)]
    assert not isinstance(first, list)
    assert (again[0] is again[1]) == kept
    for one in (first, *again):
        for state, expected in zip(one, Hops(3, 0.3).states(graph, x), strict=True):
            assert torch.equal(state, expected)


def as_if_there(graph: TextGraph, attachment: Attachment, hops: Hops, x, new) -> torch.Tensor:
    return hops.last(attachment.extend(graph), torch.cat([x, new]))[graph.nodes :]


def attached(graph: TextGraph, attachment: Attachment, hops: Hops, x, new) -> torch.Tensor:
    return hops.attached(AttachedLinks.of(graph, attachment), hops.states(graph, x), new)


@pytest.mark.parametrize("hops", [Hops(0, 0.3), Hops(1, 0.3), Hops(2, 0.3), Hops(10, 0.2)])
def test_attached_rows_get_what_the_extended_graph_gives(hops):
    x, new = unit(30), unit(7, seed=1)
    built = Neighbours(5).build(rows(x))
    attachment = built.attach(rows(new, name="n"))
    expected = as_if_there(built.graph, attachment, hops, x, new)
    torch.testing.assert_close(attached(built.graph, attachment, hops, x, new), expected, **EXACT)


@pytest.mark.parametrize("directed", [False, True])
def test_links_among_new_rows_carry_through_every_hop(directed):
    x, new, hops = unit(6), unit(4, seed=1), Hops(5, 0.2)
    known = links(("s0", "s1"), ("s1", "s2"), ("s3", "s4"), directed=directed)
    fresh = links(
        ("s0", "n0"),
        ("n0", "n1"),
        ("n1", "n2"),
        ("s3", "n2"),
        ("n0", "n0"),
        weight=[1, 2, 0.5, 3, 1],
        directed=directed,
    )
    built = Given().build(rows(x, known))
    attachment = built.attach(rows(new, fresh, name="n"))
    assert attachment.among.nnz
    found = attached(built.graph, attachment, hops, x, new)
    torch.testing.assert_close(found, as_if_there(built.graph, attachment, hops, x, new), **EXACT)
    torch.testing.assert_close(found[3], new[3])  # it has no link
    # What the far end of a chain sends arrives.
    changed = attached(built.graph, attachment, hops, x, torch.cat([-new[:1], new[1:]]))
    assert (changed[2] - found[2]).abs().max() > 1e-3


def test_fused_graphs_attach_alike():
    x, new, hops = unit(20), unit(5, seed=1), Hops(3, 0.3)
    builder = Fuse((Given(), Neighbours(4)), (1.0, 0.3))
    built = builder.build(rows(x, links(("s0", "s1"), ("s1", "s5"), weight=[2, 1])))
    attachment = built.attach(rows(new, links(("n0", "s1"), ("n0", "n1")), name="n"))
    expected = as_if_there(built.graph, attachment, hops, x, new)
    torch.testing.assert_close(attached(built.graph, attachment, hops, x, new), expected, **EXACT)


def test_a_loop_that_is_there_keeps_its_weight():
    graph, x, new = random_graph(5, 8).to(dtype=torch.float32), unit(5), unit(2, seed=1)
    stored = scipy.sparse.csr_array(np.array([[1.0, 0, 0, 0, 2], [0, 0, 0, 0, 0]], dtype=np.float32))
    among = scipy.sparse.csr_array(np.array([[0.5, 1.0], [0.0, 0.0]], dtype=np.float32))
    attachment, hops = Attachment(stored, among), Hops(2, 0.3)
    expected = as_if_there(graph, attachment, hops, x, new)
    torch.testing.assert_close(attached(graph, attachment, hops, x, new), expected, **EXACT)


def test_no_new_rows_and_no_nodes():
    built = Neighbours(3).build(rows(unit(4)))
    none = built.attach(rows(unit(0)))
    assert attached(built.graph, none, Hops(2, 0.3), unit(4), unit(0)).shape == (0, 6)
    nothing = TextGraph.empty(0)
    assert Hops(2, 0.3).last(nothing, unit(0)).shape == (0, 6)


@pytest.mark.parametrize("settings", [{"count": -1}, {"alpha": 1.5}, {"alpha": -0.1}])
def test_settings_without_sense_are_refused(settings):
    with pytest.raises(GraphError, match="not usable"):
        Hops(**settings)
