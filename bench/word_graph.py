"""How fast the graph of texts and words is built, beside counting in dictionaries.

    python bench/word_graph.py [--rows N] [--turns T]

TextGCN's graph (Yao et al., AAAI 2019) of 20 Newsgroups: texts are cut into words, words weighed by TF-IDF
and by how often they share a window of 20. Counting in dictionaries is so slow that both are timed on a
sample of 1,000 texts; ours alone is timed on all texts, and its peak memory taken.
"""

import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse
import torch

import protocols
import recording
import smoke
import surroundings
from contest import Way, contest, ratio
from graphtune.graph import Rows, Words
from graphtune.graph.words import tokens

NAME = "word_graph"
BAR, MOST_MIB = 15.0, 4096.0  # times as fast on the sample; peak memory on all texts
_DATASET = "20ng"
_SAMPLE, _TURNS, _WHOLE_TURNS = 1000, 3, 3
_WINDOW, _LEAST = 20, 2  # words of a window; texts in which a word must occur

Build = Callable[[], int]  # returns the number of edges


def run(out: Path) -> None:
    """Measure, and write the result, where the data set is there."""
    recording.record(out / NAME, [_DATASET], lambda _: measured(_SAMPLE, _TURNS, None), line)


def measured(sample: int, turns: int, whole: int | None) -> dict[str, Any]:
    """Time both on ``sample`` texts, then ours on all, or on the first ``whole``."""
    table, _ = protocols.read(protocols.Protocol(_DATASET), 0)
    drawn = np.sort(np.random.default_rng(0).permutation(len(table.texts))[:sample])
    some, all_ = tuple(table.texts[row] for row in drawn), tuple(table.texts[:whole])
    ways = [Way("graphtune", ours, (some,)), Way("dictionaries", theirs, (some,))]
    found = contest(ways, turns=turns)
    alone = contest([Way("graphtune", ours, (all_,))], turns=_WHOLE_TURNS, warm=0)["graphtune"]
    speed = ratio(found["dictionaries"], found["graphtune"])
    edges = {way.name: found[way.name].told for way in ways}
    met = speed["median"] >= BAR and alone.peak_mib <= MOST_MIB and len(set(edges.values())) == 1
    return {
        "dataset": _DATASET,
        "window": _WINDOW,
        "min_count": _LEAST,
        "compared": {
            "on": f"{len(some)} of {len(table.texts)} texts, drawn at random with seed 0",
            "texts": len(some),
            "edges": edges,
            "ways": {way.name: found[way.name].facts() for way in ways},
        },
        "ratio": speed,
        "whole": {
            "on": "all texts, graphtune alone, no turn left uncounted",
            "texts": len(all_),
            "edges": alone.told,
            "graphtune": alone.facts(),
        },
        "bar": {"ratio_on_sample": BAR, "peak_mib_on_whole": MOST_MIB},
        "met": met,
        **surroundings.facts("scipy"),
    }


def ours(texts: Sequence[str]) -> Build:
    """Prepare the graph builder as it is."""
    rows = Rows(tuple(map(str, range(len(texts)))), texts, torch.zeros(len(texts), 1))
    return lambda: Words(window=_WINDOW, min_count=_LEAST).build(rows).graph.edges


def theirs(texts: Sequence[str]) -> Build:
    """Prepare counting in dictionaries."""
    return lambda: by_dictionaries(texts, _WINDOW, _LEAST).nnz


def by_dictionaries(texts: Sequence[str], window: int, min_count: int) -> scipy.sparse.csr_array:
    """Build the graph of eqs. 2 to 5 as one would in plain Python; texts first, then words by alphabet."""
    each = [tokens(text) for text in texts]
    present = _counted(set(words) for words in each)
    vocabulary = sorted(word for word, count in present.items() if count >= min_count)
    number = {word: at for at, word in enumerate(vocabulary)}
    numbered = [[number[word] for word in words if word in number] for words in each]
    sources, targets, weights = [], [], []
    for first, second, weight in _information(numbered, window):
        sources.append(len(texts) + first)
        targets.append(len(texts) + second)
        weights.append(weight)
    for text, words in enumerate(numbered):
        for word, count in _counted([words]).items():
            weight = count * math.log(len(texts) / present[vocabulary[word]])
            if weight:
                sources += [text, len(texts) + word]
                targets += [len(texts) + word, text]
                weights += [weight, weight]
    nodes = len(texts) + len(vocabulary)
    return scipy.sparse.csr_array((np.array(weights, float), (targets, sources)), shape=(nodes, nodes))


def _information(texts: list[list[int]], window: int) -> list[tuple[int, int, float]]:
    """Return pairs of words, in both orders, and their pointwise mutual information where it is positive."""
    windows = []
    for words in texts:
        if len(words) > window:
            windows += [words[start : start + window] for start in range(len(words) - window + 1)]
        elif words:
            windows.append(words)
    held = [list(set(words)) for words in windows]
    single = _counted(held)
    pairs: dict[tuple[int, int], int] = {}
    for words in held:
        for at, one in enumerate(words):
            for other in words[:at]:
                pairs[one, other] = pairs.get((one, other), 0) + 1
                pairs[other, one] = pairs.get((other, one), 0) + 1
    found = []
    for (one, other), count in pairs.items():
        information = math.log(count * len(windows) / (single[one] * single[other]))
        if information > 0:
            found.append((one, other, information))
    return found


def _counted(groups: Any) -> dict[Any, int]:
    counts: dict[Any, int] = {}
    for group in groups:
        for one in group:
            counts[one] = counts.get(one, 0) + 1
    return counts


def line(result: dict[str, Any]) -> str:
    """Say a result in one line."""
    compared, whole = result["compared"], result["whole"]
    own, other = (one["median_s"] for one in compared["ways"].values())
    alone, bar = whole["graphtune"], result["bar"]
    return (
        f"{result['dataset']}, {compared['texts']} texts: graphtune {own} s, dictionaries {other} s: "
        f"{result['ratio']['median']} times as fast (bar {bar['ratio_on_sample']}); {whole['texts']} texts: "
        f"{alone['median_s']} s, peak {alone['peak_mib']} MiB (bar {bar['peak_mib_on_whole']})"
    )


def main() -> int:
    """Measure; with ``--rows`` or ``--turns`` only try the script."""

    def tried(rows: int | None, turns: int | None) -> str:
        return line(measured(rows or _SAMPLE, turns or _TURNS, rows))

    return smoke.main(__doc__, run, tried, sizes=smoke.ROWS | smoke.TURNS)


if __name__ == "__main__":
    sys.exit(main())
