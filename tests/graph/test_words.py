import math
from collections import Counter
from itertools import combinations

import numpy as np
import pytest
import torch

from graphtune.errors import GraphError, PlanError
from graphtune.graph import BuiltGraph, GraphBuilder, Rows
from graphtune.graph import words as words_module
from graphtune.graph.words import Words, tokens
from graphtune.plan import from_toml

TEXTS = (
    "the cat sat on the mat",
    "the dog sat on the log, and the cat saw the dog run on the mat",
    "a bird sang",
    "a dog and a cat and a bird ran; the bird sang on the log",
    "",
    "mat",
    "?!",
)


def rows(texts=TEXTS):
    return Rows(tuple(map(str, range(len(texts)))), tuple(texts), torch.zeros(len(texts), 2))


def information(texts, window, vocabulary):
    """PMI counted window by window in dictionaries."""
    single, pair, total = Counter(), Counter(), 0
    for text in texts:
        known = [word for word in tokens(text) if word in vocabulary]
        spans = [known[i : i + window] for i in range(max(len(known) - window + 1, 1))] if known else []
        total += len(spans)
        for span in spans:
            single.update(set(span))
            pair.update(combinations(sorted(set(span)), 2))
    found = {}
    for (a, b), count in pair.items():
        if count * total > single[a] * single[b]:
            found[a, b] = found[b, a] = math.log(count * total / (single[a] * single[b]))
    return found


def edges(built):
    """Edges by names: the number of a text, or a word."""
    names = [*range(built.graph.texts), *built.vocabulary]
    graph = built.graph
    ends = zip(graph.source.tolist(), graph.target.tolist(), graph.weight.tolist(), strict=True)
    return {(names[s], names[t]): w for s, t, w in ends}


@pytest.mark.parametrize("at_once", [4_000_000, 7])
@pytest.mark.parametrize("window", [2, 3, 5, 20])
@pytest.mark.parametrize("min_count", [1, 2])
def test_equals_counting_in_dictionaries(window, min_count, at_once, monkeypatch):
    monkeypatch.setattr(words_module, "_PAIRS_AT_ONCE", at_once)
    built = Words(window=window, min_count=min_count).build(rows())
    frequency = Counter(word for text in TEXTS for word in set(tokens(text)))
    vocabulary = sorted(word for word, count in frequency.items() if count >= min_count)
    assert built.vocabulary == tuple(vocabulary)
    expected = information(TEXTS, window, vocabulary)
    for number, text in enumerate(TEXTS):
        for word, count in Counter(tokens(text)).items():
            if word in vocabulary:
                weight = count * math.log(len(TEXTS) / frequency[word])
                expected[number, word] = expected[word, number] = weight
    ours = edges(built)
    assert ours.keys() == expected.keys()
    assert ours == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert isinstance(built, BuiltGraph)
    assert isinstance(Words(), GraphBuilder)


def test_without_word_edges_only_texts_and_words_are_linked():
    built = Words(word_edges=False).build(rows())
    assert built.graph.edges > 0
    assert all(isinstance(a, str) != isinstance(b, str) for a, b in edges(built))
    assert built.graph.nodes == len(TEXTS) + len(built.vocabulary)
    assert built.graph.texts == len(TEXTS)


def test_a_new_text_is_linked_as_the_same_stored_text():
    built = Words().build(rows())
    attached = built.attach(rows(("purple cat, purple DOG", *TEXTS)))
    words = len(TEXTS)
    stored = built.graph.scipy().toarray()
    np.testing.assert_array_equal(attached.stored.toarray()[1:], stored[:words])
    assert attached.among.shape == (8, 8)
    assert attached.among.nnz == 0
    first = dict(zip(built.vocabulary, attached.stored.toarray()[0, words:], strict=True))
    assert {word for word, weight in first.items() if weight} == {"cat", "dog"}
    assert first["dog"] == pytest.approx(math.log(7 / 2), rel=1e-6)
    extended = attached.extend(built.graph)
    assert extended.nodes == built.graph.nodes + 8
    np.testing.assert_array_equal(extended.scipy().toarray()[: len(stored), : len(stored)], stored)


