"""A fused graph is the sum of its normalised parts, for stored rows and for new ones."""

import numpy as np
import pytest
import torch
from nodes import links, rows, unit

from graphtune.errors import GraphError
from graphtune.graph import Fuse, Given, Neighbours, Words

LINKS = links(("s0", "s1"), ("s1", "s2"), ("s4", "s0"), weight=[1, 3, 0.5])
BUILDER = Fuse((Given(), Neighbours(3, 2.0)), (1.0, 0.25))


def normalised(adjacency: np.ndarray) -> np.ndarray:
    degree = adjacency.sum(axis=1)
    root = np.where(degree > 0, 1 / np.sqrt(np.where(degree > 0, degree, 1)), 0)
    return root[:, None] * adjacency * root[None, :]


def test_is_the_weighted_sum_of_normalised_parts():
    here = rows(unit(8), LINKS)
    parts = [part.build(here).graph.scipy().toarray() for part in BUILDER.parts]
    expected = normalised(parts[0]) + 0.25 * normalised(parts[1])
    expected *= (parts[0] + 0.25 * parts[1]).sum() / expected.sum()
    np.testing.assert_allclose(BUILDER.build(here).graph.scipy().toarray(), expected, atol=1e-6)


def test_by_hand():
    here = rows(unit(3), links(("s0", "s1"), ("s1", "s2")))
    built = Fuse((Given(),), (2.0,)).build(here)
    # Four links of weight 1, doubled: whatever normalising does to each, their sum stays 8.
    np.testing.assert_allclose(built.graph.scipy().toarray(), [[0, 2, 0], [2, 0, 2], [0, 2, 0]], atol=1e-6)


def test_new_rows_join_the_parts_before_they_are_summed():
    here = rows(unit(8), LINKS)
    new = rows(unit(3, seed=1), links(("n0", "s1"), ("n1", "n0"), weight=[2, 4]), name="n")
    expected = 0
    for part, weight in zip(BUILDER.parts, BUILDER.weights, strict=True):
        built = part.build(here)
        whole = built.attach(new).extend(built.graph)
        expected = expected + weight * normalised(whole.scipy().toarray())[8:]
    fused = BUILDER.build(here)
    expected = expected * fused.scale
    attached = fused.attach(new)
    found = np.concatenate([attached.stored.toarray(), attached.among.toarray()], axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert found[0, 1] > 0
    assert found[0, 9] > 0


def test_a_part_of_weight_zero_counts_for_nothing():
    here = rows(unit(8), LINKS)
    alone = Fuse((Neighbours(3),), (1.0,)).build(here).graph
    both = Fuse((Given(), Neighbours(3)), (0.0, 1.0)).build(here).graph
    np.testing.assert_allclose(both.scipy().toarray(), alone.scipy().toarray(), atol=1e-6)


def test_is_restored_from_what_is_saved():
    here = rows(unit(8), LINKS)
    built = BUILDER.build(here)
    again = BUILDER.restored(built.graph, here.ids, built.tensors())
    new = rows(unit(3, seed=1), links(("n0", "s1"), ("n1", "n0")), name="n")
    for ours, theirs in zip(vars(again.attach(new)).values(), vars(built.attach(new)).values(), strict=True):
        assert (ours != theirs).nnz == 0
    assert torch.equal(again.graph.weight, built.graph.weight)
    assert torch.equal(again.graph.col, built.graph.col)


@pytest.mark.parametrize(("parts", "weights"), [((Given(),), (1.0, 2.0)), ((), ())])
def test_one_weight_is_needed_for_each_part(parts, weights):
    with pytest.raises(GraphError, match="do not match"):
        Fuse(parts, weights)


@pytest.mark.parametrize("weights", [(-1.0, 1.0), (0.0, 0.0)])
def test_weights_without_sense_are_refused(weights):
    with pytest.raises(GraphError, match="not usable"):
        Fuse((Given(), Neighbours()), weights)


def test_words_cannot_be_fused():
    here = rows(unit(4), links(("s0", "s1")))
    with pytest.raises(GraphError, match="word nodes"):
        Fuse((Given(), Words(min_count=1)), (1.0, 1.0)).build(here)
