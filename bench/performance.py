"""Put the committed results of the speed benchmarks into docs/performance.md and its Chinese twin.

    python bench/performance.py [--check]

The table stands between the lines ``<!-- speed:begin -->`` and ``<!-- speed:end -->``; nothing else of the
documents is touched. Beside them lie two plots, where there are results to draw.
"""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import plots
import rewriting
import speeds
import static
from speeds import Line, Ratio, Result

DOCS = Path(__file__).parents[1] / "docs"
BEGIN, END = "<!-- speed:begin -->", "<!-- speed:end -->"
RATIOS, GROWTH = "performance-ratios.svg", "performance-million.svg"
_GIB = 1024.0  # MiB


@dataclass(frozen=True)
class Kind:
    """What one kind of line says: of what, against what, what is asked for, what was measured."""

    what: str
    against: str
    bar: str
    measured: str = "{ratio}"


@dataclass(frozen=True)
class Words:
    """What a document says in one language."""

    columns: tuple[str, ...]
    kinds: dict[str, Kind]
    rivals: dict[str, str]
    met: dict[bool, str]
    absent: str
    spread: str
    accuracies: str
    accuracy: str
    given_back: str
    ratios: str
    growth: str
    made_with: str
    date: str


ENGLISH = Words(
    columns=(
        *("what", "against", "bar", "measured", "bar met", "share of the limit"),
        "peak memory, MiB (graphtune / other)",
    ),
    kinds={
        "encoding": Kind(
            "encoding {of}",
            "sentence-transformers",
            "≥ {ratio:g}×; median cosine ≥ {cosine:g}; at most {lost:g} points of accuracy lost",
            "{ratio}; median cosine {cosine:.5f}; accuracy {ours:.2f} % against {theirs:.2f} %",
        ),
        "encoding_share": Kind(
            "encoding {of}: rate of its matrix products",
            "a large bfloat16 product",
            "≥ {percent:g} %",
            "{rate:,.0f} of {most:,.0f} GFLOP/s",
        ),
        "static": Kind("`static` encoding {of}", "`minilm` encoding", "≥ {ratio:g}×"),
        "step": Kind("training step of {of}", "{rival}", "≥ {ratio:g}×"),
        "step_memory": Kind(
            "peak memory of a step of {of}", "{rival}", "≤ {share:.2f} of theirs", "{share:.2f} of theirs"
        ),
        "sampling": Kind("sampling of neighbours", "a loop over nodes in torch", "≥ {ratio:g}×"),
        "words": Kind("TextGCN's graph of {of}, 1,000 texts", "counting in dictionaries", "≥ {ratio:g}×"),
        "all_words": Kind(
            "TextGCN's graph of {of}, all texts",
            "",
            "at most {gib:g} GiB",
            "{seconds:.1f} s for {texts:,} texts",
        ),
        "nearest": Kind(
            "nearest rows",
            "faiss, flat index",
            "≥ {ratio:g}×; recall ≥ {recall:g}",
            "{ratio}; recall {recall:.4f}",
        ),
        "fit": Kind(
            "`graphtune fit` of banking77, 5 labels a class, cold",
            "full fine-tuning with Trainer",
            "≥ {ratio:g}×, and more accurate",
            "{ratio}: {seconds:.0f} s against {their_seconds:.0f} s; accuracy {ours:.2f} % against "
            "{theirs:.2f} % (best fine-tuning {best:.2f} %)",
        ),
        "latency": Kind(
            "one text, model loaded",
            "sentence-transformers with logistic regression",
            "median ≤ {p50:g} ms",
            "median {p50:.1f} ms, 95th percentile {p95:.1f} ms; theirs {their_p50:.1f} ms and "
            "{their_p95:.1f} ms",
        ),
        "million": Kind(
            "`graphtune fit --encoder static` of 1,000,000 texts, cold",
            "",
            "at most {minutes:g} min and {gib:g} GiB",
            "{seconds:.0f} s, {gib:.1f} GiB; grow with the texts to the power of {seconds_exponent:.2f} and "
            "{memory_exponent:.2f}",
        ),
    },
    rivals={"edge_index": "PyG, list of edges", "csr": "PyG, CSR matrix"},
    met={True: "yes", False: "**no**"},
    absent="not measured yet",
    spread="**{median}×** ({least} … {most})",
    accuracies=(
        "What `static` costs in accuracy, on test rows (in brackets: the best candidate without a graph):"
    ),
    accuracy=(
        "- {row}: `static` {static:.2f} % ({static_free:.2f} %), "
        "`minilm` {minilm:.2f} % ({minilm_free:.2f} %)"
    ),
    given_back="; of what `static` loses without a graph, the saved model gives {percent:.0f} % back",
    ratios="How many times as fast: bars of the medians, their spread, and a tick at each bar to be met",
    growth="Seconds and memory of a whole fit over the number of texts",
    made_with="Made with {versions}, on {hardware}{dates}; every figure is in `bench/results/`.",
    date="; measured {dates}",
)
CHINESE = Words(
    columns=(
        "什么",
        "与什么相比",
        "标准",
        "测得",
        "达标",
        "占极限的份额",
        "内存峰值，MiB（graphtune / 对方）",
    ),
    kinds={
        "encoding": Kind(
            "编码 {of}",
            "sentence-transformers",
            "≥ {ratio:g}×；余弦中位数 ≥ {cosine:g}；准确率至多损失 {lost:g} 个百分点",
            "{ratio}；余弦中位数 {cosine:.5f}；准确率 {ours:.2f} %，对方 {theirs:.2f} %",
        ),
        "encoding_share": Kind(
            "编码 {of}：矩阵乘积的速率",
            "一个大的 bfloat16 乘积",
            "≥ {percent:g} %",
            "{rate:,.0f} / {most:,.0f} GFLOP/s",
        ),
        "static": Kind("`static` 编码 {of}", "`minilm` 编码", "≥ {ratio:g}×"),
        "step": Kind("{of} 的一步训练", "{rival}", "≥ {ratio:g}×"),
        "step_memory": Kind("{of} 一步的内存峰值", "{rival}", "≤ 对方的 {share:.2f}", "对方的 {share:.2f}"),
        "sampling": Kind("邻居采样", "torch 中逐个节点的循环", "≥ {ratio:g}×"),
        "words": Kind("{of} 的 TextGCN 图，1,000 条文本", "用字典计数", "≥ {ratio:g}×"),
        "all_words": Kind(
            "{of} 的 TextGCN 图，全部文本", "", "至多 {gib:g} GiB", "{seconds:.1f} 秒，{texts:,} 条文本"
        ),
        "nearest": Kind(
            "最近的行",
            "faiss 的 flat 索引",
            "≥ {ratio:g}×；召回率 ≥ {recall:g}",
            "{ratio}；召回率 {recall:.4f}",
        ),
        "fit": Kind(
            "`graphtune fit`，banking77，每类 5 个标签，冷启动",
            "用 Trainer 完整微调",
            "≥ {ratio:g}×，且更准确",
            "{ratio}：{seconds:.0f} 秒，对方 {their_seconds:.0f} 秒；准确率 {ours:.2f} %，对方 {theirs:.2f} %"
            "（最好的微调 {best:.2f} %）",
        ),
        "latency": Kind(
            "一条文本，模型已加载",
            "sentence-transformers 加逻辑回归",
            "中位数 ≤ {p50:g} ms",
            "中位数 {p50:.1f} ms，95 百分位 {p95:.1f} ms；对方 {their_p50:.1f} ms 与 {their_p95:.1f} ms",
        ),
        "million": Kind(
            "`graphtune fit --encoder static`，1,000,000 条文本，冷启动",
            "",
            "至多 {minutes:g} 分钟与 {gib:g} GiB",
            "{seconds:.0f} 秒，{gib:.1f} GiB；随文本数的 {seconds_exponent:.2f} 与 "
            "{memory_exponent:.2f} 次方增长",
        ),
    },
    rivals={"edge_index": "PyG，边列表", "csr": "PyG，CSR 矩阵"},
    met={True: "是", False: "**否**"},
    absent="尚未测量",
    spread="**{median}×**（{least} … {most}）",
    accuracies="`static` 在测试行上的准确率代价（括号内为最佳的无图候选）：",
    accuracy=(
        "- {row}：`static` {static:.2f} %（{static_free:.2f} %），"
        "`minilm` {minilm:.2f} %（{minilm_free:.2f} %）"
    ),
    given_back="；`static` 不用图时所损失的，保存的模型找回 {percent:.0f} %",
    ratios="快多少倍：条为中位数，附其范围，每条标准处有一道竖线",
    growth="整个拟合的秒数与内存随文本数的变化",
    made_with="环境为 {versions}，{hardware}{dates}；全部数字见 `bench/results/`。",
    date="；测于 {dates}",
)
DOCUMENTS = (("performance.md", ENGLISH), ("performance.zh-CN.md", CHINESE))
# The plots serve both languages, and so speak in names.
_LABELS = {
    "encoding": "encode {of} / sentence-transformers",
    "static": "static {of} / minilm",
    "step": "{of} step / PyG {rival}",
    "sampling": "sample neighbours / torch loop",
    "words": "TextGCN graph / dictionaries",
    "nearest": "nearest rows / faiss flat",
    "fit": "graphtune fit / Trainer",
}


