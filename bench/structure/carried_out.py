"""What an encoder that is tuned, pruned or rounded comes to: accuracy on test rows, and size.

Test rows judge, and decide nothing: a training keeps its best epoch by val rows, and heads have a fixed
strength.
"""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))

import protocols
from graphtune.compress import Pruning, prune, round_weights
from graphtune.encoder import Cache, Transformer, from_name
from graphtune.encoder.loading import LoadedTransformer, load_model
from graphtune.encoder.precision import chosen_format
from graphtune.encoder.token_states import TokenIds, TokenStates
from graphtune.errors import TableError
from graphtune.metric import accuracy, negative_log_likelihood
from graphtune.model import TextModel, TextTask
from graphtune.model.text import in_pieces
from graphtune.select.linear import LinearHead
from graphtune.select.tuned_reader import cut_model, rows_of_texts, settings_of
from graphtune.sensitivity import Rows, fit_head
from graphtune.strategy import TextStrategy
from graphtune.structure.plans import BitPlan, PruningPlan
from graphtune.train import History, train

_STRENGTH = 10.0  # C of the logistic regression on rows of what was pruned or rounded
_DIGITS = 4


@dataclass(frozen=True)
class Size:
    """How many rows there are at most, and how long is trained."""

    train: int = 2000
    val: int = 256  # where there is no val part: held out, at most a quarter of the training rows
    test: int = 2000
    epochs: int = 3
    batch_rows: int = 16


@dataclass(frozen=True)
class Tuning:
    """A training; only the head learns beside what the strategy names."""

    strategy: TextStrategy
    blocks: int  # from the top, that can learn; what is below is worked out once


@dataclass(frozen=True)
class Cutting:
    """Heads, units or blocks that go, by a plan where there is one."""

    settings: Pruning
    plan: PruningPlan | None = None


@dataclass(frozen=True)
class Rounding:
    """Weights in fewer bits; an empty plan leaves the encoder whole."""

    plan: BitPlan


Work = Tuning | Cutting | Rounding


