"""What a fit that tunes the encoder came to beside full fine-tuning, as a section of the page on strategies.

`bench/tuning.py` measures it, and `bench/full_accuracy.py` full fine-tuning by several seeds.
"""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import full_accuracy
import recording
import rewriting
import smoke
import tuning

OVER = 1.1  # times its budget that a fit may take
_WIDTH = 70  # of the name of what serves
_ROWS = {row.name: row for row in tuning.ROWS}
Result = Mapping[str, Any]


@dataclass(frozen=True)
class Words:
    """One language."""

    title: str
    said: str
    steps: str
    head: tuple[str, ...]
    seeds: str  # behind an accuracy
    met: str
    missed: Mapping[str, str]
    missing: str
    made: str


@dataclass(frozen=True)
class Measured:
    """The fits, and full fine-tuning of their rows by several seeds."""

    fits: Sequence[Result]
    full: Mapping[str, Result]  # by the name of the row

    @classmethod
    def read(cls, folder: Path = smoke.RESULTS) -> "Measured":
        """Return what is there, in the benchmark's order."""
        full = recording.recorded(folder / full_accuracy.NAME, _ROWS)
        return cls(recording.recorded(folder / tuning.NAME, _ROWS), {one["row"]: one for one in full})


ENGLISH = Words(
    title="## Beside full fine-tuning",
    said=(
        "One `graphtune fit` of MiniLM with a budget, encoding, search and reading the test rows included, "
        "on two cores (inductive; seed 0; nothing is chosen on test rows). With few labels the encoder "
        "serves alone (`--serve-as encoder`), and the bar is a fixed one. With all labels the budget is a "
        "quarter of what full fine-tuning of the same encoder takes (half of it for cr, sst2 and subj): "
        "Hugging Face's Trainer, three epochs, a step size of 1e-4, in float32, timed just before; its "
        "accuracy is the mean over several seeds where these were run (on a GPU, `python "
        "bench/full_accuracy.py`). The bar is then that accuracy (less 0.3 for cr, sst2 and subj), or a "
        "fixed one that is higher. A fit is in time if it takes at most {over:.0f} % more than its budget. "
        "In brackets: 95 % interval by resampling the test rows."
    ),
    steps="≈: worked out from {steps} steps.",
    head=(
        *(
            "rows",
            "full fine-tuning, %",
            "its s",
            "budget, s",
            "graphtune, %",
            "s",
            "bar, %",
            "",
            "what serves",
        ),
    ),
    seeds=" ({count} seeds)",
    met="met",
    missed={"accuracy": "**too few right**", "time": "**too late**"},
    missing="Not measured yet: {names}.",
    made="`make bench NAME=tuning`, {made}.",
)
CHINESE = Words(
    title="## 与整体微调对照",
    said=(
        "对 MiniLM 进行一次有预算的 `graphtune fit`，含编码、搜索与读取测试行，用两个核"
        "（归纳式；种子 0；不用测试行作任何选择）。"
        "标签少时编码器单独服务（`--serve-as encoder`），目标是固定的。"
        "有全部标签时，预算是整体微调同一编码器所需时间的四分之一（cr、sst2 与 subj 为一半）："
        "后者用 Hugging Face 的 Trainer，三轮，步长 1e-4，float32，紧接在前计时；"
        "若以若干种子运行过（在 GPU 上，`python bench/full_accuracy.py`），其准确率为这些种子的均值。"
        "此时目标为该准确率（cr、sst2 与 subj 减去 0.3），或更高的固定值。"
        "用时至多超出预算 {over:.0f} % 算按时。括号内为对测试行重抽样所得的 95 % 区间。"
    ),
    steps="≈：由 {steps} 步推算。",
    head=("行", "整体微调，%", "其秒数", "预算，秒", "graphtune，%", "秒", "目标，%", "", "服务的模型"),
    seeds="（{count} 个种子）",
    met="达到",
    missed={"accuracy": "**正确的太少**", "time": "**太晚**"},
    missing="尚未测量：{names}。",
    made="`make bench NAME=tuning`，{made}。",
)


def section(measured: Measured, words: Words) -> str:
    """Return the section; nothing where nothing was measured."""
    fits = measured.fits
    if not fits:
        return ""
    lines = [rewriting.line(words.head), "|---|---:|---:|---:|---:|---:|---:|---|---|"]
    lines += [rewriting.line(_cells(one, measured.full.get(one["row"]), words)) for one in fits]
    parts = [words.title, words.said.format(over=100 * (OVER - 1)), "\n".join(lines)]
    steps = sorted({one["full"]["timed_steps"] for one in fits if not _whole(one.get("full"))})
    parts += [words.steps.format(steps=", ".join(map(str, steps)))] if steps else []
    missing = [name for name in _ROWS if name not in {one["row"] for one in fits}]
    parts += [words.missing.format(names=", ".join(missing))] if missing else []
    return "\n\n".join([*parts, words.made.format(made=rewriting.made_each(fits, encoding=True))])


def _cells(fit: Result, seeds: Result | None, words: Words) -> list[str]:
    own, row = fit.get("full"), _ROWS[fit["row"]]
    of_full, accuracy, took = "", None, ""
    if own is not None:
        accuracy = own["accuracy"]
        of_full = "" if accuracy is None else f"{accuracy:.2f}"
        took = f"{'' if _whole(own) else '≈ '}{own['seconds']:.0f}"
        if seeds is not None and all(seeds[name] == own[name] for name in full_accuracy.SAME):
            accuracy = seeds["accuracy"]
            of_full = f"{accuracy:.2f}{words.seeds.format(count=len(seeds['seeds']))}"
    bar, (low, high) = tuning.bar_of(row, accuracy), fit["accuracy_interval"]
    assert bar is not None
    missed = [
        *(["accuracy"] if fit["accuracy"] < bar else []),
        *(["time"] if fit["seconds"] > OVER * fit["budget_seconds"] else []),
    ]
    return [
        f"`{row.name}`",
        of_full,
        took,
        f"{fit['budget_seconds']:.0f}",
        f"{fit['accuracy']:.2f} ({low:.1f}–{high:.1f})",
        f"{fit['seconds']:.0f}",
        f"{bar:.2f}",
        ", ".join(words.missed[what] for what in missed) or words.met,
        shorten(fit["chosen"], _WIDTH, placeholder=" …"),
    ]


def _whole(full: Mapping[str, Any] | None) -> bool:
    """Return whether every step was timed, as in results that do not say how many were."""
    if full is None or "timed_steps" not in full:
        return True
    return full["timed_steps"] >= full["epochs"] * math.ceil(full["labelled"] / full["batch"])
