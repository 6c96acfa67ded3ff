"""Graphs of words: against loops over every window, in any order of the texts, with few words or none."""

from itertools import combinations

import numpy as np
import pytest
import torch

from graphtune.errors import GraphError
from graphtune.graph import WindowGraphs


def on_end(texts: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    starts = np.cumsum([0, *map(len, texts)]).astype(np.int64)
    return np.array([word for text in texts for word in text], dtype=np.int64), starts


def built(texts: list[list[int]], window: int = 3) -> WindowGraphs:
    return WindowGraphs.of(*on_end(texts), window=window)


def by_hand(text: list[int], window: int) -> tuple[list[int], np.ndarray]:
    """Return a text's words and its normalised adjacency, from every window of it."""
    words = sorted(set(text)) or [-1]
    counts = np.zeros((len(words), len(words)))
    for start in range(max(1, len(text) - window + 1)):
        for one, other in combinations(text[start : start + window], 2):
            if one != other:
                counts[words.index(one), words.index(other)] += 1
                counts[words.index(other), words.index(one)] += 1
    lonely = counts.sum(axis=1) == 0
    counts[lonely, lonely] = 1
    root = 1 / np.sqrt(counts.sum(axis=1))
    return words, root[:, None] * counts * root[None, :]


def random_texts(count: int, *, seed: int) -> list[list[int]]:
    random = np.random.default_rng(seed)
    return [random.integers(0, 9, random.integers(0, 14)).tolist() for _ in range(count)]


@pytest.mark.parametrize("window", [2, 3, 5, 40])
def test_equals_a_loop_over_every_window(window):
    texts = [*random_texts(30, seed=window), [], [4], [4, 4, 4], [1, 2], []]
    found = built(texts, window)
    dense = found.graph.scipy().toarray()
    assert found.starts[-1] == len(dense) == len(found.words)
    inside = np.zeros(dense.shape, dtype=bool)
    for text, first, last in zip(texts, found.starts, found.starts[1:], strict=False):
        words, expected = by_hand(text, window)
        assert found.words[first:last].tolist() == words
        np.testing.assert_allclose(dense[first:last, first:last], expected, atol=1e-6)
        inside[first:last, first:last] = True
    assert not dense[~inside].any()


def test_counts_of_windows_by_hand():
    # Of a b c d the windows are abc and bcd: b and c meet in both.
    graph = built([[0, 1, 2, 3]]).graph
    pairs = {(0, 1): 1, (0, 2): 1, (1, 2): 2, (1, 3): 1, (2, 3): 1}
    degree = [2, 4, 4, 2]
    for (a, b), count in pairs.items():
        assert graph.scipy()[a, b] == pytest.approx(count / np.sqrt(degree[a] * degree[b]))
    assert graph.edges == 2 * len(pairs)


@pytest.mark.parametrize("text", [[], [7], [7, 7, 7]])
def test_no_word_or_one_is_a_node_with_a_loop(text):
    found = built([text])
    assert found.words.tolist() == [text[0] if text else -1]
    assert found.graph.scipy().toarray().tolist() == [[1.0]]


def test_no_text_at_all_is_no_node():
    found = built([])
    assert (found.graph.nodes, found.graph.edges, found.starts.tolist()) == (0, 0, [0])


def test_a_part_is_what_these_texts_alone_make_in_their_order():
    texts = [*random_texts(20, seed=0), []]
    chosen = [20, 3, 3, 0, 17]
    part, alone = built(texts).part(np.array(chosen)), built([texts[at] for at in chosen])
    for name in ("words", "starts", "sizes"):
        assert np.array_equal(getattr(part, name), getattr(alone, name))
    for name in ("crow", "col", "weight"):
        torch.testing.assert_close(getattr(part.graph, name), getattr(alone.graph, name), rtol=0, atol=1e-7)
    assert built(texts).part(np.zeros(0, dtype=np.int64)).graph.nodes == 0


def test_every_place_is_at_the_node_of_its_word():
    every = [*random_texts(20, seed=3), [], [7], [2, 2, 5]]
    graphs = built(every)
    words, starts = on_end(every)
    places = graphs.places(words, starts)
    assert np.array_equal(graphs.words[places], words)
    text_of_node = np.repeat(np.arange(len(every)), graphs.sizes)
    assert np.array_equal(text_of_node[places], np.repeat(np.arange(len(every)), np.diff(starts)))
    none = built([[], []])
    assert none.places(*on_end([[], []])).tolist() == []


def test_the_adjacency_is_symmetric():
    dense = built(random_texts(10, seed=5)).graph.scipy().toarray()
    np.testing.assert_allclose(dense, dense.T, atol=1e-7)


def test_a_window_of_one_word_is_refused():
    with pytest.raises(GraphError, match="window = 1") as told:
        built([[1, 2]], window=1)
    assert told.value.fix == "use 2 or more."