@dataclass(frozen=True, eq=False)
class Corpus:
    """The texts of one set and seed: those that learn, those that judge, and those of the test."""

    encoder: Transformer
    texts: Sequence[str]
    labels: np.ndarray
    classes: int
    learn: np.ndarray
    judge: np.ndarray
    test: np.ndarray
    seed: int

    @classmethod
    def read(cls, name: str, encoder: str, seed: int, size: Size, smoke_rows: int | None = None) -> "Corpus":
        """Draw the rows by the seed.

        Raises:
            protocols.AbsentDataError: the set is not there.
            TableError: it has too few labelled rows, or none of a test part.
        """
        table, _ = protocols.read(protocols.Protocol(name), seed, smoke_rows)
        named = from_name(encoder)
        assert isinstance(named, Transformer)
        random = np.random.default_rng(seed)
        learn, judge, test = (
            random.permutation(protocols.labelled(table, part)) for part in ("train", "val", "test")
        )
        if not len(judge):
            count = min(size.val, len(learn) // 4)
            learn, judge = learn[count:], learn[:count]
        every = learn[: size.train], judge[: size.val], test[: size.test]
        if min(map(len, every)) < 2:
            raise TableError(
                f"{name} has {len(learn)} labelled rows to learn from, {len(judge)} to judge and {len(test)} "
                "of the test.",
                fix="use a set with some of each.",
            )
        chosen = np.concatenate(every)
        ends = np.cumsum([len(one) for one in every])
        learn, judge, test = np.split(np.arange(len(chosen)), ends[:-1])
        texts = [table.texts[int(row)] for row in chosen]
        return cls(named, texts, table.labels[chosen], len(table.classes), learn, judge, test, seed)

    @property
    def rows(self) -> dict[str, int]:
        """How many texts there are of each part."""
        return {"train": len(self.learn), "val": len(self.judge), "test": len(self.test)}

    @property
    def shown(self) -> Rows:
        """What may be looked at before the test."""
        count = len(self.learn) + len(self.judge)
        return Rows(self.texts[:count], self.labels[:count], self.classes, self.learn, self.judge)

    def of(self, rows: np.ndarray) -> list[str]:
        """Return the texts of some rows."""
        return [self.texts[int(row)] for row in rows]

    @cached_property
    def head(self) -> LinearHead:
        """Logistic regression on the whole encoder's rows of what learns."""
        return self.fitted(self.encoder.encode(self.of(self.learn)))

    def fitted(self, rows: Tensor) -> LinearHead:
        """Return the same on other rows of these texts."""
        return LinearHead.fit(rows, self.labels[self.learn], self.classes, strength=_STRENGTH)

    def figures(self, rows: np.ndarray, probabilities: np.ndarray) -> tuple[float, float]:
        """Return accuracy in percent and the mean negative log likelihood in nats."""
        truth = self.labels[rows]
        right = accuracy(truth, probabilities.argmax(axis=1))
        return round(100 * right, _DIGITS), round(negative_log_likelihood(probabilities, truth), _DIGITS)


def carried_out(work: Work, corpus: Corpus, size: Size) -> dict[str, Any]:
    """Return what becomes of the encoder, as JSON holds it."""
    if isinstance(work, Tuning):
        return _tuned(work, corpus, size)
    return _cut(work, corpus) if isinstance(work, Cutting) else _rounded(work, corpus)


def _tuned(work: Tuning, corpus: Corpus, size: Size) -> dict[str, Any]:
    encoder = corpus.encoder
    with tempfile.TemporaryDirectory() as folder, torch.random.fork_rng(devices=[]):
        cache = Cache(Path(folder))
        model, task, history = trained(work, corpus, size, cache)
        val = _probabilities(model, task, torch.from_numpy(corpus.judge))
        every = torch.arange(len(corpus.test))
        given = _read_by(model, encoder, corpus.of(corpus.test), cache)
        hidden = torch.full_like(every, -1)  # no label of the test is anywhere near the model
        asked = TextTask(given, hidden, corpus.classes, every[:0], every, device=encoder.loaded.device)
        test = _probabilities(model, asked, every)
    phase = history.phases[-1]
    head = sum(parameter.numel() for parameter in model.head.parameters())
    return {
        **_judged(corpus, val, test),
        "learned": phase.learned - head,
        "epochs": [phase.best, len(phase.epochs)],
        "blocks": encoder.depth - model.encoder.frozen,
    }


def trained(work: Tuning, corpus: Corpus, size: Size, cache: Cache) -> tuple[TextModel, TextTask, History]:
    """Return the tuned encoder, what it learned and was judged on, and how that went.

    What its frozen blocks make of texts goes to ``cache``: what another training has worked out already would
    make this one faster.
    """
    encoder, shown = corpus.encoder, corpus.shown
    torch.manual_seed(corpus.seed)
    model = cut_model(encoder, max(1, work.blocks), corpus.classes, drops=False)
    given = _read_by(model, encoder, shown.texts, cache)
    labels, learn, judge = map(torch.from_numpy, (shown.labels, shown.learn, shown.judge))
    task = TextTask(given, labels, corpus.classes, learn, judge, device=encoder.loaded.device)
    fit_head(model, task)
    return model, task, train(work.strategy, model, task, settings_of(size.batch_rows), seed=corpus.seed)


def _read_by(
    model: TextModel, encoder: Transformer, texts: Sequence[str], cache: Cache
) -> TokenIds | TokenStates:
    frozen = model.encoder.frozen
    return TokenStates.of(encoder, texts, frozen, cache=cache) if frozen else TokenIds.of(encoder, texts)


def _probabilities(model: TextModel, task: TextTask, rows: Tensor) -> np.ndarray:
    with torch.no_grad():
        return in_pieces(task, rows, model).float().softmax(dim=1).numpy()


def _cut(work: Cutting, corpus: Corpus) -> dict[str, Any]:
    learned = corpus.of(corpus.learn)
    head = corpus.head
    left = prune(
        corpus.encoder,
        learned,
        corpus.labels[corpus.learn],
        settings=work.settings,
        plan=work.plan,
        head=head,
        seed=corpus.seed,
    )
    report = left.report
    return {
        **_read(corpus, left.rows),
        "flops": round(report.flops / report.flops_before, _DIGITS),
        "parameters": report.parameters,
        "blocks": [[one.heads, one.units] for one in report.blocks],
    }


def _rounded(work: Rounding, corpus: Corpus) -> dict[str, Any]:
    encoder, base = corpus.encoder, corpus.encoder.loaded
    model = load_model(encoder.directory, torch.float32)
    round_weights(model, work.plan)
    number_format = chosen_format(encoder.precision, base.device)
    loaded = LoadedTransformer.of(base.tokenizer, model, base.device, number_format)
    return _read(corpus, lambda texts: rows_of_texts(encoder, loaded, texts))


def _read(corpus: Corpus, rows_of: Any) -> dict[str, Any]:
    """Judge rows by a head that is fitted on them anew, and by the one of the whole encoder."""
    learn, judge, test = (rows_of(corpus.of(rows)) for rows in (corpus.learn, corpus.judge, corpus.test))
    anew = corpus.fitted(learn)
    same, _ = corpus.figures(corpus.test, corpus.head.probabilities(test))
    found = _judged(corpus, anew.probabilities(judge), anew.probabilities(test))
    return {**found, "same_head_accuracy": same}


def _judged(corpus: Corpus, val: np.ndarray, test: np.ndarray) -> dict[str, Any]:
    val_accuracy, val_loss = corpus.figures(corpus.judge, val)
    return {
        "accuracy": corpus.figures(corpus.test, test)[0],
        "val_accuracy": val_accuracy,
        "val_loss": val_loss,
    }