def test_saved_and_restored():
    texts = ("ünïcode 清华大学 \U0001f600 שלום", "ünïcode 清华大学 नमस्ते", "नमस्ते שלום")
    built = Words().build(rows(texts))
    assert {"ünïcode", "清华大学", "नमस्ते", "שלום"} == set(built.vocabulary)
    again = Words().restored(built.graph, ("0", "1", "2"), built.tensors())
    assert again.vocabulary == built.vocabulary
    new = rows(("שלום", "नमस्ते 大学"))
    np.testing.assert_array_equal(again.attach(new).stored.toarray(), built.attach(new).stored.toarray())


@pytest.mark.parametrize(
    "texts", [(), ("",), ("", "?!", "\U0001f600"), ("alone",), ("all", "different", "words")]
)
def test_texts_without_words_in_common_are_isolated(texts):
    built = Words().build(rows(texts))
    assert (built.graph.nodes, built.graph.edges, built.vocabulary) == (len(texts), 0, ())
    again = Words().restored(built.graph, (), built.tensors())
    for one in (built, again):
        attached = one.attach(rows(("all alone", "")))
        assert attached.stored.shape == (2, len(texts))
        assert attached.extend(one.graph).nodes == len(texts) + 2


def test_one_word_texts_and_a_word_that_every_text_has():
    built = Words().build(rows(("red", "red", "blue", "blue", "blue")))
    assert edges(built).keys() == {(t, w) for t, w in enumerate(["red"] * 2 + ["blue"] * 3)} | {
        (w, t) for t, w in enumerate(["red"] * 2 + ["blue"] * 3)
    }
    everywhere = Words().build(rows(("red one", "red two")))
    assert (everywhere.vocabulary, everywhere.graph.edges) == (("red",), 0)


def test_stop_words_are_left_out_before_windows_are_counted():
    texts = ("the cat sat on a mat", "a cat on the mat sat", "the the the")
    built = Words(window=2, stop_words="english").build(rows(texts))
    assert built.vocabulary == ("cat", "mat", "sat")
    # Of "cat sat mat" and "cat mat sat": without stop words each pair stands side by side in some window.
    bare = Words(window=2).build(rows(("cat sat mat", "cat mat sat", "")))
    assert edges(built) == pytest.approx(edges(bare))
    attached = built.attach(rows(("THE cat",)))
    assert attached.stored.nnz == 1
    nothing = Words(stop_words="english").build(rows(("The the", "and THE", "and")))
    assert (nothing.vocabulary, nothing.graph.edges) == ((), 0)
    assert nothing.attach(rows(("the",))).stored.nnz == 0


def test_no_new_texts():
    built = Words().build(rows())
    attached = built.attach(rows(()))
    assert attached.stored.shape == (0, built.graph.nodes)


def test_tokens():
    assert tokens("Don’t stop_me now, it's 5.30!") == ["don't", "stop", "me", "now", "it's", "5", "30"]
    assert tokens("我来到北京清华大学 with ABC") == ["我", "来到", "北京", "清华大学", "with", "abc"]
    assert tokens("नमस्ते, दुनिया।") == ["नमस्ते", "दुनिया"]
    assert tokens("") == []


@pytest.mark.parametrize("wrong", [{"window": 1}, {"min_count": 0}])
def test_settings_out_of_range(wrong):
    with pytest.raises(GraphError, match="too small"):
        Words(**wrong)


def test_an_unknown_list_of_stop_words_in_a_plan():
    with pytest.raises(PlanError, match="stop_words") as caught:
        from_toml(Words, 'stop_words = "klingon"', kinds={})
    assert "english" in str(caught.value)
