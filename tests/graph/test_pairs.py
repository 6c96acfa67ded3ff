"""Pairs read off a graph: a neighbour of the same class, and the nearest of another one."""

import numpy as np
import torch

from graphtune.graph import Neighbours, Rows, TextGraph, mined_pairs

LABELS = np.array([0, 0, 1, 1, -1, 0])


def graph() -> TextGraph:
    # Node 0 receives from 1 (its class), 2 and 3 (another, 3 nearer) and 4 (unknown).
    source = torch.tensor([1, 2, 3, 4, 0, 3, 2])
    target = torch.tensor([0, 0, 0, 0, 1, 2, 4])
    weight = torch.tensor([0.9, 0.5, 0.8, 1.0, 0.9, 0.7, 0.6])
    return TextGraph.from_edges(source, target, weight, nodes=6)


def test_by_hand():
    found = mined_pairs(graph(), LABELS, 99, np.random.default_rng(0))
    # 3 and 5 have no neighbour, 4 no class.
    assert sorted(map(tuple, found.tolist())) == [(0, 1, 3), (1, 0, -1), (2, 3, -1)]


def test_are_no_more_than_asked_for_and_drawn_by_the_generator():
    random = np.random.default_rng(0)
    rows = torch.nn.functional.normalize(torch.from_numpy(random.standard_normal((60, 8)).astype(np.float32)))
    names = [str(row) for row in range(60)]
    big = Neighbours(10).build(Rows(names, names, rows)).graph
    labels = np.arange(60) % 3
    found = mined_pairs(big, labels, 20, np.random.default_rng(1))
    assert found.shape == (20, 3)
    assert len(np.unique(found[:, 0])) == 20
    assert (labels[found[:, 0]] == labels[found[:, 1]]).all()
    hard = found[:, 2] >= 0
    assert (labels[found[hard, 0]] != labels[found[hard, 2]]).all()
    assert np.array_equal(found, mined_pairs(big, labels, 20, np.random.default_rng(1)))
    assert not np.array_equal(found, mined_pairs(big, labels, 20, np.random.default_rng(2)))


def test_there_are_none_without_edges_or_labels():
    assert mined_pairs(TextGraph.empty(6), LABELS, 9, np.random.default_rng(0)).shape == (0, 3)
    assert mined_pairs(graph(), np.full(6, -1), 9, np.random.default_rng(0)).shape == (0, 3)
