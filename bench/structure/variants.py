"""Make more encoders to measure: one with fewer blocks than another, and one that was tuned on a set.

    python bench/structure/variants.py INTO [--encoder NAME] [--set SET] [--blocks N] [--rows N]

Writes the Hugging Face directories ``INTO/NAME-N-blocks``, the encoder without its top blocks, and
``INTO/NAME-tuned-SET``, which learned from up to 2,000 training rows of the set in three epochs of all
blocks; up to 256 rows of val, or held out of the training rows, chose the epoch. ``--rows`` only tries the
script: nothing is kept.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1]))

from carried_out import Corpus, Size

import protocols
from graphtune import progress
from graphtune.encoder.export import export
from graphtune.encoder.loading import load_model
from graphtune.errors import GraphtuneError, PlanError
from graphtune.select.tuned_reader import settings_of
from graphtune.select.tuning_plan import deep
from graphtune.sensitivity import fit_head, prepared
from graphtune.train import train


def tuned(corpus: Corpus, size: Size) -> nn.Module:
    """Return the encoder after it learned from the corpus."""
    encoder = corpus.encoder
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(corpus.seed)
        model, task = prepared(encoder, load_model(encoder.directory, torch.float32), corpus.shown)
        device = encoder.loaded.device
        model, task = model.to(device), replace(task, device=device)
        fit_head(model, task)
        usual: Any = deep(len(corpus.learn), encoder.depth).strategy
        strategy = replace(usual, epochs=size.epochs)
        train(strategy, model, task, settings_of(size.batch_rows), seed=corpus.seed)
    return model.encoder.model.cpu()


def shallower(model: Any, blocks: int) -> nn.Module:
    """Return an encoder of BERT's kind without the blocks above the first ones; it is changed in place."""
    model.encoder.layer = model.encoder.layer[:blocks]
    model.config.num_hidden_layers = blocks
    return model  # type: ignore[no-any-return] # transformers' models are not typed


def main(arguments: Sequence[str] | None = None) -> int:
    """Write both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("into", type=Path)
    parser.add_argument(
        "--encoder", default="minilm", help="minilm, or a Hugging Face directory of BERT's kind"
    )
    parser.add_argument("--set", default="dbpedia14k", help="that one of them is tuned on")
    parser.add_argument("--blocks", type=int, default=4, help="that are left of the other")
    parser.add_argument("--rows", type=int, help="smoke run on so many rows")
    given = parser.parse_args(arguments)
    size = Size() if given.rows is None else Size(given.rows, given.rows, given.rows, epochs=1)
    try:
        with progress.shown(), tempfile.TemporaryDirectory() as tried:
            corpus = Corpus.read(given.set, given.encoder, 0, size, given.rows)
            into = given.into if given.rows is None else Path(tried)
            made = write(corpus, size, given.blocks, f"tuned-{given.set}", into)
    except (GraphtuneError, protocols.AbsentDataError) as error:
        print(error, file=sys.stderr)
        return 2
    print("\n".join(place.name if given.rows else str(place) for place in made))
    return 0


def write(corpus: Corpus, size: Size, blocks: int, learned: str, into: Path) -> list[Path]:
    """Write both, and return where they are; ``learned`` is how the tuned one is told apart.

    Raises:
        PlanError: so many blocks are none, or all.
    """
    encoder = corpus.encoder
    if not 1 <= blocks < encoder.depth:
        raise PlanError(
            f"{blocks} of the encoder's {encoder.depth} blocks cannot be left.",
            fix=f"use 1 to {encoder.depth - 1}.",
        )
    cut = shallower(load_model(encoder.directory, torch.float32), blocks)
    made = []
    for model, what in ((cut, f"{blocks}-blocks"), (tuned(corpus, size), learned)):
        made.append(into / f"{Path(encoder.name).name}-{what}")
        export(model, encoder.directory, made[-1], pooling=encoder.pooled_by, max_tokens=encoder.max_tokens)
    return made


if __name__ == "__main__":
    sys.exit(main())
