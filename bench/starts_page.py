"""Put the committed results of pre-training, tuning and word networks into the documents, as tables.

    python bench/starts_page.py [--check]

They stand between ``<!-- starts:begin -->`` and ``<!-- starts:end -->`` of docs/gnn-strategies.md and its
Chinese twin; nothing else is touched.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

import adapters
import citation
import gnn_strategies
import mlp_init
import molecules
import rewriting
import starts
import word_networks
from recording import recorded
from starts_words import CHINESE, ENGLISH, Words

RESULTS = Path(__file__).parent / "results"
BEGIN, END = "<!-- starts:begin -->", "<!-- starts:end -->"
Result = Mapping[str, Any]
_CLEAR = 2.0  # standard errors of a mean gain from which it is told
DOCUMENTS = (("gnn-strategies.md", ENGLISH), ("gnn-strategies.zh-CN.md", CHINESE))


@dataclass(frozen=True)
class Found:
    """What is committed, in the order of the page."""

    strategies: Sequence[Result] = ()
    starts: Sequence[Result] = ()
    adapters: Sequence[Result] = ()
    molecules: Sequence[Result] = ()
    citation: Sequence[Result] = ()
    mlp_init: Sequence[Result] = ()
    words: Sequence[Result] = ()

    @classmethod
    def read(cls, folder: Path = RESULTS) -> "Found":
        """Return the results that are there, each kind in its benchmark's order."""
        return cls(
            recorded(folder / gnn_strategies.NAME, gnn_strategies.SETS),
            recorded(folder / starts.NAME, starts.SETS),
            recorded(folder / adapters.NAME, adapters.PAIRS),
            recorded(folder / molecules.NAME, molecules.SETS),
            recorded(folder / citation.NAME, citation.GROUPS),
            recorded(folder / mlp_init.NAME, ("debian",)),
            recorded(folder / word_networks.NAME, word_networks.ROWS),
        )


def text(found: Found, words: Words) -> str:
    """Return the tables in one language."""
    modules = (gnn_strategies, starts, adapters, molecules, citation, mlp_init, word_networks)
    names = words.comma.join(f"`{module.NAME}`" for module in modules)
    every = [one for kind in vars(found).values() for one in kind]
    if not every:
        return words.none.format(names=names)
    parts = [
        *_strategies(found.strategies, words),
        *_starts(found.starts, words),
        *_adapters(found.adapters, words),
        *_molecules(found.molecules, words),
        *_cited(found.citation, words),
        *(_mlp(one, words) for one in found.mlp_init),
        *_words(found.words, words),
    ]
    return "\n\n".join([*parts, words.made.format(names=names, made=rewriting.made_each(every))])


def _strategies(results: Sequence[Result], words: Words) -> list[str]:
    if not results:
        return []
    lines = [rewriting.line(words.tuned), "|---|---|---:|---:|---|---|---:|"]
    for way in results[0]["ways"]:
        each = [(one["dataset"], one["ways"][way], one["ways"][gnn_strategies.FULL]) for one in results]
        numbers, time = (
            ""
            if each[0][1][what] is None
            else f"{100 * median(own[what] / full[what] for _, own, full in each):.0f} %"
            for what in ("learned", "seconds")
        )
        clear = [(name, own["gain"]) for name, own, _ in each if _is_clear(own, results[0]["seeds"])]
        helped, hurt = (
            words.comma.join(f"{name} {gain:+.1f}" for name, gain in clear if (gain > 0) is up)
            for up in (True, False)
        )
        mean = "" if way == gnn_strategies.FULL else f"{fmean(own['gain'] for _, own, _ in each):+.1f}"
        lines.append(rewriting.line((f"`{way}`", words.ideas[way], numbers, time, helped, hurt, mean)))
    said = words.strategies.format(
        labels=results[0]["labels"],
        seeds=results[0]["seeds"],
        clear=_CLEAR,
        sets=words.comma.join(one["dataset"] for one in results),
    )
    return [said, "\n".join(lines)]


def _is_clear(figures: Result, seeds: int) -> bool:
    error = (figures["deviation"] or 0.0) / seeds**0.5
    return figures["gain"] != 0.0 and abs(figures["gain"]) > _CLEAR * error


def _words(results: Sequence[Result], words: Words) -> list[str]:
    if not results:
        return []
    lines = [rewriting.line(words.read), "|---|---|---:|---:|---|---:|---|"]
    for one in results:
        bar = one["bar"]
        asked = f"{bar['accuracy']}"
        if bar["seconds"] is not None:
            asked = words.within.format(bar=asked, seconds=bar["seconds"])
        cells = (
            f"`{one['row']}`",
            one["protocol"],
            f"{one['accuracy']:.1f}{_spread(one)}",
            f"{one['published']}",
        )
        lines.append(rewriting.line((*cells, asked, f"{one['longest_s']:.0f}", words.met[one["met"]])))
    cores = results[0]["hardware"]["cores"]
    return [words.words.format(seeds=len(results[0]["seeds"]), cores=cores), "\n".join(lines)]


