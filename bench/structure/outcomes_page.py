"""Put the committed outcomes of plans into the documents, as tables.

    python bench/structure/outcomes_page.py [--check]

They stand between ``<!-- outcomes:begin -->`` and ``<!-- outcomes:end -->`` of docs/structure-plans.md and
its Chinese twin; nothing else is touched.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import plan_seconds
from levels import LEVELS, REFERENCES
from outcome_summary import TASKS, Summary, bar, summary

import recording
import rewriting
from graphtune.structure.purpose import Purpose

RESULTS = Path(__file__).parents[1] / "results/structure"
BEGIN, END = "<!-- outcomes:begin -->", "<!-- outcomes:end -->"
Result = Mapping[str, Any]


@dataclass(frozen=True)
class Words:
    """One language."""

    title: Mapping[Purpose, str]
    stepped: str  # behind the title, where val rows chose step sizes
    tasks: str
    # Who chooses, accuracy, gain, share, time; accuracy without a choice of step sizes.
    columns: tuple[str, str, str, str, str, str]
    shares: Mapping[Purpose, str]
    best: Mapping[Purpose, str]
    bar: str
    share: str  # of the time, within the bar
    unknown: str  # instead of it
    met: Mapping[bool, str]
    factors: str
    # What is not in a table:
    tasks_left_out: str
    selectors_left_out: str
    failed: str
    apart: str
    elsewhere: str
    seconds: str
    before: str
    made: str
    none: str


ENGLISH = Words(
    title={
        "tune": "Tuned, {level} of the parameters learning",
        "prune": "Pruned by {level} of the FLOPs, not taught",
        "quantise": "Rounded ({level}), in float32",
    },
    stepped=", step sizes chosen by val rows",
    tasks="tasks: {count} ({names}); seeds that all share, at least: {seeds}",
    columns=("who chooses", "accuracy", "against {reference}", "{share}", "time", "by the usual step size"),
    shares={"tune": "learns", "prune": "FLOPs left", "quantise": "bytes left"},
    best={
        "tune": "Among those that spend the budget, but for `lora-uniform`, the rows that decide prefer "
        "`{name}`.",
        "prune": "Among those that spend the budget, the rows that decide prefer `{name}`.",
        "quantise": "Among those that spend the budget, the rows that decide prefer `{name}`.",
    },
    bar=(
        "Bar of tuning (at most 0.2 points less than `full`, at least 0.3 more than `lora-uniform`, in at "
        "most 40 % of the time, on 5 tasks and 3 seeds): `{selector}` has {full:+.2f} and {lora:+.2f} "
        "points, {time}: {met}."
    ),
    share="in {share:.0f} % of the time",
    unknown="its time is not measured",
    met={True: "met", False: "**not met**"},
    factors=(
        "Each training has that of several step sizes, as multiples of the usual one, that has the least "
        "loss on val rows: {factors}. In brackets: how often that was the least or the largest of them."
    ),
    tasks_left_out="Left out are the tasks {names}: they lack a selector, or have it by other seeds alone.",
    selectors_left_out="Left out are the selectors {names}: too few tasks have them.",
    failed="Runs that failed and count nowhere: {runs}.",
    apart="Outcomes that count nowhere, of networks that learned from other sensitivities: {count}.",
    elsewhere="Outcomes that count nowhere, by other versions or hardware than most of their task: {count}.",
    seconds=(
        "Times, measured alone by `python bench/structure/plan_seconds.py` on {names} ({made}), as shares of "
        "what `full` takes: {shares}. Of what full fine-tuning of the same rows takes with Hugging Face's "
        "Trainer, which computes in float32 (the others in bfloat16 where the processor has it): {trainer}. "
        "Medians of the sets, and in brackets the least and the most."
    ),
    before=(
        "Mean accuracy on test rows in percent. *Against*: points, with the p-value of a paired permutation "
        "test over five tasks or more, adjusted by Holm. *Time*: share of what `full` takes. Test rows "
        "decide nothing. Pruned and rounded encoders are judged by logistic regression on their rows. `full` "
        "tunes everything; `last-k` top blocks; `lora-uniform` updates of one rank at all maps of the "
        "blocks; `groups` is `prune` as it is without a plan; `alike` 8 bits throughout."
    ),
    made="Made by `python bench/structure/plan_outcomes.py` with {made}.",
    none="No outcomes of plans are committed yet: `python bench/structure/plan_outcomes.py` makes them.",
)
CHINESE = Words(
    title={
        "tune": "微调，{level} 的参数学习",
        "prune": "剪去 {level} 的 FLOPs，未经教学",
        "quantise": "舍入（{level}），在 float32 中",
    },
    stepped="，步长由验证行选择",
    tasks="任务：{count} 个（{names}）；共有的种子至少：{seeds} 个",
    columns=("由谁选择", "准确率", "相对 {reference}", "{share}", "用时", "用通常步长"),
    shares={"tune": "学习", "prune": "剩余 FLOPs", "quantise": "剩余字节"},
    best={
        "tune": "在使用预算的选择者中（`lora-uniform` 除外），做决定的行最偏好 `{name}`。",
        "prune": "在使用预算的选择者中，做决定的行最偏好 `{name}`。",
        "quantise": "在使用预算的选择者中，做决定的行最偏好 `{name}`。",
    },
    bar=(
        "微调的标准（比 `full` 至多低 0.2 点，比 `lora-uniform` 至少高 0.3 点，用时至多 40 %，"
        "5 个任务、3 个种子）："
        "`{selector}` 与二者相差 {full:+.2f} 点与 {lora:+.2f} 点，{time}：{met}。"
    ),
    share="用时 {share:.0f} %",
    unknown="用时未测量",
    met={True: "达标", False: "**未达标**"},
    factors=(
        "每次训练采用若干步长（以通常步长的倍数计）中验证行损失最小的一个：{factors}。"
        "括号内为所选恰为最小或最大步长的比例。"
    ),
    tasks_left_out="未计入的任务（缺少某个选择者，或只有其他种子的结果）：{names}。",
    selectors_left_out="未计入的选择者（有其结果的任务太少）：{names}。",
    failed="失败而不计入的运行：{runs}。",
    apart="从其他敏感度学习的网络所得、不计入的结果：{count} 个。",
    elsewhere="版本或硬件与其任务的多数结果不同、因而不计入的结果：{count} 个。",
    seconds=(
        "用时由 `python bench/structure/plan_seconds.py` 在 {names} 上单独测量（{made}），"
        "占 `full` 用时的比例：{shares}。占 Hugging Face 的 Trainer 整体微调同样的行用时的比例"
        "（Trainer 用 float32；处理器支持时，其余用 bfloat16）：{trainer}。"
        "均为各数据集的中位数，括号内为最小与最大值。"
    ),
    before=(
        "测试行上的平均准确率（%）。*相对*：百分点，任务有五个以上时另有在任务上的配对置换检验的 p 值，"
        "经 Holm 校正。"
        "*用时*：占 `full` 用时的比例。测试行不决定任何事。"
        "剪枝与舍入后的编码器由其行上的逻辑回归评判。"
        "`full` 微调全部；`last-k` 为顶部块；`lora-uniform` 在各块的所有映射上用同一秩的更新；"
        "`groups` 是没有计划时的 `prune`；`alike` 一律 8 位。"
    ),
    made="由 `python bench/structure/plan_outcomes.py` 得出，环境为 {made}。",
    none="尚未提交计划的结果：`python bench/structure/plan_outcomes.py` 可得出。",
)
DOCUMENTS = (("structure-plans.md", ENGLISH), ("structure-plans.zh-CN.md", CHINESE))


@dataclass(frozen=True)
class Committed:
    """What is there: outcomes, those of the default encoder first, and what trainings take."""

    outcomes: Sequence[Result]
    seconds: Sequence[Result] = ()

    @classmethod
    def read(cls, folder: Path = RESULTS) -> "Committed":
        """Read both."""
        outcomes = [
            json.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("outcomes-*.json"))
        ]
        seconds = recording.recorded(folder / Path(plan_seconds.NAME).name, plan_seconds.SETS)
        return cls(outcomes, seconds)


def text(there: Committed, words: Words) -> str:
    """Return the tables in one language, those of each encoder by themselves."""
    results = there.outcomes
    if not results:
        return words.none
    parts: list[str] = [words.before]
    encoders = list(dict.fromkeys(one["encoder"] for one in results))
    for encoder in encoders:
        own = [one for one in results if one["encoder"] == encoder]
        shares = plan_seconds.summed([one for one in there.seconds if one["encoder"] == encoder])
        for purpose, levels in LEVELS.items():
            for level, several in ((level, several) for level in levels for several in (False, True)):
                found = summary(own, purpose, level, several=several)
                if found is not None:
                    parts += _level(found, level, encoder if len(encoders) > 1 else "", shares, words)
    if there.seconds:
        parts.append(_seconds(there.seconds, words))
    every = (one for own in results for one in own["circumstances"].values())
    return "\n\n".join([*parts, words.made.format(made=rewriting.made_each(every))])


def _level(found: Summary, level: str, encoder: str, shares: Mapping[str, float], words: Words) -> list[str]:
    purpose = found.purpose
    title = words.title[purpose].format(level=level.replace("%", " %"))
    title += words.stepped if found.factors else ""
    said = words.tasks.format(count=len(found.tasks), names=", ".join(found.tasks), seeds=found.seeds)
    judges = (purpose, level) == ("tune", "25%") and not found.factors
    table = _means(found, shares if judges else {}, words)
    parts = [f"{f'{encoder}: ' if encoder else ''}**{title}** — {said}", table]
    if found.factors:
        parts.append(words.factors.format(factors=_factors(found)))
    if found.best is not None:
        parts.append(words.best[purpose].format(name=found.best))
    judged = bar(found, shares) if judges else None
    if judged is not None:
        took = judged["seconds"]
        said = words.unknown if took is None else words.share.format(share=100 * took)
        parts.append(words.bar.format(**{**judged, "time": said, "met": words.met[judged["met"]]}))
    return [*parts, *_not_there(found, words)]


def _means(found: Summary, shares: Mapping[str, float], words: Words) -> str:
    """Return the table of what selectors come to; of their time where ``shares`` of it are known."""
    names = {one.selector for one in found.means}
    references = [one for one in REFERENCES[found.purpose] if one in names]
    timed, stepped = bool(shares), bool(found.factors)
    who, accuracy, against, share, time, usual = words.columns
    head = [who, accuracy, *([usual] if stepped else [])]
    head += [against.format(reference=f"`{one}`") for one in references]
    head += [share.format(share=words.shares[found.purpose]), *([time] if timed else [])]
    lines = [rewriting.line(head), "|---|" + "---:|" * (len(head) - 1)]
    for one in found.means:
        gains = [one.gains.get(reference) for reference in references]
        cells = [f"`{one.selector}`", f"{one.accuracy:.2f}"]
        cells += ["" if isnan(one.usual) else f"{one.usual:.2f}"] if stepped else []
        cells += ["" if gain is None else _gain(*gain, len(found.tasks)) for gain in gains]
        cells.append(f"{100 * one.spent:.1f} %")
        took = f"{100 * shares[one.selector]:.0f} %" if one.selector in shares else ""
        lines.append(rewriting.line([*cells, *([took] if timed else [])]))
    return "\n".join(lines)


def _gain(points: float, p_value: float, tasks: int) -> str:
    return f"{points:+.2f}" + (f" (p = {p_value:.2f})" if tasks >= TASKS else "")


def _factors(found: Summary) -> str:
    ends = {one.selector: one.ends for one in found.means}
    every = (
        f"`{name}` × {', '.join(f'{one:g}' for one in own)} ({100 * ends[name]:.0f} %)"
        for name, own in found.factors.items()
    )
    return "; ".join(every)


def _seconds(results: Sequence[Result], words: Words) -> str:
    def said(what: str) -> str:
        middle = plan_seconds.summed(results, what)
        every = {name: [one[what][name] for one in results] for name in middle}
        return ", ".join(
            f"`{name}` {100 * share:.0f} % ({100 * min(every[name]):.0f}–{100 * max(every[name]):.0f})"
            for name, share in middle.items()
        )

    names = ", ".join(one["dataset"] for one in results)
    shares, trainer = said("share"), said("share_of_trainer")
    return words.seconds.format(
        names=names, made=rewriting.made_each(results), shares=shares, trainer=trainer
    )


def _not_there(found: Summary, words: Words) -> list[str]:
    """Say what a table lacks, a sentence for each."""
    lost, said = found.left_out, []
    if lost.tasks:
        said.append(words.tasks_left_out.format(names=", ".join(lost.tasks)))
    if lost.selectors:
        said.append(words.selectors_left_out.format(names=", ".join(f"`{one}`" for one in lost.selectors)))
    if lost.failed:
        runs = ", ".join(f"`{name}` {count}" for name, count in lost.failed.items())
        said.append(words.failed.format(runs=runs))
    if lost.apart:
        said.append(words.apart.format(count=lost.apart))
    if lost.elsewhere:
        said.append(words.elsewhere.format(count=lost.elsewhere))
    return said


def main(arguments: Sequence[str] | None = None) -> int:
    """Rewrite the tables; with ``--check`` only say whether they are as they should be."""

    def expected() -> dict[Path, str]:
        there = Committed.read()
        return rewriting.documents({name: text(there, words) for name, words in DOCUMENTS}, BEGIN, END)

    return rewriting.main(__doc__, expected, arguments)


if __name__ == "__main__":
    sys.exit(main())
