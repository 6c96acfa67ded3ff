"""What a fit that tunes the encoder came to beside full fine-tuning, as a section of the page on strategies.

`bench/tuning.py` measures it.
"""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import recording
import rewriting
import tuning

RESULTS = Path(__file__).parents[1] / "results" / tuning.NAME
OVER = 1.1  # times its budget that a fit may take
_WIDTH = 80  # of the name of what serves
Result = Mapping[str, Any]


@dataclass(frozen=True)
class Words:
    """One language."""

    title: str
    said: str
    head: tuple[str, ...]
    elsewhere: str  # behind an accuracy
    met: Mapping[bool, str]
    missing: str
    made: str


ENGLISH = Words(
    title="## Beside full fine-tuning",
    said=(
        "One `graphtune fit` of MiniLM with a budget, encoding, search and reading the test rows included, "
        "on two cores (inductive; seed 0; nothing is chosen on test rows). With few labels the encoder "
        "serves alone (`--serve-as encoder`) after five minutes. With all labels it has a quarter or half of "
        "what full fine-tuning of the same encoder takes: Hugging Face's Trainer, three epochs, a step size "
        "of 1e-4, in float32, timed just before (≈: worked out from 60 steps; its accuracy is then the mean "
        "of several seeds on a GPU, `python bench/full_accuracy.py`). In brackets: 95 % interval by "
        "resampling the test rows."
    ),
    elsewhere=" ({count} seeds)",
    head=("rows", "full fine-tuning, %", "s", "graphtune, %", "s", "bar, %", "", "what serves"),
    met={True: "met", False: "**missed**"},
    missing="Not measured yet: {names}.",
    made="`make bench NAME=tuning`, {made}.",
)
CHINESE = Words(
    title="## 与整体微调对照",
    said=(
        "对 MiniLM 进行一次有预算的 `graphtune fit`，含编码、搜索与读取测试行，用两个核"
        "（归纳式；种子 0；不用测试行作任何选择）。"
        "标签少时，五分钟后编码器单独服务（`--serve-as encoder`）。"
        "有全部标签时，它有整体微调同一编码器所需时间的四分之一或一半："
        "后者用 Hugging Face 的 Trainer，三轮，步长 1e-4，float32，紧接在前计时"
        "（≈：由 60 步推算；其准确率则为 GPU 上若干种子的均值，`python bench/full_accuracy.py`）。"
        "括号内为对测试行重抽样所得的 95 % 区间。"
    ),
    elsewhere="（{count} 个种子）",
    head=("行", "整体微调，%", "秒", "graphtune，%", "秒", "目标，%", "", "服务的模型"),
    met={True: "达到", False: "**未达到**"},
    missing="尚未测量：{names}。",
    made="`make bench NAME=tuning`，{made}。",
)


def section(results: Sequence[Result], words: Words) -> str:
    """Return the section; nothing where nothing was measured."""
    if not results:
        return ""
    lines = [rewriting.line(words.head), "|---|---:|---:|---:|---:|---:|---|---|"]
    lines += [rewriting.line(_cells(one, words)) for one in results]
    missing = [row.name for row in tuning.ROWS if row.name not in {one["row"] for one in results}]
    parts = [words.title, words.said, "\n".join(lines)]
    parts += [words.missing.format(names=", ".join(missing))] if missing else []
    return "\n\n".join(
        [*parts, words.made.format(made="; ".join(dict.fromkeys(map(rewriting.made, results))))]
    )


def met(result: Result) -> bool:
    """Return whether a fit reached its bar, in its time."""
    return result["accuracy"] >= result["bar"] and result["seconds"] <= OVER * result["budget_seconds"]


def _cells(result: Result, words: Words) -> list[str]:
    full = result.get("full")
    low, high = result["accuracy_interval"]
    return [
        f"`{result['row']}`",
        *(("", "") if full is None else _of_full(full, words)),
        f"{result['accuracy']:.2f} ({low:.1f}–{high:.1f})",
        f"{result['seconds']:.0f}",
        f"{result['bar']:.2f}",
        words.met[met(result)],
        shorten(result["chosen"], _WIDTH, placeholder=" …"),
    ]


def _of_full(full: Mapping[str, Any], words: Words) -> tuple[str, str]:
    """Return its accuracy and seconds; of a few steps, what these are worked out from is said."""
    seconds, accuracy = f"{full['seconds']:.0f}", full["accuracy"]
    said = "" if accuracy is None else f"{accuracy:.2f}"
    if "accuracy_of" in full:
        said += words.elsewhere.format(count=full["accuracy_of"])
    whole = full.get("timed_steps", 0) >= full["epochs"] * math.ceil(full["labelled"] / full["batch"])
    return said, seconds if whole or "timed_steps" not in full else f"≈ {seconds}"


def committed(folder: Path = RESULTS) -> list[Result]:
    """Return the results that are there, in the benchmark's order."""
    return recording.recorded(folder, [row.name for row in tuning.ROWS])
