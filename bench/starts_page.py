"""Put the committed results of starts, adapters and citations into the documents, as tables.

    python bench/starts_page.py [--check]

They stand between ``<!-- starts:begin -->`` and ``<!-- starts:end -->`` of docs/gnn-strategies.md and its
Chinese twin; nothing else is touched.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import adapters
import citation
import rewriting
import starts
from table import replaced

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
BEGIN, END = "<!-- starts:begin -->", "<!-- starts:end -->"
Result = Mapping[str, Any]


@dataclass(frozen=True)
class Words:
    """One language."""

    starts: str
    start: str
    before: str
    adapters: str
    columns: tuple[str, ...]
    citation: str
    cited: tuple[str, ...]
    groups: Mapping[str, str]
    met: Mapping[bool, str]
    made: str
    none: str


ENGLISH = Words(
    starts=(
        "Accuracy on test rows in percent with {labels} labels a class, tuned wholly (`Full`), and in "
        "brackets the gain on random weights (`Usual`) over the same {seeds} draws, ± its standard "
        "deviation; transductive: test texts are nodes, their labels hidden. *Seconds* are those of "
        "pre-training, the median of the sets."
    ),
    start="start",
    before="seconds",
    adapters=(
        "Pre-trained by attribute masking on one set, tuned on another with {labels} labels a class: "
        "accuracy on test rows in percent, and how many numbers adapters learn of those that full tuning "
        "does."
    ),
    columns=("pre-trained on", "tuned on", "full", "adapters", "head alone", "numbers"),
    citation=(
        "cora with the 140 labels of the Planetoid split, {seeds} seeds, settings chosen on val rows alone: "
        "accuracy on test rows in percent."
    ),
    cited=("network", "accuracy", "bar", "met", "chosen"),
    groups={
        "gcn": "GCN as published, on words",
        "gat": "GAT as published, on words",
        "own": "pre-trained, on MiniLM",
    },
    met={True: "yes", False: "**no**"},
    made="Made by `make bench NAME=starts`, `adapters` and `citation` with {made}.",
    none="No figures are committed yet: `make bench NAME=starts`, `adapters` and `citation` make them.",
)
CHINESE = Words(
    starts=(
        "每类 {labels} 个标签、整体微调（`Full`）时测试行上的准确率（%）；括号内为相同 {seeds} 次抽样下"
        "相对随机权重（`Usual`）的收益，± 为其标准差；直推式：测试文本是节点，其标签隐藏。"
        "*秒*为预训练所需，取各数据集的中位数。"
    ),
    start="初始化",
    before="秒",
    adapters=(
        "在一个数据集上以属性遮盖预训练，在另一个上以每类 {labels} 个标签微调：测试行上的准确率（%），"
        "以及适配器学习的数字占整体微调的比例。"
    ),
    columns=("预训练于", "微调于", "整体", "适配器", "仅分类头", "数字"),
    citation=(
        "cora，Planetoid 划分的 140 个标签，{seeds} 个种子，设置仅在验证行上选定：测试行上的准确率（%）。"
    ),
    cited=("网络", "准确率", "标准", "达标", "选定"),
    groups={"gcn": "已发表的 GCN，词特征", "gat": "已发表的 GAT，词特征", "own": "预训练，MiniLM 特征"},
    met={True: "是", False: "**否**"},
    made="由 `make bench NAME=starts`、`adapters` 和 `citation` 得出，环境为 {made}。",
    none="尚未提交数字：`make bench NAME=starts`、`adapters` 和 `citation` 可得出。",
)
DOCUMENTS = (("gnn-strategies.md", ENGLISH), ("gnn-strategies.zh-CN.md", CHINESE))


@dataclass(frozen=True)
class Found:
    """What is committed."""

    starts: Sequence[Result]
    adapters: Sequence[Result]
    citation: Sequence[Result]

    @classmethod
    def read(cls, folder: Path = RESULTS) -> "Found":
        """Return the results that are there, each kind in its benchmark's order."""
        pairs = (f"{source}-{target}" for source, target in adapters.PAIRS)
        return cls(
            _those(folder / starts.NAME, starts.SETS),
            _those(folder / adapters.NAME, pairs),
            _those(folder / citation.NAME, citation.GROUPS),
        )


def text(found: Found, words: Words) -> str:
    """Return the tables in one language."""
    every = (*found.starts, *found.adapters, *found.citation)
    if not every:
        return words.none
    parts = [*_starts(found.starts, words), *_adapters(found.adapters, words), *_cited(found.citation, words)]
    return "\n\n".join([*parts, words.made.format(made="; ".join(dict.fromkeys(map(rewriting.made, every))))])


def _starts(results: Sequence[Result], words: Words) -> list[str]:
    if not results:
        return []
    names = list(dict.fromkeys(name for one in results for name in one["starts"]))
    head = (words.start, *(one["dataset"] for one in results), words.before)
    lines = [rewriting.line(head), "|---|" + "---:|" * (len(results) + 1)]
    for name in names:
        every = [one["starts"].get(name) for one in results]
        seconds = sorted(ways["seconds"] for ways in every if ways)
        cells = [_gained(ways["Full"], plain=name == starts.RANDOM) if ways else "" for ways in every]
        lines.append(rewriting.line((f"`{name}`", *cells, f"{seconds[len(seconds) // 2]:.1f}")))
    said = words.starts.format(labels=results[0]["labels"], seeds=results[0]["seeds"])
    return [said, "\n".join(lines)]


def _gained(figures: Result, *, plain: bool) -> str:
    if plain:
        return f"{figures['accuracy']:.1f}"
    spread = "" if figures["deviation"] is None else f" ± {figures['deviation']:.1f}"
    return f"{figures['accuracy']:.1f} ({figures['gain']:+.1f}{spread})"


def _adapters(results: Sequence[Result], words: Words) -> list[str]:
    if not results:
        return []
    lines = [rewriting.line(words.columns), "|---|---|" + "---:|" * 4]
    for one in results:
        ways = one["ways"]
        figures = [f"{ways[name]['accuracy']:.1f}" for name in ("full", "adapters", "probe")]
        lines.append(rewriting.line((one["source"], one["target"], *figures, f"{one['share']:.1f} %")))
    return [words.adapters.format(labels=results[0]["labels"]), "\n".join(lines)]


def _cited(results: Sequence[Result], words: Words) -> list[str]:
    if not results:
        return []
    lines = [rewriting.line(words.cited), "|---|---:|---:|---|---|"]
    for one in results:
        spread = "" if one["deviation"] is None else f" ± {one['deviation']:.1f}"
        cells = (words.groups[one["group"]], f"{one['accuracy']:.1f}{spread}", f"{one['bar']:.1f}")
        lines.append(rewriting.line((*cells, words.met[one["met"]], f"`{one['chosen']}`")))
    return [words.citation.format(seeds=len(results[0]["seeds"])), "\n".join(lines)]


def _those(folder: Path, names: Any) -> list[Result]:
    files = [folder / f"{name}.json" for name in names]
    return [json.loads(file.read_text(encoding="utf-8")) for file in files if file.is_file()]


def main(arguments: list[str] | None = None) -> int:
    """Rewrite the tables; with ``--check`` only say whether they are as they should be."""

    def expected() -> dict[Path, str]:
        found = Found.read()
        paths = {ROOT / "docs" / name: words for name, words in DOCUMENTS}
        return {
            path: replaced(path.read_text(encoding="utf-8"), text(found, words), BEGIN, END)
            for path, words in paths.items()
        }

    return rewriting.main(__doc__, expected, arguments)


if __name__ == "__main__":
    sys.exit(main())