def table(lines: Iterable[Line], words: Words) -> str:
    """Return the lines as Markdown."""
    rows = [_row(words.columns), "|---|---|---|---|---|---:|---:|"]
    return "\n".join([*rows, *(_row(_cells(line, words)) for line in lines)])


def shown(folder: Path, words: Words) -> str:
    """Return all that stands between the markers."""
    lines, accuracy = speeds.lines(folder), speeds.read(folder, f"{static.NAME}/accuracy")
    results = [one for one in (*(line.result for line in lines), accuracy) if one is not None]
    parts = [table(lines, words)]
    if accuracy is not None:
        parts.append("\n".join([words.accuracies, "", *(_static(row, words) for row in accuracy["rows"])]))
    drawn = plotted(folder)
    parts += [
        f"![{alt}]({name})" for name, alt in ((RATIOS, words.ratios), (GROWTH, words.growth)) if drawn[name]
    ]
    return "\n\n".join([*parts, *([_made(results, words)] if results else [])])


def plotted(folder: Path) -> dict[str, str | None]:
    """Return each plot by its file's name; None where there is nothing to draw."""
    fast = [line for line in speeds.lines(folder) if line.ratio is not None]
    bars = [_bar(line, line.ratio) for line in fast if line.ratio is not None]
    result = speeds.read(folder, "million/static")
    return {
        RATIOS: plots.ratios(bars) if bars else None,
        GROWTH: None if result is None else plots.growth(_curves(result)),
    }


