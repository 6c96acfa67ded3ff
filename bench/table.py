"""Put the committed results of the bars into the READMEs, as a table.

    python bench/table.py [--check]

The table stands between the lines ``<!-- bars:begin -->`` and ``<!-- bars:end -->`` of README.md and
README.zh-CN.md; nothing else is touched.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import recording
import rewriting
from bars import ROWS

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench/results/bars"
BEGIN, END = "<!-- bars:begin -->", "<!-- bars:end -->"


@dataclass(frozen=True)
class Words:
    """What the table says in one language."""

    columns: tuple[str, ...]
    protocols: dict[str, str]
    families: dict[str, str]
    several: str
    met: dict[bool, str]
    least: str
    never_worse: str
    resources: str
    caption: str
    made_with: str
    none: str


ENGLISH = Words(
    columns=(
        *("task", "protocol", "labelled rows", "graphtune", "bar", "bar met", "saved model"),
        *("best without a graph", "gain of the graph", "TF-IDF + LR", "embeddings + LR", "seconds"),
    ),
    protocols={"inductive": "inductive", "transductive": "transductive"},
    families={"graph-free": "without a graph", "graph": "with a graph", "network": "network"},
    several="varies",
    met={True: "yes", False: "**no**"},
    least="≥ {bar:.1f}",
    never_worse="≥ {bar:.2f} (better baseline − 0.3)",
    resources=(
        "`{command}`, with an empty cache on {cores} cores: {seconds:.0f} s (bar {most_seconds:.0f} s), at "
        "most {peak:.0f} MiB of memory (bar {most_peak:.0f} MiB), accuracy {accuracy:.2f} %. Bars met: {met}."
    ),
    caption=(
        "Accuracy on the test rows in %; ± is the standard deviation over the seeds. *Gain of the graph*: "
        "points on the test rows between the best candidate with a graph and the best without, whichever was "
        "saved, with its 95 % interval; of several seeds the mean, the smallest and the largest. LR: "
        "logistic regression whose strength was chosen on held-out rows. *Seconds*: one fit, with what was "
        "encoded before in the cache."
    ),
    made_with="Made by `make bench` with {made}; every figure is in `bench/results/bars/`.",
    none="No results are committed yet; `make bench` makes them.",
)
CHINESE = Words(
    columns=(
        *("任务", "协议", "有标签的行", "graphtune", "标准", "达标", "保存的模型"),
        *("最佳的无图候选", "图的收益", "TF-IDF + LR", "嵌入 + LR", "秒"),
    ),
    protocols={"inductive": "归纳式", "transductive": "直推式"},
    families={"graph-free": "不用图", "graph": "用图", "network": "网络"},
    several="不一",
    met={True: "是", False: "**否**"},
    least="≥ {bar:.1f}",
    never_worse="≥ {bar:.2f}（较好的基线 − 0.3）",
    resources=(
        "`{command}`，缓存为空，{cores} 个核心：{seconds:.0f} 秒（标准 {most_seconds:.0f} 秒），"
        "内存最多 {peak:.0f} MiB（标准 {most_peak:.0f} MiB），准确率 {accuracy:.2f} %。达标：{met}。"
    ),
    caption=(
        "测试行上的准确率，单位 %；± 为各种子间的标准差。*图的收益*：在测试行上，"
        "最佳的用图候选与最佳的无图候选之差（百分点），与保存了哪一个无关，附 95 % 区间；"
        "有多个种子时为均值、最小值与最大值。LR：逻辑回归，强度在留出的行上选定。"
        "*秒*：一次拟合，此前编码过的内容在缓存中。"
    ),
    made_with="由 `make bench` 得出，环境为 {made}；全部数字见 `bench/results/bars/`。",
    none="尚未提交结果；`make bench` 可得出。",
)
READMES = ((ROOT / "README.md", ENGLISH), (ROOT / "README.zh-CN.md", CHINESE))


def committed(folder: Path = RESULTS) -> list[dict[str, Any]]:
    """Return the results that are there, in the order of the rows."""
    return recording.recorded(folder, (row.name for row in ROWS))


def table(results: list[dict[str, Any]], words: Words) -> str:
    """Return the Markdown of some results."""
    if not results:
        return words.none
    measured = [result for result in results if result["kind"] != "resources"]
    timed = [result for result in results if result["kind"] == "resources"]
    parts = []
    if measured:
        lines = [rewriting.line(words.columns), "|---|---|" + "---:|" * 2 + "---|" * 3 + "---:|" * 5]
        lines += [rewriting.line(_cells(result, words)) for result in measured]
        parts += ["\n".join(lines), words.caption]
    parts += [_timed(result, words) for result in timed]
    return "\n\n".join([*parts, words.made_with.format(made="; ".join(_made(results)))])


def _cells(result: dict[str, Any], words: Words) -> tuple[str, ...]:
    families = {run["family"] for run in result["seeds"]}
    deviation = "" if result["deviation"] is None else f" ± {result['deviation']:.2f}"
    bar = words.never_worse if result["kind"] == "never-worse" else words.least
    gain = result["test_gain"]
    return (
        result["row"],
        words.protocols[result["protocol"]],
        f"{result['rows']['labelled']:,}",
        f"**{result['accuracy']:.2f}**{deviation}",
        bar.format(bar=result["bar"]),
        words.met[result["met"]],
        words.families[families.pop()] if len(families) == 1 else words.several,
        f"{result['graph_free_accuracy']:.2f}",
        "" if gain is None else "{:+.2f} ({:+.2f} … {:+.2f})".format(*gain),
        f"{result['baselines']['tfidf']:.2f}",
        f"{result['baselines']['embeddings']:.2f}",
        f"{result['seconds']:.0f}",
    )


def _timed(result: dict[str, Any], words: Words) -> str:
    return words.resources.format(
        command=result["command"],
        cores=result["cores"],
        seconds=result["seconds"],
        most_seconds=result["bar"]["seconds"],
        peak=result["peak_mib"],
        most_peak=result["bar"]["peak_mib"],
        accuracy=result["accuracy"],
        met=words.met[result["met"]],
    )


def _made(results: list[dict[str, Any]]) -> list[str]:
    """Return the different circumstances of the results, as version and processor."""
    found = []
    for result in results:
        versions, hardware = result["versions"], result["hardware"]
        best = hardware["features"][-1] if hardware["features"] else hardware["processor"]
        found.append(
            f"graphtune {versions['graphtune']}, torch {versions['torch']}, Python {versions['python']}, "
            f"{hardware['cores']} × {hardware['processor']} ({best}, {hardware['encoding_in']})"
        )
    return list(dict.fromkeys(found))


def main(arguments: list[str] | None = None) -> int:
    """Rewrite the tables; with ``--check`` only say whether they are as they should be."""

    def expected() -> dict[Path, str]:
        results = committed()
        return {
            path: rewriting.replaced(path.read_text(encoding="utf-8"), table(results, words), BEGIN, END)
            for path, words in READMES
        }

    return rewriting.main(__doc__, expected, arguments)


if __name__ == "__main__":
    sys.exit(main())
