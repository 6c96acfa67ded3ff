"""How much memory a fit needs at its peak, part by part, and how much there is.

The constants were measured on Linux with torch 2.13 on a CPU, fitting banking77, r8 and 10,000 short texts.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MEBIBYTE = 1 << 20

_PROGRAM = 470 * MEBIBYTE  # the interpreter, torch, scikit-learn, pyarrow
_ROW = 160  # bytes of a row beside its text: id, label, split and what refers to them
_NUMBER = 4  # bytes of a float32
_COUNT = 16  # bytes of a term count while the words are learned
_TERM = 130  # bytes of a term in the vocabulary
_COUNTED_TEXT = 250  # bytes of a text's own arrays while its words are counted
_PROJECTION = 4  # copies of both sides of the decomposition
_EXTRA = 10  # columns of it beside its width
_EDGE = 48  # bytes of an edge: 16 in the graph, its form with loops and its normalised one
_NEAR = 12  # bytes of a neighbour found: cosine and number
_PARAMETER = 280  # bytes of a weight while L-BFGS learns it: it keeps ten steps and slopes in float64
_JOINED, _JOINING = 8, 40  # bytes of a dense feature in the sparse view beside the words; on its way there
_HELD = 128 * MEBIBYTE  # fitted candidates at most
_JUDGED = 60  # candidates whose probabilities of judged rows are held
_SPREADING = 3  # tables of every node's probabilities while they are spread
_STATE_BYTES = 1 << 29  # of propagated features: more is not held beside others
_STATES, _PASSING = 2, 3  # propagated features kept, and copies while they are made
_HIDDEN = 10 * 64  # hidden values of a node while a network learns


@dataclass(frozen=True)
class Sizes:
    """What a fit's memory depends on."""

    rows: int  # of the table
    letters: int  # bytes of its texts in memory
    nodes: int
    new: int  # rows that are attached
    judged: int  # rows that judge every candidate
    classes: int
    encoder: int  # bytes of the encoder, and of what it leaves behind
    distilling: int  # bytes more while token rows are distilled
    width: int  # of the encoder's rows
    topics: int  # width of the dense word features
    fused: int  # dense views that join both
    blocks: int  # width of the encoder's upper blocks side by side; 0 = they are not read
    terms: int  # different terms
    kept: int  # of them in the vocabulary
    dense_terms: int
    entries: int  # term counts
    edges: int  # of all graphs
    found: int  # neighbours of all searches
    words: bool  # whether a model of every single word is learned
    sparse: bool  # whether dense and word features are joined in a sparse view


def room(sizes: Sizes) -> Mapping[str, int]:
    """Return the bytes each part of a fit holds at the peak of the whole; their sum is that peak."""
    graphs = sizes.edges * _EDGE + sizes.found * _NEAR
    projecting = (sizes.nodes + sizes.dense_terms) * (sizes.topics + _EXTRA) * _NUMBER * _PROJECTION
    return {
        "program": _PROGRAM,
        "encoder": sizes.encoder,
        "texts": sizes.letters + sizes.rows * _ROW,
        "features": (sizes.nodes + sizes.new) * _wide(sizes) * _NUMBER,
        "words": sizes.entries * _COUNT + sizes.terms * _TERM + sizes.nodes * _COUNTED_TEXT,
        "graphs": graphs,
        # Tokens are distilled and words projected before there are graphs, and models are fitted after.
        "models": max(_models(sizes), projecting - graphs, sizes.distilling - graphs),
    }


def available_bytes() -> int | None:
    """Return how much a new process could take of this machine, or of its share of it; None if not known.

    What this process holds counts as free, for it will have ended.
    """
    free = _free()
    limits = [limit for limit in map(_number, _limit_files()) if limit is not None]
    found = [*limits, *([] if free is None else [free])]
    return min(found, default=None)


def most(able: Callable[[int], bool], limit: int) -> int | None:
    """Return the largest number from 0 to ``limit`` that is ``able``, as all below are; None if none is."""
    if not able(0):
        return None
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if able(middle) else (low, middle - 1)
    return low


def _wide(sizes: Sizes) -> int:
    """Return how many dense features a row has in all views."""
    topics = sizes.topics if sizes.fused or not sizes.width else 0
    # The blocks below the last are held by themselves too.
    blocks = 2 * sizes.blocks - sizes.width if sizes.blocks else 0
    return sizes.width + topics + sizes.fused * (sizes.width + topics) + blocks


def _models(sizes: Sizes) -> int:
    widest = max(sizes.blocks, sizes.width + (sizes.topics if sizes.fused else 0)) * _NUMBER
    probabilities = sizes.classes * _NUMBER
    # Of two classes one is learned.
    learned = (1 if sizes.classes == 2 else sizes.classes) * _PARAMETER
    passing = sizes.nodes * (_PASSING * widest + _HIDDEN * _NUMBER)
    features = sizes.nodes * sizes.width + sizes.entries if sizes.sparse else 0
    singles = sizes.kept + (sizes.width if sizes.sparse else 0)
    fitting = features * _JOINED + (singles * learned if sizes.words else 0)
    spreading = _SPREADING * sizes.nodes * probabilities
    judged = _JUDGED * sizes.judged * probabilities
    states = min(_STATES * sizes.nodes * widest, max(_STATE_BYTES, sizes.nodes * widest))
    return max(passing, features * _JOINING, fitting) + min(_HELD, spreading) + spreading + judged + states


def _free() -> int | None:
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")) * 1024
        return free + int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _page()
    with suppress(OSError, ValueError, AttributeError):
        return os.sysconf("SC_PHYS_PAGES") * _page()
    return None


def _page() -> int:
    return os.sysconf("SC_PAGE_SIZE")


def _limit_files() -> list[Path]:
    """Return where Linux says how much a container, or this process's group, may take."""
    root = Path("/sys/fs/cgroup")
    files = [root / "memory.max", root / "memory" / "memory.limit_in_bytes"]
    with suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            number, _, place = line.split(":", 2)
            if number == "0":
                files.append(root / place.lstrip("/") / "memory.max")
    return files


def _number(file: Path) -> int | None:
    with suppress(OSError, ValueError):  # not there, or "max"
        return int(file.read_text(encoding="ascii"))
    return None
