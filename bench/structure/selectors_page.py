"""Put what tells the order of modules on sets and encoders never seen into the documents, as a table.

    python bench/structure/selectors_page.py [--check]

It stands between ``<!-- selectors:begin -->`` and ``<!-- selectors:end -->`` of docs/structure-plans.md and
its Chinese twin; nothing else is touched. Gains are paired over what the texts are from, as means are: texts
that were read by many encoders count once.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from scipy.stats import wilcoxon

sys.path.insert(0, str(Path(__file__).parents[1]))

import probe_seconds
from corpora import corpus_of
from meta import BESIDE, OWN, cell

import recording
import rewriting
from graphtune.structure.purpose import PURPOSES, Purpose

RESULTS = Path(__file__).parents[1] / "results"
RESULT = RESULTS / "structure/selectors.json"
BEGIN, END = "<!-- selectors:begin -->", "<!-- selectors:end -->"
Result = Mapping[str, Any]
BARS: Mapping[Purpose, float] = {"tune": 0.7, "prune": 0.8, "quantise": 0.7}
_BARE = "without edges"
_LEAST = 5  # pairs from which a test is told


@dataclass(frozen=True)
class Words:
    """One language."""

    head: tuple[str, ...]
    said: str
    gain: str
    bar: str
    time: str
    met: Mapping[bool, str]
    purposes: Mapping[Purpose, str]
    missing: str
    none: str
    comma: str
    stop: str
    colon: str


ENGLISH = Words(
    head=(
        "score",
        "tune",
        "prune",
        "quantise",
        "tune, new encoder",
        "prune, new encoder",
        "quantise, new encoder",
    ),
    said="Spearman's rank correlation with what was measured ({cases} pairs of encoder and set for tuning, "
    "{harms} for both harms; {sets} sets; {encoders}). Held out was each set, with all of the same texts, "
    "and each encoder, with its variants; each counts alike in the means. A network learned from the rest. "
    "Of a score with probes, those modules that it had measured do not count, and no others.",
    gain="`{own}` after {probes} probes against {other}, paired over sets: {told}.",
    bar="Bars ({probes} probes, held-out set): {told}.",
    time="{probes} probes of {encoder} take {share:.1%} of the time that those of all its modules take (the "
    "median of {sets} sets; bar {bar:.0%}: {met}); with head and statistics in both, {share_of_whole:.1%}.",
    met={True: "met", False: "not met"},
    purposes={"tune": "tuning", "prune": "pruning", "quantise": "quantising"},
    missing="not measured",
    none="Nothing is committed yet.",
    comma=", ",
    stop="; ",
    colon=": ",
)
CHINESE = Words(
    head=("评分", "微调", "剪枝", "量化", "微调，新编码器", "剪枝，新编码器", "量化，新编码器"),
    said="与测得结果的 Spearman 秩相关（微调有 {cases} 对编码器与数据集，两种损害各有 {harms} 对；"
    "{sets} 个数据集；{encoders}）。每次留出一个数据集连同所有同源文本的集合，或一个编码器连同其变体，"
    "求均值时各算一份；网络只从其余部分学习。有探测的评分，它测过的模块不计，其他评分的模块全部计入。",
    gain="`{own}` 在 {probes} 次探测后对比 {other}，按数据集配对：{told}。",
    bar="目标（{probes} 次探测，留出数据集）：{told}。",
    time="{encoder} 的 {probes} 次探测所用的时间是探测其全部模块的 {share:.1%}（{sets} 个数据集的中位数；"
    "目标 {bar:.0%}：{met}）；二者均含分类头与统计量时为 {share_of_whole:.1%}。",
    met={True: "达到", False: "未达到"},
    purposes={"tune": "微调", "prune": "剪枝", "quantise": "量化"},
    missing="未测",
    none="还没有提交结果。",
    comma="、",
    stop="；",
    colon="：",
)
DOCUMENTS = (("structure-plans.md", ENGLISH), ("structure-plans.zh-CN.md", CHINESE))


def text(result: Result | None, words: Words, times: Sequence[Result] = ()) -> str:
    """Return the table and what it comes to, in one language; ``times`` are those of probes."""
    if result is None:
        return words.none
    by_set, by_encoder, probes = result["held_out_sets"], result["held_out_encoders"], result["probes"]
    lines = [rewriting.line(words.head), "|---|" + "---:|" * 6]
    for name in sorted(by_set, key=lambda one: -_mean(by_set[one])):
        cells = [cell(means[name][purpose]) for means in (by_set, by_encoder) for purpose in PURPOSES]
        lines.append(rewriting.line([f"`{name}`" if name[0].isupper() else name, *cells]))
    rows, own = result["cases"]["sets"], f"{OWN}, {probes} probes"
    said = words.said.format(
        cases=len(rows),
        harms=sum(row["correlations"][OWN]["prune"] is not None for row in rows),
        sets=len(result["sets"]),
        encoders=words.comma.join(result["encoders"]),
    )
    gains = [
        words.gain.format(own=OWN, probes=probes, other=f"`{other}`", told=_told(rows, own, other, words))
        for other in (f"{_BARE}, {probes} probes", BESIDE)
    ]
    bars = words.stop.join(_judged(by_set[own][purpose], purpose, words) for purpose in PURPOSES)
    judged = words.bar.format(probes=probes, told=bars)
    took = [_took(times, words)] if times else []
    return "\n\n".join([said, "\n".join(lines), *gains, judged, *took])


def _mean(found: Mapping[str, float | None]) -> float:
    """Return the mean of those correlations that there are; 0 of none."""
    return fmean([value for value in found.values() if value is not None] or [0.0])


def _took(times: Sequence[Result], words: Words) -> str:
    told = probe_seconds.summed(times)
    encoder, probes = times[0]["encoder"], times[0]["few"]
    return words.time.format(**told | {"met": words.met[told["met"]]}, encoder=encoder, probes=probes)


def _judged(reached: float | None, purpose: Purpose, words: Words) -> str:
    bar = BARS[purpose]
    if reached is None:
        return f"{words.purposes[purpose]}{words.colon}{words.missing}"
    return f"{words.purposes[purpose]} {reached:.3f} ({bar:g}){words.colon}{words.met[reached >= bar]}"


def paired(
    rows: Sequence[Result], name: str, other: str, purpose: Purpose
) -> tuple[float | None, float | None]:
    """Return the mean gain over what texts are from, and p of Wilcoxon's test; None of too few pairs."""
    by_corpus: dict[str, list[float]] = {}
    for row in rows:
        values = [row["correlations"][one][purpose] for one in (name, other)]
        if None not in values:
            by_corpus.setdefault(corpus_of(row["dataset"]), []).append(values[0] - values[1])
    gains = [fmean(one) for one in by_corpus.values()]
    if len(gains) < _LEAST or not any(gains):
        return (fmean(gains) if gains else None), None
    return fmean(gains), float(wilcoxon(gains).pvalue)


def _told(rows: Sequence[Result], name: str, other: str, words: Words) -> str:
    said = []
    for purpose in PURPOSES:
        gain, chance = paired(rows, name, other, purpose)
        if gain is None:
            continue
        known = "" if chance is None else f" (p = {chance:.2g})"
        said.append(f"{words.purposes[purpose]} {gain:+.2f}{known}")
    return words.comma.join(said) or words.missing


def main(arguments: Sequence[str] | None = None) -> int:
    """Rewrite the tables; with ``--check`` only say whether they are as they should be."""

    def expected() -> dict[Path, str]:
        result = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.is_file() else None
        times = recording.recorded(RESULTS / probe_seconds.NAME, probe_seconds.SETS)
        return rewriting.documents(
            {name: text(result, words, times) for name, words in DOCUMENTS}, BEGIN, END
        )

    return rewriting.main(__doc__, expected, arguments)


if __name__ == "__main__":
    sys.exit(main())
