"""How long an epoch of a ladder beside the frozen encoder takes, and one of tuning the encoder.

    python bench/ladder.py [--rows N]

R8, all labels, the packaged MiniLM. Nothing is passed back through the encoder: a ladder's epochs cost its
own rungs, and the encoder is read once, which is told apart. Full tuning learns all blocks and the embedding,
`top 3` the upper three blocks over the kept states of the lower ones; of both an epoch is worked out from
some texts of all lengths. The ladder is then fitted as a plan's only candidate, and tested once.
"""

import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import nn

import protocols
import recording
import smoke
import surroundings
from graphtune.encoder import Cache, Transformer, cached_blocks, from_name
from graphtune.encoder.token_states import TokenIds, TokenStates
from graphtune.encoder.tunable import TunableTransformer
from graphtune.model import Task, TextModel, TextTask
from graphtune.plan import Plan
from graphtune.run import fit_table
from graphtune.select import Data, FeatureMaker, Features, Ladder
from graphtune.select.graphs import build, usual
from graphtune.select.side import blocks_of
from graphtune.select.spared import scaled
from graphtune.strategy import EncoderTuning, EveryExit
from graphtune.table import Table
from graphtune.train import Training, train

NAME = "ladder"
BAR = 12.0  # times as fast as full tuning
_ENCODER = "minilm"
_TIMED_TEXTS, _BATCH = 320, 16  # of full tuning
_EPOCHS = 10  # of the ladder, timed
_DIGITS = 4


def run(out: Path) -> None:
    """Measure, and write the result; without the data say so."""
    recording.record(out / NAME, ["r8"], lambda _: measured(None, _ENCODER), line)


def measured(rows: int | None, encoder: str) -> dict[str, Any]:
    """Time an epoch of each, and test the ladder."""
    table, _ = protocols.read(protocols.Protocol("r8"), 0, rows)
    learn = protocols.labelled(table, "train")
    named = from_name(encoder)
    assert isinstance(named, Transformer)
    with tempfile.TemporaryDirectory() as name:
        ladder = _ladder(table, learn, named, Cache(Path(name)))
        tuned = {said: _tuning(table, learn, named, k, Cache(Path(name))) for said, k in _depths(named)}
        start = time.monotonic()
        plan = Plan(encoder=encoder, candidates=(Ladder(),), exactly=True)
        with mock.patch.dict(os.environ, GRAPHTUNE_CACHE=name):
            outcome = fit_table(table, plan=plan, into=None).outcome
        seconds = time.monotonic() - start
    assert outcome.test is not None
    ratio = tuned["full"]["epoch_s"] / ladder["epoch_s"]
    return {
        "dataset": "r8, all labels",
        "encoder": encoder,
        "rows": {"train": len(learn), "test": len(protocols.labelled(table, "test"))},
        "ladder": ladder,
        **tuned,
        "ratio": round(ratio, 2),
        "bar": BAR,
        "met": ratio >= BAR,
        "top_3_ratio": round(tuned["full"]["epoch_s"] / tuned["top 3"]["epoch_s"], 2),
        "fit": {
            "accuracy": round(100 * outcome.test.accuracy, _DIGITS),
            "chosen": outcome.chosen,
            "seconds_but_reading": round(seconds, 2),  # of the training rows' blocks
        },
        "threads": torch.get_num_threads(),
        **surroundings.facts(),
    }


def _ladder(table: Table, learn: np.ndarray, encoder: Transformer, cache: Cache) -> dict[str, Any]:
    texts = [table.texts[row] for row in learn]
    start = time.monotonic()
    blocks = blocks_of(encoder, ())
    found = cached_blocks(encoder, texts, blocks, cache=cache)
    reading = time.monotonic() - start
    features = Features(FeatureMaker(encoder, None), tuple(texts), {"meaning": found[encoder.depth]})
    x = torch.cat([scaled(found[block]) for block in blocks], dim=1)
    one = usual(links=False, views={"meaning"}, nodes=len(texts))[:1]
    built = build(one, features, [str(number) for number in range(len(texts))], None)
    labels = torch.from_numpy(table.labels[learn])
    every = torch.arange(len(learn))
    task = Task(x, built[one[0].name].graph, labels, len(table.classes), every, every[:0])
    data = Data(features, built, table.labels[learn], len(table.classes))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Ladder().network(data)
    history = train(EveryExit(epochs=_EPOCHS), model, task, Training(patience=None), seed=0)
    return {
        "blocks": list(blocks),
        "learned": history.phases[0].learned,
        "read_once_s": round(reading, 3),
        "epoch_s": round(median(epoch.seconds for epoch in history.epochs), _DIGITS),
        "epochs_timed": _EPOCHS,
    }


def _tuning(
    table: Table, learn: np.ndarray, encoder: Transformer, frozen: int, cache: Cache
) -> dict[str, Any]:
    some = np.random.default_rng(0).permutation(learn)[:_TIMED_TEXTS]
    texts = [table.texts[row] for row in some]
    given = TokenStates.of(encoder, texts, frozen, cache=cache) if frozen else TokenIds.of(encoder, texts)
    model = TextModel(
        TunableTransformer.load(encoder.directory, frozen),
        encoder.pooled_by,
        nn.Linear(encoder.width, len(table.classes)),
    )
    every = torch.arange(len(some))
    task = TextTask(given, torch.from_numpy(table.labels[some]), len(table.classes), every, every[:0])
    settings = Training(_BATCH, patience=None, schedule="linear", warmup=0.1, clip=1.0)
    history = train(EncoderTuning(epochs=1), model, task, settings, seed=0)
    return {
        "frozen_blocks": frozen,
        "learned": history.phases[0].learned,
        "epoch_s": round(history.epochs[0].seconds * len(learn) / len(some), _DIGITS),
        "texts_timed": len(some),
    }


def _depths(encoder: Transformer) -> tuple[tuple[str, int], ...]:
    return (("full", 0), ("top 3", max(0, encoder.depth - 3)))


def line(result: dict[str, Any]) -> str:
    """Say a result in one line."""
    ladder, full = result["ladder"], result["full"]
    return (
        f"ladder: {ladder['epoch_s']} s an epoch (blocks read once in {ladder['read_once_s']} s), full "
        f"tuning {full['epoch_s']} s: {result['ratio']} times as fast (bar {result['bar']}); accuracy "
        f"{result['fit']['accuracy']:.2f} %"
    )


def main() -> int:
    """Measure; with ``--rows`` only try the script."""
    return smoke.main(__doc__, run, lambda rows: line(measured(rows, _ENCODER)), sizes=smoke.ROWS)


if __name__ == "__main__":
    sys.exit(main())
