"""Put what making tuned models smaller came to into the documents, as a table.

    python bench/smaller_page.py [--check]

It stands between ``<!-- smaller:begin -->`` and ``<!-- smaller:end -->`` of docs/compress.md and its Chinese
twin; nothing else is touched.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import recording
import rewriting
import smaller

RESULTS = Path(__file__).parent / "results" / smaller.NAME
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
    smaller.WHOLE: Bar(),
    smaller.EXPORTED: Bar(alike=100.0),
    smaller.INT8: Bar(lost=0.3, fast=2.0, small=3.5, alike=98.5),
    smaller.PRUNED: Bar(lost=0.5),
    smaller.PRUNED + smaller.EXACT: Bar(fast=1.35),
    smaller.BOTH: Bar(lost=1.0, fast=3.5),
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
    colon: str
    stop: str


ENGLISH = Words(
    head=("model", "points lost", "same label, %", "times smaller", "times as fast", "bars"),
    said="Means over {count} of {all} sets ({names}), {seeds} seeds each, and in brackets the worst of "
    "several. MiniLM was tuned on up to 2,000 training rows; {accuracy:.2f} % of {rows} test rows are right, "
    "so that a row is {row:.2f} points of one. All is held against it in float32, on one thread beside other "
    "work; `whole` is as torch runs it where the processor has bfloat16, and what was pruned is judged "
    "so, too.",
    met={True: "met", False: "**missed**"},
    none="Nothing is committed yet: `make bench NAME=smaller`.",
    made="`make bench NAME=smaller`, {made}.",
    comma=", ",
    colon=": ",
    stop="; ",
)
CHINESE = Words(
    head=("模型", "失去的百分点", "标签不变，%", "缩小倍数", "加速倍数", "目标"),
    said="{all} 个数据集中 {count} 个（{names}）的均值，每个 {seeds} 个种子，有多个时括号内为最差的。"
    "MiniLM 在至多 2,000 条训练行上微调；{rows} 条测试行的正确率为 {accuracy:.2f} %，"
    "因此在一个数据集上一行相当于 {row:.2f} 个百分点。一切都与它的 float32 形式对照，"
    "用一个线程，同时有其他任务；"
    "`whole` 是处理器有 bfloat16 时 torch 的运行方式，剪枝后的模型也以此评判。",
    met={True: "达到", False: "**未达到**"},
    none="还没有提交结果：`make bench NAME=smaller`。",
    made="`make bench NAME=smaller`，{made}。",
    comma="、",
    colon="：",
    stop="；",
)
DOCUMENTS = (("compress.md", ENGLISH), ("compress.zh-CN.md", CHINESE))


def text(results: Sequence[Result], words: Words) -> str:
    """Return the table in one language."""
    if not results:
        return words.none
    rows = sum(one["rows"]["test"] for one in results)
    said = words.said.format(
        count=len(results),
        all=len(smaller.DATASETS),
        rows=rows,
        row=100 * len(results) / rows,
        names=words.comma.join(one["dataset"] for one in results),
        seeds=len(results[0]["seeds"]),
        accuracy=fmean(one["means"]["accuracy"] for one in results),
    )
    lines = [rewriting.line(words.head), "|---|---:|---:|---:|---:|---|"]
    lines += [rewriting.line(_cells(results, way, words)) for way in BARS]
    made = rewriting.made_each(results, words.stop)
    return "\n\n".join([said, "\n".join(lines), words.made.format(made=made)])


def _cells(results: Sequence[Result], way: str, words: Words) -> list[str]:
    bar = BARS[way]
    asked = {"points_lost": bar.lost, "same_label": bar.alike, "times_smaller": bar.small}
    cells, met = [], []
    for (what, limit), name in zip(asked.items(), words.head[1:4], strict=True):
        # Speeds alone are of the whole, and of what was pruned in float32.
        values = [one["means"][way][what] for one in results if way in one["means"]]
        worst = max if what == "points_lost" else min
        cells.append(_cell(values, worst, "+.2f" if worst is max else ".2f"))
        if limit is not None:
            met.append(_judged(name, round(fmean(values), 2), limit, words, least=worst is min))
    fast = [one["times_as_fast"][way]["median"] for one in results]
    if bar.fast is not None:
        met.append(_judged(words.head[4], round(fmean(fast), 2), bar.fast, words, least=True))
    return [way, *cells, _cell(fast, min, ".2f"), words.comma.join(met)]


def _cell(values: Sequence[float], worst: Callable[[Sequence[float]], float], form: str) -> str:
    if not values:
        return ""
    least = f" ({worst(values):{form}})" if len(values) > 1 else ""
    return f"{fmean(values):{form}}{least}"


def _judged(name: str, reached: float, bar: float, words: Words, *, least: bool) -> str:
    is_met = reached >= bar if least else reached <= bar
    return f"{name} {'≥' if least else '≤'} {bar:g}{words.colon}{words.met[is_met]}"


def committed(folder: Path = RESULTS) -> Sequence[Result]:
    """Return the results that are there, in the benchmark's order."""
    return recording.recorded(folder, smaller.DATASETS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Rewrite the tables; with ``--check`` only say whether they are as they should be."""

    def expected() -> dict[Path, str]:
        results = committed()
        return rewriting.documents({name: text(results, words) for name, words in DOCUMENTS}, BEGIN, END)

    return rewriting.main(__doc__, expected, arguments)


if __name__ == "__main__":
    sys.exit(main())
