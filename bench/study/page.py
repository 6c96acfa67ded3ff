"""Make ``docs/results.md`` and ``docs/choosing-a-strategy.md``, their Chinese twins and their plots, from the
committed results of the study.

    python bench/study/page.py [--check]

Nothing is measured here: the same results give the same bytes.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import choosing
import setfit_table
import tuned_table
from literature import PUBLISHED
from rank_plot import critical_difference
from ranks import Ranks, ranks
from sets import SETS
from short import LABELS, OURS, summary
from words import CHINESE, ENGLISH, Words

import rewriting

ROOT = Path(__file__).parents[2]
RESULTS, STRATEGIES, DRAWS = (ROOT / "bench/study" / name for name in ("results", "strategies", "draws"))
BARS, DOCS = ROOT / "bench/results/bars", ROOT / "docs"
NEVER_WORSE = ("tfidf-lr", "embeddings-lr")
_NOTHING = tuned_table.Measured((), {})

Result = Mapping[str, Any]


def committed(folder: Path = RESULTS) -> list[Result]:
    """Return the results that are there, in the order of the sets."""
    files = [folder / f"{one.name}.json" for one in SETS]
    return [json.loads(file.read_text(encoding="utf-8")) for file in files if file.is_file()]


def documents(
    results: Sequence[Result],
    bars: Mapping[str, Result],
    strategies: Sequence[Result] = (),
    draws: Sequence[Result] = (),
    tuned: tuned_table.Measured = _NOTHING,
    setfit: Sequence[Result] = (),
) -> dict[str, str]:
    """Return the text of every file, by its name."""
    made = {
        "results.md": _document(results, bars, draws, ENGLISH),
        "results.zh-CN.md": _document(results, bars, draws, CHINESE),
    }
    if strategies:
        made["choosing-a-strategy.md"] = choosing.page(strategies, choosing.ENGLISH, tuned, setfit)
        made["choosing-a-strategy.zh-CN.md"] = choosing.page(strategies, choosing.CHINESE, tuned, setfit)
    for count in LABELS:
        found = ranks(results, count)
        if found is not None:
            made[_plot(count)] = critical_difference(found)
    return made


def _document(
    results: Sequence[Result], bars: Mapping[str, Result], draws: Sequence[Result], words: Words
) -> str:
    parts = [words.title, words.opening.format(sets=len(results))]
    short = summary(results, words)
    parts += [words.short, short] if short else []
    parts += [words.graph, _gains(results, words), words.ranks]
    for count in LABELS:
        parts += _ranked(ranks(results, count), count, words)
    parts.append(words.accuracies)
    parts += [_accuracies(results, count, words) for count in LABELS]
    parts += [
        words.worse,
        _worst(results, words),
        _repeated(draws, words),
        words.costs,
        _costs(results, words),
    ]
    parts += [words.literature, _published(bars, words), words.how, _sets(results, words)]
    parts.append(words.made.format(made="; ".join(dict.fromkeys(_made(one) for one in results))))
    parts.append(words.states.format(told=_states(results, words)))
    return "\n\n".join(part for part in parts if part) + "\n"


def _gains(results: Sequence[Result], words: Words) -> str:
    lines = [
        rewriting.line((words.set, words.kind, words.homophily, *map(words.count, LABELS))),
        "|---|---|---:|" + "---:|" * 3,
    ]
    for one in results:
        by_count = {gain["labels"]: gain["points"] for gain in one["gains"]}
        cells = [_interval(by_count[count]) if count in by_count else "" for count in LABELS]
        lines.append(rewriting.line((one["set"], words.kinds[one["kind"]], _homophily(one), *cells)))
    return "\n".join(lines)


def _ranked(found: Ranks | None, count: int | None, words: Words) -> list[str]:
    if found is None:
        return []
    said = ", ".join(f"{name} {value:.2f}" for name, value in list(found.mean.items()))
    text = words.ranked.format(
        sets=len(found.sets), said=said, critical=found.critical, p=f"{found.p_value:.1e}"
    )
    order = list(found.mean)
    placed = [words.placed.format(method=one, place=order.index(one) + 1) for one in OURS if one in order]
    text = "".join([*placed, text])
    return [f"### {words.count(count)}", text, f"![{words.count(count)}]({_plot(count)})"]


def _accuracies(results: Sequence[Result], count: int | None, words: Words) -> str:
    tables = {
        one["set"]: {row["method"]: row["accuracy"]["value"] for row in _rows(one, count)} for one in results
    }
    tables = {name: table for name, table in tables.items() if table}
    if not tables:
        return ""
    found = ranks(results, count)
    order = dict.fromkeys([*(found.mean if found else ()), *_methods(results)])
    lines = [rewriting.line((words.method, *tables)), "|---|" + "---:|" * len(tables)]
    for name in order:
        cells = [_value(table.get(name), max(table.values())) for table in tables.values()]
        if any(cells):
            lines.append(rewriting.line((name, *cells)))
    return "\n\n".join([f"### {words.count(count)}", "\n".join(lines)])


def _worst(results: Sequence[Result], words: Words) -> str:
    """Return ours against the better of the two linear baselines, the worst differences first."""
    return "\n".join(filter(None, (_worst_of(method, results, words) for method in OURS)))


def _worst_of(method: str, results: Sequence[Result], words: Words) -> str:
    found = sorted(_behind(method, results), key=lambda entry: (entry[0], entry[1]))
    if not found:
        return ""
    below, above = (sum(way * gap > 0.5 for gap, _, _ in found) for way in (-1, 1))
    rows = {one["set"]: words.tested.format(rows=one["rows"]["test"]) for one in results}
    shown = ", ".join(f"{name} {words.count(count)} {gap:+.2f}{rows[name]}" for gap, name, count in found[:5])
    return words.never_worse.format(method=method, all=len(found), below=below, above=above, shown=shown)


def _behind(method: str, results: Sequence[Result]) -> list[tuple[float, str, int | None]]:
    """Return how many points a method is ahead of the better baseline: of each set and count of labels."""
    found = []
    for one, count in product(results, LABELS):
        values = {row["method"]: 100 * row["accuracy"]["value"] for row in _rows(one, count)}
        held = [values[name] for name in NEVER_WORSE if name in values]
        if method in values and held:
            found.append((values[method] - max(held), one["set"], count))
    return found


def _repeated(draws: Sequence[Result], words: Words) -> str:
    """Return the same comparison where the labels were drawn several times."""
    if not draws:
        return ""
    lines = [
        rewriting.line((words.set, words.method, *map(words.count, LABELS))),
        "|---|---|" + "---:|" * len(LABELS),
    ]
    for one, method in product(draws, OURS):
        gaps = {count: gap for gap, _, count in _behind(method, [one])}
        cells = [f"{gaps[count]:+.2f}" if count in gaps else "" for count in LABELS]
        lines.append(rewriting.line((f"{one['set']} ({one['seeds']})", method, *cells)))
    return "\n\n".join((words.repeated, "\n".join(lines), words.states.format(told=_states(draws, words))))


def _costs(results: Sequence[Result], words: Words) -> str:
    lines = [
        rewriting.line((words.method, words.seconds, words.memory, words.latency)),
        "|---|---:|---:|---:|",
    ]
    for name in _methods(results):
        rows = [row for one in results for row in one["table"] if row["method"] == name and row["accuracy"]]
        latencies = [row["latency_ms"] for row in rows if row["latency_ms"] is not None]
        cells = (
            _middle([row["train_seconds"] for row in rows], "{:.1f}"),
            _middle([row["peak_bytes"] / 2**20 for row in rows], "{:,.0f}"),
            _middle(latencies, "{:.1f}"),
        )
        lines.append(rewriting.line((name, *cells)))
    return "\n".join(lines)


def _published(bars: Mapping[str, Result], words: Words) -> str:
    lines = [rewriting.line(words.published), "|---|---|---:|---|---|---:|---|"]
    for one in PUBLISHED:
        ours = bars.get(one.row or "")
        spread = "" if one.spread is None else f" ± {one.spread:.1f}"
        protocol = words.protocols[one.protocol] + (f", {words.on_test}" if one.on_test else "")
        lines.append(
            rewriting.line(
                (
                    *(one.task, one.method, f"{one.accuracy:.1f}{spread}", protocol),
                    *(
                        _source(one.source),
                        "" if ours is None else f"{ours['accuracy']:.2f}",
                        ""
                        if ours is None
                        else f"{words.protocols[ours['protocol']]}, `make bench NAME={one.row}`",
                    ),
                )
            )
        )
    return "\n".join(lines)


def _sets(results: Sequence[Result], words: Words) -> str:
    lines = [rewriting.line(words.reproduce), "|---|---:|---:|---|---:|---|---|"]
    for one in results:
        rows = one["rows"]
        command = f"`.venv/bin/python bench/study/study.py {one['set']} --seeds {one['seeds']}`"
        whole = f"{one['set']} ({words.incomplete})" if one["missing"] else one["set"]
        cells = (whole, f"{rows['train']:,}", f"{rows['test']:,}", one["encoder"], str(one["seeds"]))
        lines.append(rewriting.line((*cells, words.protocols[one["protocol"]], command)))
    return "\n".join(lines)


def _methods(results: Sequence[Result]) -> list[str]:
    return list(dict.fromkeys(row["method"] for one in results for row in one["table"]))


def _rows(result: Result, count: int | None) -> list[Result]:
    return [row for row in result["table"] if row["labels"] == count and row["accuracy"] is not None]


def _homophily(result: Result) -> str:
    every = [one for one in result["homophily"] if one["labels"] is None] or result["homophily"]
    wanted = "links + likeness" if result["linked"] else "meaning"
    share = next((one["share"] for one in every if one["graph"] == wanted), None)
    return "" if share is None else f"{share:.2f}"


def _interval(points: Result) -> str:
    text = f"{points['value']:+.1f} ({points['low']:+.1f} … {points['high']:+.1f})"
    return f"**{text}**" if points["low"] > 0 else text


def _value(value: float | None, best: float) -> str:
    if value is None:
        return ""
    return f"**{100 * value:.1f}**" if value == best else f"{100 * value:.1f}"


def _middle(values: Sequence[float], form: str) -> str:
    return form.format(median(values)) if values else ""


def _source(number: str) -> str:
    return f"[{number}](https://arxiv.org/abs/{number})"


def _plot(count: int | None) -> str:
    return f"results-ranks-{'all' if count is None else count}.svg"


def _made(result: Result) -> str:
    versions, hardware = result["versions"], result["hardware"]
    best = hardware["features"][-1] if hardware["features"] else hardware["processor"]
    return (
        f"graphtune {versions['graphtune']}, torch {versions['torch']}, {hardware['cores']} × "
        f"{hardware['processor']} ({best}, {hardware['encoding_in']})"
    )


def _states(results: Sequence[Result], words: Words) -> str:
    """Return the sets by the state of graphtune's code that their rows are of."""
    sets: dict[str, list[str]] = {}
    for one in results:
        states = {row.get("code") or words.unknown for row in one["table"]}
        sets.setdefault(" + ".join(sorted(states)), []).append(one["set"])
    return "; ".join(f"{state}: {', '.join(names)}" for state, names in sets.items())


def main(arguments: list[str] | None = None) -> int:
    """Write the documents; with ``--check`` only say whether they are as they should be."""

    def expected() -> dict[Path, str]:
        files = sorted(BARS.glob("*.json"))
        bars = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}
        draws, tuned = committed(DRAWS), tuned_table.Measured.read()
        made = documents(committed(), bars, committed(STRATEGIES), draws, tuned, setfit_table.read())
        return {DOCS / name: text for name, text in made.items()}

    return rewriting.main(__doc__, expected, arguments)


if __name__ == "__main__":
    sys.exit(main())
