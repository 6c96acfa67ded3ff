"""Put what making tuned models smaller came to into the documents, as a table.

    python bench/smaller_page.py [--check]

It stands between ``<!-- smaller:begin -->`` and ``<!-- smaller:end -->`` of docs/compress.md and its Chinese
twin; nothing else is touched.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import rewriting
import smaller
from table import replaced

ROOT = Path(__file__).parents[1]
RESULTS, DOCS = Path(__file__).parent / "results" / smaller.NAME, ROOT / "docs"
BEGIN, END = "<!-- smaller:begin -->", "<!-- smaller:end -->"
Result = Mapping[str, Any]


@dataclass(frozen=True)
class Bar:
    """What is asked of a way, on the mean over the sets; None = nothing."""

    lost: float | None = None  # points at most
    fast: float | None = None  # times as fast as the whole in float32, at least
    small: float | None = None  # times smaller, at least
    alike: float | None = None  # % of labels that stay, at least


BARS = {
    smaller.EXPORTED: Bar(alike=100.0),
    smaller.INT8: Bar(0.3, 2.0, 3.5, 98.5),
    smaller.PRUNED: Bar(0.5, 1.35),
    smaller.BOTH: Bar(1.0, 3.5),
}


@dataclass(frozen=True)
class Words:
    """One language."""

    head: tuple[str, ...]
    said: str
    met: Mapping[bool, str]
    none: str
    made: str
    comma: str


ENGLISH = Words(
    head=("model", "points lost", "same label", "times smaller", "times as fast", "bars"),
    said="Means over {names}, {seeds} seeds each; in brackets the worst set. MiniLM was tuned on up to 2,000 "
    "training rows ({accuracy:.2f} % of the test rows right), and all is held against it in float32.",
    met={True: "met", False: "**missed**"},
    none="Nothing is committed yet: `make bench NAME=smaller`.",
    made="`make bench NAME=smaller`, {made}.",
    comma=", ",
)
CHINESE = Words(
    head=("模型", "失去的百分点", "标签不变", "缩小倍数", "加速倍数", "目标"),
    said="{names} 的均值，每个 {seeds} 个种子；括号内为最差的数据集。MiniLM 在至多 2,000 条训练行上微调"
    "（测试行正确率 {accuracy:.2f} %），一切都与它的 float32 形式对照。",
    met={True: "达到", False: "**未达到**"},
    none="还没有提交结果：`make bench NAME=smaller`。",
    made="`make bench NAME=smaller`，{made}。",
    comma="、",
)
DOCUMENTS = (("compress.md", ENGLISH), ("compress.zh-CN.md", CHINESE))


def text(results: Sequence[Result], words: Words) -> str:
    """Return the table in one language."""
    if not results:
        return words.none
    said = words.said.format(
        names=words.comma.join(one["dataset"] for one in results),
        seeds=len(results[0]["seeds"]),
        accuracy=fmean(one["means"]["accuracy"] for one in results),
    )
    lines = [rewriting.line(words.head), "|---|---:|---:|---:|---:|---|"]
    lines += [rewriting.line(_cells(results, way, words)) for way in smaller.WAYS]
    made = "; ".join(dict.fromkeys(map(rewriting.made, results)))
    return "\n\n".join([said, "\n".join(lines), words.made.format(made=made)])


def _cells(results: Sequence[Result], way: str, words: Words) -> list[str]:
    lost, alike, small = (
        [one["means"][way][what] for one in results]
        for what in ("points_lost", "same_label", "times_smaller")
    )
    # A pruned encoder is run by torch: in float32 it is held against the whole one in float32.
    run = way + smaller.EXACT if way == smaller.PRUNED else way
    fast = [one["times_as_fast"][run]["median"] for one in results]
    bar, met = BARS[way], []
    _, of_lost, of_alike, of_small, of_fast, _ = words.head
    for name, sign, asked, reached in (
        (of_lost, "≤", bar.lost, fmean(lost)),
        (of_alike, "≥", bar.alike, fmean(alike)),
        (of_small, "≥", bar.small, fmean(small)),
        (of_fast, "≥", bar.fast, fmean(fast)),
    ):
        if asked is not None:
            is_met = reached <= asked if sign == "≤" else reached >= asked
            met.append(f"{name} {sign} {asked:g}: {words.met[is_met]}")
    return [
        way,
        f"{fmean(lost):+.2f} ({max(lost):+.2f})",
        f"{fmean(alike):.1f} % ({min(alike):.1f} %)",
        f"{fmean(small):.2f}",
        f"{fmean(fast):.2f} ({min(fast):.2f})",
        words.comma.join(met),
    ]


def committed(folder: Path = RESULTS) -> list[Result]:
    """Return the results that are there, in the benchmark's order."""
    places = (folder / f"{name}.json" for name in smaller.DATASETS)
    return [json.loads(place.read_text(encoding="utf-8")) for place in places if place.is_file()]


def main(arguments: Sequence[str] | None = None) -> int:
    """Rewrite the tables; with ``--check`` only say whether they are as they should be."""

    def expected() -> dict[Path, str]:
        results = committed()
        return {
            DOCS / name: replaced((DOCS / name).read_text(encoding="utf-8"), text(results, words), BEGIN, END)
            for name, words in DOCUMENTS
        }

    return rewriting.main(__doc__, expected, arguments)


if __name__ == "__main__":
    sys.exit(main())