def _mlp(result: Result, words: Words) -> str:
    seconds = result["median_s"]
    return words.mlp.format(
        mlp=seconds["mlp_init"],
        xavier=seconds["xavier"],
        seeds=len(result["seeds"]),
        ratio=result["ratio"],
        bar=result["bar"],
        met=words.met[result["met"]],
    )


def _starts(results: Sequence[Result], words: Words) -> list[str]:
    if not results:
        return []
    names = list(dict.fromkeys(name for one in results for name in one["starts"]))
    head = (words.start, *(one["dataset"] for one in results), words.mean, words.before)
    lines = [rewriting.line(head), "|---|" + "---:|" * (len(results) + 2)]
    for name in names:
        every = [one["starts"].get(name) for one in results]
        seconds = median(ways["seconds"] for ways in every if ways)
        cells = [_gained(ways["Full"], plain=name == starts.RANDOM) if ways else "" for ways in every]
        gains = [ways["Full"]["gain"] for ways in every if ways]
        mean = "" if name == starts.RANDOM else f"{fmean(gains):+.1f}"
        lines.append(rewriting.line((f"`{name}`", *cells, mean, f"{seconds:.1f}")))
    said = words.starts.format(labels=results[0]["labels"], seeds=results[0]["seeds"])
    return [said, "\n".join(lines)]


def _gained(figures: Result, *, plain: bool, of: str = "accuracy") -> str:
    if plain:
        return f"{figures[of]:.1f}"
    return f"{figures[of]:.1f} ({figures['gain']:+.1f}{_spread(figures)})"


def _spread(figures: Result) -> str:
    return "" if figures["deviation"] is None else f" ± {figures['deviation']:.1f}"


def _adapters(results: Sequence[Result], words: Words) -> list[str]:
    if not results:
        return []
    lines = [rewriting.line(words.columns), "|---|---|" + "---:|" * 4]
    for one in results:
        ways = one["ways"]
        figures = [f"{ways[name]['accuracy']:.1f}" for name in ("full", "adapters", "probe")]
        lines.append(rewriting.line((one["source"], one["target"], *figures, f"{one['share']:.1f} %")))
    gain = fmean(one["ways"]["adapters"]["accuracy"] - one["ways"]["full"]["accuracy"] for one in results)
    share = max(one["share"] for one in results)
    met = gain >= adapters.LEAST and share <= adapters.MOST and len(results) == len(adapters.PAIRS)
    told = {"pairs": len(results), "gain": gain, "share": share, "met": words.met[met]}
    return [
        words.adapters.format(labels=results[0]["labels"], seeds=results[0]["seeds"]),
        "\n".join(lines),
        words.adapted.format(least=adapters.LEAST, most=adapters.MOST, **told),
    ]


def _molecules(results: Sequence[Result], words: Words) -> list[str]:
    if not results:
        return []
    head = (words.way, *(one["dataset"] for one in results), words.mean, words.numbers)
    lines = [rewriting.line(head), "|---|" + "---:|" * (len(results) + 2)]
    for way, told in words.ways.items():
        every = [one["ways"][way] for one in results]
        cells = [_gained(figures, plain=way == molecules.FULL, of="area") for figures in every]
        mean = "" if way == molecules.FULL else f"{fmean(figures['gain'] for figures in every):+.1f}"
        shares = f"{median(figures['share'] for figures in every):.0f} %"
        lines.append(rewriting.line((told, *cells, mean, shares)))
    most = "/".join(f"{one['epochs']}" for one in results)
    return [words.molecules.format(seeds=results[0]["seeds"], most=most), "\n".join(lines)]


def _cited(results: Sequence[Result], words: Words) -> list[str]:
    if not results:
        return []
    lines = [rewriting.line(words.cited), "|---|---:|---:|---|---|"]
    for one in results:
        cells = (words.groups[one["group"]], f"{one['accuracy']:.1f}{_spread(one)}", f"{one['bar']:.1f}")
        lines.append(rewriting.line((*cells, words.met[one["met"]], f"`{_brief(one['chosen'])}`")))
    return [words.citation.format(seeds=len(results[0]["seeds"])), "\n".join(lines)]


def _brief(chosen: str) -> str:
    """Leave out the loss, and the modules of classes."""
    return re.sub(r"<class '[\w.]*\.(\w+)'>", r"\1", re.sub(r", loss=\w+\([^()]*\)", "", chosen))


def main(arguments: list[str] | None = None) -> int:
    """Rewrite the tables; with ``--check`` only say whether they are as they should be."""

    def expected() -> dict[Path, str]:
        found = Found.read()
        return rewriting.documents({name: text(found, words) for name, words in DOCUMENTS}, BEGIN, END)

    return rewriting.main(__doc__, expected, arguments)


if __name__ == "__main__":
    sys.exit(main())
