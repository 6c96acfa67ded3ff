"""Homophily by hand."""

import numpy as np
import pytest
import torch

from graphtune.graph import Homophily, TextGraph, homophily


def graph(*pairs: tuple[int, int], nodes: int = 5, texts: int | None = None) -> TextGraph:
    source, target = (torch.tensor([pair[at] for pair in pairs]) for at in (0, 1))
    return TextGraph.from_edges(source, target, nodes=nodes, texts=texts)


def test_by_hand():
    # Links 0-1 (equal), 1-2 and 2-3 (unequal); 4 is not labelled; a loop does not count.
    found = homophily(graph((0, 1), (1, 2), (2, 3), (3, 4), (2, 2)), np.array([0, 0, 1, 0, -1]))
    assert found.links == 3
    assert found.share == pytest.approx(1 / 3)
    assert found.expected == pytest.approx((3 / 4) ** 2 + (1 / 4) ** 2)


def test_both_directions_count():
    found = homophily(graph((0, 1), (1, 0), (1, 2)), np.array([0, 0, 1, -1, -1]))
    assert (found.links, found.share) == (3, pytest.approx(2 / 3))


def test_word_nodes_have_no_label():
    found = homophily(graph((0, 1), (0, 3), (3, 0), (4, 3), texts=3), np.array([0, 0, 1]))
    assert (found.links, found.share) == (1, 1.0)


def test_nothing_to_count():
    assert homophily(graph((0, 1)), np.array([0, -1, 1, 1, -1])).share is None
    assert homophily(graph((0, 1)), np.full(5, -1)) == Homophily(0, None, None)
