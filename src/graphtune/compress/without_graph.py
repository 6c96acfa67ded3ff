"""A small network on each text's own row learns what a model that reads a graph says of texts.

Source: GLNN, Zhang et al., ICLR 2022, arXiv:2110.08727, section 5.1.
Differs from the paper: the student reads rows of a pretrained encoder; the teacher's probabilities are the
calibrated ones, and its calibration is taken over; no label is read.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32

from graphtune.compress.subject import Subject
from graphtune.errors import ModelError, PlanError, TableError
from graphtune.model import Model
from graphtune.progress import say
from graphtune.report.wording import counted
from graphtune.run import FittedModel
from graphtune.run.fitted import Stored
from graphtune.select import Data, Distilled
from graphtune.select.calibration import Calibration
from graphtune.select.candidate import tells_nodes
from graphtune.strategy import Distil

_MOST_READ = 5_000_000  # texts, each counted as often as it is read; more teach no more
_LEAST = 1e-9  # weight of a class whose logarithm is taken


@dataclass(frozen=True)
class WithoutGraph:
    """Put a network of one hidden layer, or a linear map, on the encoder's rows in the place of a graph.

    So it does in the place of what reads several blocks of the encoder: it reads the last alone.

    It learns what the model says of the texts that it holds and of those that are given. What comes of it
    holds no text and no graph; encoder rows of up to 20,000 labelled texts stay, by which texts of no class
    are told.

    Raises:
        PlanError: a value is out of its range.
    """

    width: int = 128  # of the hidden layer; 0 = there is none
    epochs: int = 100  # at most: of many texts fewer
    rate: float = 0.01  # AdamW step size
    seed: int = 0  # of the weights at the start, of the order and of dropout

    def __post_init__(self) -> None:
        _ = self._student()
        if self.epochs < 1:
            raise PlanError(f"WithoutGraph.epochs = {self.epochs} is too few.", fix="use 1 or more.")

    @property
    def said(self) -> str:
        """What it is called in reports."""
        what = "a network of one hidden layer" if self.width else "a linear map"
        return f"the graph's place taken by {what}"

    def apply(self, subject: Subject, texts: Sequence[str], place: Path) -> Subject:
        """Return the same without a graph; nothing is written to ``place``.

        Raises:
            ModelError: there is no model, or it reads neither a graph of texts nor several blocks.
            TableError: no text has anything in it.
        """
        model = with_a_graph(subject)
        some = list(dict.fromkeys(text for text in texts if text.strip()))
        if not some:
            raise TableError(
                "There is no text to learn from what the graph says of it.",
                fix="give a table with texts such as it will read, with --data TABLE.",
            )
        said = model.calibration.apply(_said(model, some))
        say(f"learning what the model says of {counted(len(some), 'text')}")
        # Rows are the encoder's own: those of the graph's nodes may be of the one before it was made smaller.
        maker = replace(model.maker, terms=model.maker.terms if model.maker.same else None, blocks=())
        nothing = np.full(len(some), -1, dtype=np.int64)
        marks = np.zeros((len(some), len(model.classes)), dtype=bool) if model.several else None
        data = Data(maker.features(some), {}, nothing, len(model.classes), marks=marks)
        fitted = self._student(texts=len(some)).taught(data, said, nothing, seed=self.seed)
        _uncalibrate(fitted.model, model.calibration)
        none = None if marks is None else marks[:0]
        bare = replace(data, features=maker.features(()), labels=nothing[:0], marks=none)
        graph_free = replace(
            model,
            candidate=fitted.candidate,
            predictor=fitted,
            data=bare,
            maker=maker,
            graphs={},
            stored=Stored((), (), nothing[:0]),
            recipe=model.recipe or model.plan.only(model.candidate, model.graphs).to_text(),
        )
        return replace(subject, model=graph_free)

    def _student(self, *, texts: int = 1) -> Distilled:
        # Power 1: what is honest already is learned as it is.
        epochs = min(self.epochs, max(1, _MOST_READ // texts))
        strategy = Distil(rate=self.rate, epochs=epochs)
        return Distilled(strategy, graph=None, power=1.0, width=self.width)


def with_a_graph(subject: Subject) -> FittedModel:
    """Return the model that reads a graph of texts, or several blocks of its encoder.

    Raises:
        ModelError: there is none.
    """
    if subject.model is None:
        raise ModelError(
            "An encoder by itself has no graph that something could take the place of.",
            fix="name a model that fit has written, or leave --graph-free out.",
        )
    # What reads several blocks of its encoder is given one that reads the last, as if it had read a graph.
    if not subject.model.candidate.graphs and not subject.model.maker.blocks:
        raise ModelError(
            f"This model reads no graph of texts: it was saved as {subject.model.candidate}.",
            fix="leave --graph-free out.",
        )
    return subject.model


def _said(model: FittedModel, texts: list[str]) -> Float32[np.ndarray, "T C"]:
    """Return what the model says of texts, before calibration; as of its nodes, where it holds them."""
    found = np.zeros((len(texts), len(model.classes)), dtype=np.float32)
    places = {text: node for node, text in enumerate(model.stored.texts)}
    known = np.array([tells_nodes(model.predictor) and text in places for text in texts], dtype=bool)
    if known.any():
        # Their links, which a text that comes by itself has not, are in the graph.
        nodes = np.array([places[texts[at]] for at in np.flatnonzero(known)], dtype=np.int64)
        found[known] = model.predictor.at(model.data, nodes)
    if not known.all():
        found[~known] = model.read([texts[at] for at in np.flatnonzero(~known)])[0]
    return found


@torch.no_grad()
def _uncalibrate(model: Model, calibration: Calibration) -> None:
    """Change a head so that calibrating what it says gives what it said before.

    A model's calibration, and what tells texts of no class, then go on as they are.
    """
    if calibration.thresholds is not None:
        return
    head, heat = model.head, calibration.temperature
    if calibration.weights is not None:
        head.bias.sub_(torch.tensor(calibration.weights).clamp_min(_LEAST).log())
    head.weight.mul_(heat)
    head.bias.mul_(heat)
