"""fastText: a supervised model whose rate, epochs and pieces of words are chosen.

    python fasttext_supervised.py TASK_DIR OUT_DIR

The values tried are those of fastText's own tutorial. Its automatic tuning was tried too: with few labels it
reads far more into few judging rows, and chooses worse ones. Texts are lowered and punctuation is set apart,
as the tutorial does; a Chinese character stands as a word.
"""

import itertools
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import contract

_PIECES = (
    {"wordNgrams": 2},  # pairs of words
    {"wordNgrams": 1, "minn": 3, "maxn": 6},  # words and the pieces that fastText's word vectors use
)
_EPOCHS, _RATES = (25, 100), (0.5, 1.0)
_SIZE = {"dim": 50, "bucket": 200_000}
_MARGIN = 6  # a training of 100 epochs takes about four times one of 25, and the final one has more rows
_HAN = re.compile(r"([\u3400-\u9fff\uf900-\ufaff])")
_MARKS = re.compile(r"([^\w\s])")
_LABEL = "__label__"


def run(task: contract.Task) -> tuple[np.ndarray, contract.Facts]:
    """Choose settings, train on all labelled rows and predict."""
    import fasttext

    def trained(rows: np.ndarray, settings: dict[str, Any]) -> Any:
        lines = [f"{_LABEL}{task.labels[row]} {_words(task.texts[row])}\n" for row in rows]
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "rows.txt"
            file.write_text("".join(lines), encoding="utf-8")
            return fasttext.train_supervised(
                str(file), thread=task.threads, seed=task.seed, verbose=0, **_SIZE, **settings
            )

    clock = contract.Clock(task.budget_seconds)
    learn, judge = task.parts
    best, most, slowest, left = None, -1, 0.0, False
    for epochs, pieces, rate in itertools.product(_EPOCHS, _PIECES, _RATES):
        if left := not clock.has(_MARGIN * slowest):
            break
        settings, start = {"epoch": epochs, "lr": rate, **pieces}, time.monotonic()
        found = _probabilities(trained(learn, settings), task, judge).argmax(1)
        hits, slowest = int((found == task.labels[judge]).sum()), max(slowest, time.monotonic() - start)
        if hits > most:
            best, most = settings, hits
    model = trained(task.train, best)
    seconds = clock.seconds
    parts = [model.get_input_matrix(), model.get_output_matrix()]
    learned = sum(part.size for part in parts)
    return _probabilities(model, task, task.test), contract.Facts(
        train_seconds=seconds,
        learned_parameters=learned,
        total_parameters=learned,
        size_bytes=sum(part.nbytes for part in parts),
        packages=("fasttext-community", "numpy"),
        settings={**best, **_SIZE},
        latency_ms=contract.latency_ms(lambda text: model.predict(_words(text)), task.of(task.test)),
        note="the budget left some settings untried" if left else "",
    )


def _words(text: str) -> str:
    return " ".join(_MARKS.sub(r" \1 ", _HAN.sub(r" \1 ", text.lower())).split())


def _probabilities(model: Any, task: contract.Task, rows: np.ndarray) -> np.ndarray:
    found = np.zeros((len(rows), len(task.known)), dtype=np.float32)
    for at, (names, values) in enumerate(
        zip(*model.predict([_words(text) for text in task.of(rows)], k=-1), strict=True)
    ):
        found[at, [int(name.removeprefix(_LABEL)) for name in names]] = values
    return found


if __name__ == "__main__":
    sys.exit(contract.main(run))