def expected(folder: Path, docs: Path) -> dict[Path, str | None]:
    """Return what every file is to hold; None where it is not to be there."""
    found: dict[Path, str | None] = {docs / name: plot for name, plot in plotted(folder).items()}
    for name, words in DOCUMENTS:
        before = (docs / name).read_text(encoding="utf-8")
        found[docs / name] = rewriting.replaced(before, shown(folder, words), BEGIN, END)
    return found


def _cells(line: Line, words: Words) -> tuple[str, ...]:
    kind, names = words.kinds[line.kind], {"of": line.of, "rival": words.rivals.get(line.rival, "")}
    opening = (kind.what.format(**names), kind.against.format(**names), kind.bar.format(**line.bar))
    if line.result is None:
        return (*opening, words.absent, "", "", "")
    ratio = "" if line.ratio is None else _ratio(line.ratio, words)
    return (
        *opening,
        kind.measured.format(**{"ratio": ratio, **line.figures}),
        "" if line.met is None else words.met[line.met],
        "" if line.share is None else f"{100 * line.share:.0f} %",
        " / ".join(f"{peak:,.0f}" for peak in line.peaks),
    )


def _ratio(ratio: Ratio, words: Words) -> str:
    if ratio.least is None or ratio.most is None:
        return f"**{plots.rounded(ratio.median)}×**"
    ends = {name: plots.rounded(value) for name, value in vars(ratio).items()}
    return words.spread.format(**ends)


def _static(row: Mapping[str, Any], words: Words) -> str:
    figures = {name: one["accuracy"] for name, one in row["encoders"].items()}
    figures |= {f"{name}_free": one["graph_free_accuracy"] for name, one in row["encoders"].items()}
    back = "" if row["given_back"] is None else words.given_back.format(percent=100 * row["given_back"])
    return words.accuracy.format(row=row["row"], **figures) + back


def _bar(line: Line, ratio: Ratio) -> plots.Shown:
    label = _LABELS[line.kind].format(of=line.of, rival=line.rival)
    least, most = (ratio.median if end is None else end for end in (ratio.least, ratio.most))
    return plots.Shown(label, ratio.median, least, most, line.bar["ratio"])


def _curves(result: Result) -> list[plots.Curve]:
    sizes, bar, exponent = result["sizes"], result["bar"], result["exponent"]
    return [
        plots.Curve(
            f"seconds ~ texts^{exponent['seconds']:.2f}",
            "s",
            tuple((one["rows"], one["seconds"]) for one in sizes),
            bar["seconds"],
        ),
        plots.Curve(
            f"peak memory ~ texts^{exponent['peak_mib']:.2f}",
            "GiB",
            tuple((one["rows"], one["peak_mib"] / _GIB) for one in sizes),
            bar["peak_mib"] / _GIB,
        ),
    ]


def _made(results: list[Result], words: Words) -> str:
    versions: dict[str, list[str]] = {}
    for result in results:
        for name, version in result["versions"].items():
            versions.setdefault(name, []).append(version)
    machines = [_machine(result["hardware"]) for result in results]
    days = sorted({result["date"] for result in results if "date" in result})
    dates = days[0] if len(days) == 1 else f"{days[0]} … {days[-1]}" if days else ""
    return words.made_with.format(
        versions=", ".join(f"{name} {' / '.join(dict.fromkeys(those))}" for name, those in versions.items()),
        hardware="; ".join(dict.fromkeys(machines)),
        dates=words.date.format(dates=dates) if days else "",
    )


def _machine(hardware: Mapping[str, Any]) -> str:
    facts = [*hardware["features"], f"{hardware['memory_gib']} GiB", hardware["encoding_in"]]
    return f"{hardware['cores']} × {hardware['processor']} ({', '.join(facts)})"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main(arguments: list[str] | None = None) -> int:
    """Rewrite documents and plots; with ``--check`` only say whether they are as they should be."""
    return rewriting.main(__doc__, lambda: expected(speeds.RESULTS, DOCS), arguments)


if __name__ == "__main__":
    sys.exit(main())
