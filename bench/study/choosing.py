"""The page that helps to choose how an encoder is tuned: one table, from committed results.

`study.py --strategies` measures it into ``bench/study/strategies``; `page.py` writes the page.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import setfit_table
import tuned_table

import rewriting

Result = Mapping[str, Any]
LABELS = (5, 20)
HELD_AGAINST = ("embeddings-lr", "propagated-smoothed")
METHODS = (*HELD_AGAINST, "family:encoder", "family:encoder-graph")


@dataclass(frozen=True)
class Words:
    """One language."""

    before: str
    head: tuple[str, ...]
    column: str  # of a set's labels
    ideas: Mapping[str, str]
    tuned: tuned_table.Words
    setfit: setfit_table.Words
    after: str


def page(
    results: Sequence[Result], words: Words, tuned: tuned_table.Measured, setfit: Sequence[Result] = ()
) -> str:
    """Return the page."""
    columns = [(one, count) for one in results for count in LABELS]
    names = list(dict.fromkeys(row["method"] for one in results for row in one["table"]))
    best = {(one["set"], count): max(_values(one, count).values(), default=0.0) for one, count in columns}
    titles = [words.column.format(set=one["set"], count=count) for one, count in columns]
    lines = [rewriting.line((*words.head, *titles)), "|---|---|---:|---:|" + "---:|" * len(columns)]
    for name in names:
        rows = [row for one in results for row in one["table"] if row["method"] == name and row["accuracy"]]
        cells = []
        for one, count in columns:
            value = _values(one, count).get(name)
            text = "" if value is None else f"{100 * value:.1f}"
            cells.append(f"**{text}**" if value == best[one["set"], count] else text)
        learned = f"{max(row['learned'] for row in rows):,}" if rows else ""
        seconds = f"{median(row['train_seconds'] for row in rows):.0f}" if rows else ""
        lines.append(rewriting.line((f"`{name}`", words.ideas.get(name, ""), learned, seconds, *cells)))
    limit = f"{results[0]['limit_seconds']:.0f}" if results else ""
    seeds = str(results[0]["seeds"]) if results else ""
    beside = (tuned_table.section(tuned, words.tuned), setfit_table.section(setfit, words.setfit))
    parts = [words.before.format(limit=limit, seeds=seeds), "\n".join(lines), *beside, words.after]
    return "\n\n".join(part for part in parts if part) + "\n"


def _values(result: Result, count: int) -> dict[str, float]:
    rows = [row for row in result["table"] if row["labels"] == count and row["accuracy"]]
    return {row["method"]: row["accuracy"]["value"] for row in rows}


_COMMAND = """```sh
.venv/bin/python bench/study/study.py --strategies trec6
.venv/bin/graphtune compare rows.csv --methods family:encoder,family:encoder-graph --labels 5,20
```"""

ENGLISH = Words(
    before=(
        "# Choosing a strategy\n\n[简体中文](choosing-a-strategy.zh-CN.md)\n\n"
        "How an encoder is tuned, with a graph or without: what each way learns, what it costs, and what it "
        "was worth here. Accuracy in percent on test rows that no training saw, new texts being attached "
        "one by one (inductive); every strategy is trained to its own end, "
        "`graphtune-tuned` has "
        "{limit} seconds; seeds: {seeds}. A cell is empty where nothing was measured yet. The best of a "
        "column is bold; the first two rows are what they are "
        "held against, without any tuning. Seconds are the median of training alone, encoding apart.\n\n"
        "## What was measured"
    ),
    head=("method", "idea", "learned numbers", "seconds"),
    column="{set}, {count} labels a class",
    ideas={
        "embeddings-lr": "frozen encoder, logistic regression",
        "propagated-smoothed": "the same averaged over the graph, and smoothed",
        "graphtune-tuned": "what `graphtune fit --budget` does: search, tuned encoder, teacher, means",
        "tuned": "all weights of the top four blocks, by labels",
        "lora": "low-rank updates of attention's queries and values",
        "bit-fit-encoder": "the biases of the top four blocks",
        "linear-probe-encoder": "the head alone",
        "ladder": "a small graph network beside the frozen blocks, an exit at each",
        "graph-adapter": "small graph networks whose output is added to the frozen blocks' rows",
        "taught": "the encoder learns what a graph model says of all texts",
        "pseudo-labels": "the encoder learns the rows on which it and a graph model agree",
        "graph-pairs": "neighbours of one class are drawn together, others parted",
        "staged": "encoder first, then a network over the graph of its rows",
        "joint": "encoder and network at once, their probabilities mixed",
        "em": "encoder and network in turns, each taught by the other",
        "distilled": "a small network on frozen rows learns what a graph model says",
    },
    tuned=tuned_table.ENGLISH,
    setfit=setfit_table.ENGLISH,
    after=(
        "## How to choose\n\n"
        "1. **Start with `graphtune fit --budget 5m`.** It tries the frozen encoder with and without the "
        "graph, tunes the encoder, lets what it found teach the encoder on all texts, and keeps what "
        "held-out rows say.\n"
        "2. **Classes are topics or intents, few labels**: the graph carries most of it. Tuning on labels "
        "alone is behind it, their mean is not.\n"
        "3. **Classes are something else** (the type of a question, a sentiment), so that neighbours share "
        "the topic and not the label: tune the encoder. The report's share of links that join equal labels "
        "tells beforehand.\n"
        "4. **Prediction must need no graph and no training texts**: `--serve-as encoder`, or `distilled` "
        "where the encoder must stay as it is.\n"
        "5. **The encoder must stay frozen and shared by several tasks**: `lora` before it is merged, "
        "`ladder`, `graph-adapter`; none passes anything back through the frozen blocks but `lora`.\n\n"
        "A strategy of the table is fitted by naming its candidate in a plan; see "
        "[compare.md](compare.md).\n\n## To measure it again\n\n" + _COMMAND
    ),
)

CHINESE = Words(
    before=(
        "# 选择策略\n\n[English](choosing-a-strategy.md)\n\n"
        "编码器怎样调整（用图或不用图）：每种方式学什么、花费多少、在这里值多少。"
        "准确率（百分数）在训练从未见过的测试行上测得，"
        "新文本逐条接入（归纳式）；各策略都训练到自己结束，`graphtune-tuned` 有 {limit} 秒；种子数："
        "{seeds}。"
        "尚未测量的格子为空。每列最佳者为粗体；"
        "前两行是比较的对象，没有任何调整。秒数为训练本身的中位数，不含编码。\n\n## 测得的数字"
    ),
    head=("方法", "思路", "学到的数", "秒"),
    column="{set}，每类 {count} 个标签",
    ideas={
        "embeddings-lr": "冻结的编码器，逻辑回归",
        "propagated-smoothed": "同上，先在图上平均，再平滑",
        "graphtune-tuned": "`graphtune fit --budget` 所做的：搜索、调整编码器、教师、均值",
        "tuned": "最上面四个块的全部权重，用标签",
        "lora": "注意力的查询与值的低秩更新",
        "bit-fit-encoder": "最上面四个块的偏置",
        "linear-probe-encoder": "只学头",
        "ladder": "冻结的块旁边的小图网络，每个块一个出口",
        "graph-adapter": "小图网络，其输出加到冻结的块的行上",
        "taught": "编码器学习图模型对全部文本的判断",
        "pseudo-labels": "编码器学习它与图模型意见一致的行",
        "graph-pairs": "同类的近邻拉近，其余的推开",
        "staged": "先调编码器，再在其行的图上训练网络",
        "joint": "编码器与网络同时训练，概率混合",
        "em": "编码器与网络轮流，互相教",
        "distilled": "冻结行上的小网络学习图模型的判断",
    },
    tuned=tuned_table.CHINESE,
    setfit=setfit_table.CHINESE,
    after=(
        "## 怎样选择\n\n"
        "1. **先用 `graphtune fit --budget 5m`。** 它在有图和无图的情况下试用冻结的编码器，"
        "调整编码器，让找到的解在全部文本上教编码器，"
        "并保留留出的行所选的。\n"
        "2. **类别是主题或意图，标签少**：大部分收益来自图。只用标签调整不如图，二者的均值则不差。\n"
        "3. **类别是别的东西**（问题的类型、情感），近邻主题相同而标签不同：调整编码器。"
        "报告中连接相同标签的链接份额会事先说明。\n"
        "4. **预测不得依赖图与训练文本**：`--serve-as encoder`；若编码器须保持不变，则用 `distilled`。\n"
        "5. **编码器须保持冻结并由多个任务共用**：合并之前的 `lora`，或 `ladder`、`graph-adapter`；"
        "除 `lora` 外都没有梯度经过冻结的块。\n\n"
        "要拟合表中的某个策略，在方案中写出它的候选；见 [compare.zh-CN.md](compare.zh-CN.md)。"
        "\n\n## 重新测量\n\n" + _COMMAND
    ),
)
