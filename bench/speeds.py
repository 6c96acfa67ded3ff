"""The committed results of the speed benchmarks, brought into one form."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import encoding
import kernels
import latency
import million
import nearest
import sampling
import static
import trainer
import word_graph

Result = dict[str, Any]

RESULTS = Path(__file__).parent / "results"
_LAYERS = {"gcn": "GCN", "sage": "SAGE", "gat": "GAT"}
_GIB = 1024.0  # MiB


@dataclass(frozen=True)
class Ratio:
    """How many times as fast: the median over the turns, and how far they spread."""

    median: float
    least: float | None = None  # None: each was run once
    most: float | None = None

    @classmethod
    def of(cls, found: Mapping[str, float] | float) -> "Ratio":
        """Read it as a result has it."""
        return cls(found) if isinstance(found, int | float) else cls(**found)


@dataclass(frozen=True)
class Line:
    """One line of the table; what it is called is said elsewhere, in each language."""

    kind: str  # of the words
    of: str = ""  # data set or layer
    rival: str = ""
    bar: dict[str, float] = field(default_factory=dict)
    result: Result | None = None  # None: not measured yet
    ratio: Ratio | None = None
    figures: dict[str, float] = field(default_factory=dict)
    met: bool | None = None
    share: float | None = None  # of the measured limit
    peaks: tuple[float, ...] = ()  # MiB, ours first


def read(folder: Path, name: str) -> Result | None:
    """Return a result; None where it is not there, or older than the form that `contest` gives."""
    file = folder / f"{name}.json"
    if not file.is_file():
        return None
    result = json.loads(file.read_text(encoding="utf-8"))
    return None if "median_ms" in result else result


def lines(folder: Path = RESULTS) -> list[Line]:
    """Return every line, measured or not, in the order of the table."""
    return [
        *(_encoded(folder, name) for name in encoding.BARS),
        _encoding_share(folder),
        *(_distilled(folder, name) for name in static.TIMED),
        *(line for name in kernels.BARS for line in _steps(folder, name)),
        _sampled(folder),
        *_word_graphs(folder),
        _neighbours(folder),
        _fit(folder),
        _answer(folder),
        _grown(folder),
    ]


def _encoded(folder: Path, name: str) -> Line:
    bar = {
        "ratio": encoding.BARS[name],
        "cosine": encoding.LEAST_COSINE,
        "lost": encoding.MOST_LOST,
    }
    line, result = Line("encoding", name, bar=bar), read(folder, f"{encoding.NAME}/{name}")
    if result is None:
        return line
    figures = {
        "cosine": result["cosine"]["median"],
        "ours": result["accuracy"]["graphtune"],
        "theirs": result["accuracy"]["sentence-transformers"],
    }
    ratio = Ratio.of(result["ratio"])
    return replace(line, result=result, ratio=ratio, figures=figures, met=result["met"])


def _encoding_share(folder: Path) -> Line:
    least = encoding.LEAST_SHARE
    line, result = (
        Line("encoding_share", "r8", bar={"percent": 100 * least}),
        read(folder, f"{encoding.NAME}/r8"),
    )
    if result is None:
        return line
    share = result["share_of_limit"]
    figures = {"rate": result["gflop_per_s"], "most": result["limit"]["bfloat16_gflop_per_s"]}
    return replace(line, result=result, figures=figures, met=share >= least, share=share)


def _distilled(folder: Path, name: str) -> Line:
    return _only_ratio(Line("static", name, bar={"ratio": static.BAR}), folder, f"{static.NAME}/{name}")


def _sampled(folder: Path) -> Line:
    return _only_ratio(Line("sampling", bar={"ratio": sampling.BAR}), folder, f"{sampling.NAME}/random")


def _only_ratio(line: Line, folder: Path, name: str) -> Line:
    result = read(folder, name)
    if result is None:
        return line
    return replace(line, result=result, ratio=Ratio.of(result["ratio"]), met=result["met"])


def _steps(folder: Path, name: str) -> Iterator[Line]:
    bar, result = kernels.BARS[name], read(folder, f"{kernels.NAME}/{name}")
    for rival, least in (("edge_index", bar.edge_index), ("csr", bar.csr)):
        if least is None:
            continue
        line = Line("step", _LAYERS[name], rival, {"ratio": least})
        if result is not None:
            ratio = Ratio.of(result["ratio"][f"pyg_{rival}"])
            met, peaks = ratio.median >= least, _peaks(result["ways"], "graphtune", f"pyg_{rival}")
            line = replace(line, result=result, ratio=ratio, met=met, peaks=peaks)
            if rival == "edge_index":  # the step is the same beside the other one
                line = replace(line, share=_step_share(result))
        yield line
    if bar.peak is not None:
        yield _step_memory(result, Line("step_memory", _LAYERS[name], "edge_index", {"share": bar.peak}))


def _step_memory(result: Result | None, line: Line) -> Line:
    if result is None:
        return line
    share = result["peak_share"]["pyg_edge_index"]["process"]
    peaks = _peaks(result["ways"], "graphtune", "pyg_edge_index")
    met = share <= line.bar["share"]
    return replace(line, result=result, figures={"share": share}, met=met, peaks=peaks)


def _step_share(result: Result) -> float | None:
    """Return which share of a step its products and messages would take at the rates of the probes."""
    limit, work = result["limit"], result["work"]
    if not {"float32_gflop_per_s", "memory_gb_per_s"} <= limit.keys():
        return None
    products = work["products_gflop"] / limit["float32_gflop_per_s"]
    messages = work["messages_gb"] / limit["memory_gb_per_s"]
    return (products + messages) / result["ways"]["graphtune"]["median_s"]


def _word_graphs(folder: Path) -> tuple[Line, Line]:
    sample = Line("words", "20ng", bar={"ratio": word_graph.BAR})
    whole = Line("all_words", "20ng", bar={"gib": word_graph.MOST_MIB / _GIB})
    result = read(folder, f"{word_graph.NAME}/20ng")
    if result is None:
        return sample, whole
    ratio, alone = Ratio.of(result["ratio"]), result["whole"]["graphtune"]
    figures = {"seconds": alone["median_s"], "texts": result["whole"]["texts"]}
    peaks = _peaks(result["compared"]["ways"], "graphtune", "dictionaries")
    met, fits = ratio.median >= word_graph.BAR, alone["peak_mib"] <= word_graph.MOST_MIB
    return (
        replace(sample, result=result, ratio=ratio, met=met, peaks=peaks),
        replace(whole, result=result, figures=figures, met=fits, peaks=(alone["peak_mib"],)),
    )


def _neighbours(folder: Path) -> Line:
    line = Line("nearest", bar={"ratio": nearest.BAR, "recall": nearest.LEAST_RECALL})
    result = read(folder, f"{nearest.NAME}/mixture")
    if result is None:
        return line
    return replace(
        line,
        result=result,
        ratio=Ratio.of(result["ratio"]),
        figures={"recall": result["recall"]["graphtune"]},
        met=result["met"],
        share=(result["share_of_limit"] or {}).get("graphtune"),
        peaks=_peaks(result["ways"], "graphtune", "faiss"),
    )


def _fit(folder: Path) -> Line:
    line, result = (
        Line("fit", bar={"ratio": trainer.BAR}),
        read(folder, f"{trainer.NAME}/banking77-few5"),
    )
    if result is None:
        return line
    ours, theirs = result["graphtune"], result["trainer"]
    figures = {
        "seconds": ours["seconds"],
        "their_seconds": theirs["seconds"],
        "ours": ours["accuracy"],
        "theirs": theirs["accuracy"],
        "best": result["bar"]["accuracy"],
    }
    peaks = _peaks(result, "graphtune", "trainer")
    ratio = Ratio.of(result["ratio"])
    return replace(line, result=result, ratio=ratio, figures=figures, met=result["met"], peaks=peaks)


def _answer(folder: Path) -> Line:
    line, result = (
        Line("latency", bar={"p50": latency.MOST_MS}),
        read(folder, f"{latency.NAME}/banking77-few5"),
    )
    if result is None:
        return line
    ours, theirs = result["graphtune"], result["sentence_transformers"]
    figures = {
        "p50": ours["p50_ms"],
        "p95": ours["p95_ms"],
        "their_p50": theirs["p50_ms"],
        "their_p95": theirs["p95_ms"],
    }
    return replace(line, result=result, figures=figures, met=ours["p50_ms"] <= latency.MOST_MS)


def _grown(folder: Path) -> Line:
    line = Line("million", bar={"minutes": million.SECONDS / 60, "gib": million.MEBIBYTES / _GIB})
    result = read(folder, f"{million.NAME}/static")
    if result is None:
        return line
    largest = result["sizes"][-1]
    figures = {
        "seconds": largest["seconds"],
        "gib": largest["peak_mib"] / _GIB,
        "seconds_exponent": result["exponent"]["seconds"],
        "memory_exponent": result["exponent"]["peak_mib"],
    }
    return replace(line, result=result, figures=figures, met=result["met"], peaks=(largest["peak_mib"],))


def _peaks(ways: Mapping[str, Mapping[str, float]], *names: str) -> tuple[float, ...]:
    return tuple(ways[name]["peak_mib"] for name in names)
