"""Put the committed outcomes of plans into the documents, as tables.

    python bench/structure/outcomes_page.py [--check]

They stand between ``<!-- outcomes:begin -->`` and ``<!-- outcomes:end -->`` of docs/structure-plans.md and
its Chinese twin; nothing else is touched.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from levels import LEVELS, REFERENCES
from outcome_summary import Summary, bar, summary

from graphtune.artefact import written
from table import replaced

ROOT = Path(__file__).parents[2]
RESULTS, DOCS = ROOT / "bench/results/structure", ROOT / "docs"
BEGIN, END = "<!-- outcomes:begin -->", "<!-- outcomes:end -->"
Result = Mapping[str, Any]


@dataclass(frozen=True)
class Words:
    """One language."""

    title: Mapping[str, str]  # by purpose
    tasks: str
    columns: tuple[str, str, str, str, str]  # who chooses, accuracy, gain, share, seconds
    shares: Mapping[str, str]  # by purpose
    best: str
    bar: str
    met: Mapping[bool, str]
    before: str
    made: str
    none: str


ENGLISH = Words(
    title={
        "tune": "Tuned, {level} of the parameters learning",
        "prune": "Pruned by {level} of the FLOPs, not taught",
        "quantise": "Rounded ({level}), in float32",
    },
    tasks="{count} tasks ({names}), {seeds} seeds",
    columns=("who chooses", "accuracy", "against {reference}", "{share}", "seconds"),
    shares={"tune": "learns", "prune": "FLOPs left", "quantise": "bytes left"},
    best="The rows that decide prefer `{name}`.",
    bar=(
        "Bar of tuning (within 0.2 points of `full`, 0.3 above `lora-uniform`, in at most 40 % of the time, "
        "on 5 tasks and 3 seeds): `{selector}` is {below:+.2f} below, {above:+.2f} above, at "
        "{seconds:.0%}: {met}."
    ),
    met={True: "met", False: "**not met**"},
    before=(
        "Mean accuracy on test rows in percent. *Against*: points, with the p-value of a paired permutation "
        "test over the tasks, adjusted by Holm. *Seconds*: share of what tuning everything takes, choosing "
        "included, the median of the tasks. Test rows decide nothing. Pruned and rounded encoders are judged "
        "by logistic regression on their rows. `full` tunes everything; `last-k` top blocks; `lora-uniform` "
        "updates of one rank at all maps of the blocks; `groups` is `prune` as it is without a plan; `alike` "
        "8 bits throughout."
    ),
    made="Made by `python bench/structure/outcomes.py` with {made}.",
    none="No outcomes of plans are committed yet: `python bench/structure/outcomes.py` makes them.",
)
CHINESE = Words(
    title={
        "tune": "微调，{level} 的参数学习",
        "prune": "剪去 {level} 的 FLOPs，未经教学",
        "quantise": "舍入（{level}），在 float32 中",
    },
    tasks="{count} 个任务（{names}），{seeds} 个种子",
    columns=("由谁选择", "准确率", "相对 {reference}", "{share}", "秒"),
    shares={"tune": "学习", "prune": "剩余 FLOPs", "quantise": "剩余字节"},
    best="做决定的行最偏好 `{name}`。",
    bar=(
        "微调的标准（比 `full` 低不超过 0.2 点，比 `lora-uniform` 高 0.3 点，用时至多 40 %，"
        "5 个任务、3 个种子）："
        "`{selector}` 低 {below:+.2f} 点，高 {above:+.2f} 点，用时 {seconds:.0%}：{met}。"
    ),
    met={True: "达标", False: "**未达标**"},
    before=(
        "测试行上的平均准确率（%）。*相对*：百分点，以及在任务上的配对置换检验的 p 值，经 Holm 校正。"
        "*秒*：占整体微调用时的比例，含选择的时间，取各任务的中位数。测试行不决定任何事。"
        "剪枝与舍入后的编码器由其行上的逻辑回归评判。"
        "`full` 微调全部；`last-k` 为顶部块；`lora-uniform` 在各块的所有映射上用同一秩的更新；"
        "`groups` 是没有计划时的 `prune`；`alike` 一律 8 位。"
    ),
    made="由 `python bench/structure/outcomes.py` 得出，环境为 {made}。",
    none="尚未提交计划的结果：`python bench/structure/outcomes.py` 可得出。",
)
DOCUMENTS = (("structure-plans.md", ENGLISH), ("structure-plans.zh-CN.md", CHINESE))


def committed(folder: Path | None = None) -> list[Result]:
    """Return the results that are there, of the default encoder first."""
    files = sorted((RESULTS if folder is None else folder).glob("outcomes-*.json"))
    return [json.loads(file.read_text(encoding="utf-8")) for file in files]


def text(results: Sequence[Result], words: Words) -> str:
    """Return the tables in one language, those of each encoder by themselves."""
    if not results:
        return words.none
    parts: list[str] = [words.before]
    encoders = list(dict.fromkeys(one["encoder"] for one in results))
    for encoder in encoders:
        own = [one for one in results if one["encoder"] == encoder]
        for purpose, levels in LEVELS.items():
            for level in levels:
                found = summary(own, purpose, level)
                if found is not None:
                    parts += _level(found, level, encoder if len(encoders) > 1 else "", words)
    made = "; ".join(dict.fromkeys(map(_made, results)))
    return "\n\n".join([*parts, words.made.format(made=made)])


def _level(found: Summary, level: str, encoder: str, words: Words) -> list[str]:
    purpose = found.purpose
    title = words.title[purpose].format(level=level.replace("%", " %"))
    said = words.tasks.format(count=len(found.tasks), names=", ".join(found.tasks), seeds=found.seeds)
    names = {one.selector for one in found.means}
    references = [one for one in REFERENCES[purpose] if one in names]
    timed = purpose == "tune" and all(one.seconds is not None for one in found.means)
    who, accuracy, against, share, seconds = words.columns
    head = [who, accuracy, *(against.format(reference=f"`{one}`") for one in references)]
    head += [share.format(share=words.shares[purpose]), *([seconds] if timed else [])]
    lines = [_line(head), "|---|" + "---:|" * (len(head) - 1)]
    for one in found.means:
        gains = [one.gains.get(reference) for reference in references]
        cells = [f"`{one.selector}`", f"{one.accuracy:.2f}"]
        cells += ["" if gain is None else f"{gain[0]:+.2f} (p = {gain[1]:.2f})" for gain in gains]
        cells.append(f"{100 * one.spent:.1f} %")
        lines.append(_line([*cells, *([f"{100 * (one.seconds or 0):.0f} %"] if timed else [])]))
    parts = [f"{f'{encoder}: ' if encoder else ''}**{title}** — {said}", "\n".join(lines)]
    if found.best is not None:
        parts.append(words.best.format(name=found.best))
    judged = bar(found) if (purpose, level) == ("tune", "25%") else None
    if judged is not None:
        parts.append(words.bar.format(**{**judged, "met": words.met[judged["met"]]}))
    return parts


def _made(result: Result) -> str:
    versions, hardware = result["versions"], result["hardware"]
    own = f"graphtune {versions['graphtune']}, torch {versions['torch']}"
    return f"{own}, {hardware['cores']} × {hardware['processor']}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Rewrite the tables; with ``--check`` only say whether they are as they should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if something would")
    check = parser.parse_args(arguments).check
    results, stale = committed(), 0
    for name, words in DOCUMENTS:
        path = DOCS / name
        before = path.read_text(encoding="utf-8")
        after = replaced(before, text(results, words), BEGIN, END)
        stale += after != before
        if not check and after != before:
            with written(path) as partial:
                partial.write_text(after, encoding="utf-8")
    return int(check and stale > 0)


if __name__ == "__main__":
    sys.exit(main())
