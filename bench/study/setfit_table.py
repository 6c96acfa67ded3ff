"""What `fit` and SetFit come to in the same time, as a section of the page on strategies.

`bench/against_setfit.py` measures it.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import against_setfit
import recording
import rewriting
import smoke

Result = Mapping[str, Any]


@dataclass(frozen=True)
class Words:
    """One language."""

    said: str
    head: tuple[str, ...]
    labels: Mapping[bool, str]  # whether they are so many a class
    bar: str
    met: Mapping[bool, str]
    missing: str
    comma: str
    made: str


ENGLISH = Words(
    said=(
        "## Beside SetFit\n\nMiniLM in both, few labels, {limit:.0f} s a training each, the mean of {seeds} "
        "seeds (inductive). `graphtune fit` has the unlabelled training texts too, which SetFit makes no use "
        "of; SetFit goes through 20 pairs of each kind a text, or as many as there is time for. What the "
        "frozen encoder makes of the texts is there beforehand. In brackets: 95 % interval over test rows "
        "and seeds."
    ),
    head=("set", "labels", "graphtune, %", "s", "SetFit, %", "s", "lead"),
    labels={True: "{count} a class", False: "the published {count}"},
    bar=(
        "Aimed at: {lead:+.1f} on the mean, {behind:+.1f} at the worst. "
        "Found: {mean:+.2f} and {worst:+.2f}, {met}."
    ),
    met={True: "met", False: "**not met**"},
    missing="Not measured yet: {names}.",
    comma=", ",
    made="`make bench NAME=setfit`, {made}.",
)
CHINESE = Words(
    said=(
        "## 与 SetFit 对照\n\n两者都用 MiniLM，标签少，每次训练各 {limit:.0f} 秒，{seeds} 个种子的均值"
        "（归纳式）。`graphtune fit` 还有无标签的训练文本，SetFit 用不上；"
        "SetFit 对每个文本学习每种 20 个文本对，时间不够则学到用完为止。"
        "冻结的编码器对文本的计算事先就有。括号内为对测试行与种子的 95 % 区间。"
    ),
    head=("数据集", "标签", "graphtune，%", "秒", "SetFit，%", "秒", "领先"),
    labels={True: "每类 {count} 个", False: "已发表的 {count} 个"},
    bar="目标：平均 {lead:+.1f}，最差 {behind:+.1f}。测得：{mean:+.2f} 与 {worst:+.2f}，{met}。",
    met={True: "达到", False: "**未达到**"},
    missing="尚未测量：{names}。",
    comma="、",
    made="`make bench NAME=setfit`，{made}。",
)


def read(folder: Path = smoke.RESULTS) -> list[dict[str, Any]]:
    """Return what is there, in the benchmark's order."""
    return recording.recorded(folder / against_setfit.NAME, against_setfit.SETS)


def section(results: Sequence[Result], words: Words) -> str:
    """Return the section; nothing where nothing was measured."""
    if not results:
        return ""
    lines = [rewriting.line(words.head), "|---|---|---:|---:|---:|---:|---:|"]
    lines += [rewriting.line(_cells(one, words)) for one in results]
    leads = [one["lead"] for one in results]
    missing = [name for name in against_setfit.SETS if name not in {one["dataset"] for one in results}]
    met = words.met[against_setfit.met(leads)]
    aimed = {"lead": against_setfit.LEAD, "behind": against_setfit.BEHIND}
    parts = [
        words.said.format(limit=results[0]["limit_seconds"], seeds=results[0]["seeds"]),
        "\n".join(lines),
        words.bar.format(**aimed, mean=fmean(leads), worst=min(leads), met=met),
    ]
    parts += [words.missing.format(names=words.comma.join(missing))] if missing else []
    return "\n\n".join([*parts, words.made.format(made=rewriting.made_each(results, encoding=True))])


def _cells(one: Result, words: Words) -> list[str]:
    (count,) = one["labelled"].values()
    drawn = against_setfit.SETS[one["dataset"]]
    cells = [one["dataset"], words.labels[drawn is not None].format(count=drawn or count)]
    for name in (against_setfit.OURS, against_setfit.THEIRS):
        found = one["methods"][name]
        low, high = found["interval"]
        cells += [f"{found['accuracy']:.2f} ({low:.1f}–{high:.1f})", f"{found['train_seconds']:.0f}"]
    return [*cells, f"{one['lead']:+.2f}"]
