"""A small graph for each text: its different words, linked where they stand near one another.

Source: Zhang et al., ACL 2020, arXiv:2004.13826, section 3.1, and the authors' code (symmetric normalisation,
no loops).
Differs from the paper: edges are weighted by the number of windows, as in TextGCN (arXiv:1809.05679), where
the code counts an edge once; a word without a neighbour has a loop; a text without words has one node.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse
import torch
from jaxtyping import Int64
from torch import Tensor

from graphtune.errors import GraphError
from graphtune.graph.text_graph import TextGraph


@dataclass(frozen=True, eq=False)
class WindowGraphs:
    """The graphs of some texts side by side; no edge joins two texts.

    The nodes of a text follow each other, in ascending order of their words.
    """

    graph: TextGraph  # all nodes are words; weights are ``D^-1/2 A D^-1/2``
    words: Int64[np.ndarray, " N"]  # number of each node's word; -1 stands for a text without words
    starts: Int64[np.ndarray, " _"]  # where each text's nodes begin; the last start is the end

    @classmethod
    def of(
        cls, words: Int64[np.ndarray, " P"], starts: Int64[np.ndarray, " _"], *, window: int = 3
    ) -> "WindowGraphs":
        """Link the words of each text by how many windows hold two places of theirs.

        Cost: O(P * window) time and memory for P words in all; no word is looked at one by one.

        Args:
            words: the numbers of all texts' words on end, each 0 or more.
            starts: where each text begins among them; the last start is the end.
            window: words of a sliding window; a shorter text is one window.

        Raises:
            GraphError: ``window`` holds no two words.
        """
        if window < 2:
            raise GraphError(f"window = {window} holds no two words.", fix="use 2 or more.")
        texts, length = starts.size - 1, np.diff(starts)
        stride = int(words.max(initial=-1)) + 2
        text = np.repeat(np.arange(texts), length)
        places = np.concatenate([text * stride + words + 1, np.flatnonzero(length == 0) * stride])
        different, node = np.unique(places, return_inverse=True)
        found = np.bincount(different // stride, minlength=texts)
        matrix = _counts(node[: words.size], starts, window, different.size)
        lonely = np.flatnonzero(np.diff(matrix.indptr) == 0)
        loops = scipy.sparse.coo_array((np.ones(lonely.size), (lonely, lonely)), shape=matrix.shape)
        graph = TextGraph.from_scipy(matrix + loops.tocsr(), texts=0).to(dtype=torch.float32).normalised()
        return cls(graph, different % stride - 1, np.concatenate([[0], np.cumsum(found)]))

    @property
    def sizes(self) -> Int64[np.ndarray, " T"]:
        """The number of nodes of each text."""
        return np.diff(self.starts)

    def places(
        self, words: Int64[np.ndarray, " P"], starts: Int64[np.ndarray, " _"]
    ) -> Int64[np.ndarray, " P"]:
        """Return the node of each place of the words that the graphs were made of."""
        stride = max(int(words.max(initial=-1)), int(self.words.max(initial=-1))) + 2
        text, of_node = np.arange(len(self.sizes)), np.repeat(np.arange(len(self.sizes)), self.sizes)
        places = np.repeat(text, np.diff(starts)) * stride + words + 1
        return np.searchsorted(of_node * stride + self.words + 1, places)

    def part(self, texts: Int64[np.ndarray, " B"]) -> "WindowGraphs":
        """Return the graphs of some texts, in this order."""
        first, size = self.starts[texts], self.sizes[texts]
        starts = np.concatenate([[0], np.cumsum(size)])
        nodes, crow = _spans(first, size), self.graph.crow.numpy()
        edge, edges = crow[first], crow[first + size] - crow[first]
        chosen = torch.from_numpy(_spans(edge, edges))
        moved = torch.from_numpy(np.repeat(starts[:-1] - first, edges))
        ends = np.concatenate([[0], np.cumsum(np.diff(crow)[nodes])])
        graph = TextGraph(
            torch.from_numpy(ends), self.graph.col[chosen] + moved, self.graph.weight[chosen], texts=0
        )
        return WindowGraphs(graph, self.words[nodes], starts)

    def tensors(self) -> tuple[Tensor, ...]:
        """Return all that tells these graphs from others."""
        graph = self.graph
        numbers = (torch.from_numpy(self.words), torch.from_numpy(self.starts))
        return (*numbers, graph.crow, graph.col, graph.weight)


def _counts(
    node: Int64[np.ndarray, " P"], starts: Int64[np.ndarray, " _"], window: int, nodes: int
) -> scipy.sparse.csr_array:
    """Return in how many windows two nodes meet; once for each pair of places at which they stand."""
    length = np.diff(starts)
    begin = np.repeat(starts[:-1], length)
    end = begin + np.repeat(length, length)
    last = np.maximum(end - window, begin)  # the window that starts last in the text of each place
    ends, counts = [np.zeros((2, 0), dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for distance in range(1, min(window, int(length.max(initial=0)))):
        front = np.arange(node.size - distance)
        one, other = node[front], node[front + distance]
        kept = np.flatnonzero((front + distance < end[front]) & (one != other))
        front = front[kept]
        lowest = np.maximum(begin[front], front + distance - window + 1)
        ends.append(np.stack([one[kept], other[kept]]))
        counts.append(np.minimum(front, last[front]) - lowest + 1)
    pairs = np.concatenate(ends, axis=1)
    upper = scipy.sparse.coo_array((np.concatenate(counts), tuple(pairs)), shape=(nodes, nodes)).tocsr()
    return scipy.sparse.csr_array(upper + upper.T)


def _spans(first: Int64[np.ndarray, " T"], count: Int64[np.ndarray, " T"]) -> Int64[np.ndarray, " _"]:
    """Return ``count`` numbers from each ``first`` on, one span after the other."""
    ends = np.cumsum(count)
    return np.repeat(first - (ends - count), count) + np.arange(int(ends[-1]) if ends.size else 0)
