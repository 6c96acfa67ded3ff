"""A fit that starts from pre-trained networks: whether it can, and what its figures are then worth."""

from pathlib import Path

import numpy as np

from graphtune.encoder import Tfidf, Transformer, from_name
from graphtune.initial import Pretrained
from graphtune.initial.layers_file import count_seen
from graphtune.plan import Plan
from graphtune.progress import say
from graphtune.run.ready import Ready
from graphtune.run.within import within
from graphtune.select import grid


def pretrained_of(plan: Plan) -> tuple[Pretrained, ...]:
    """Return every pre-trained network that the plan or one of its candidates starts from, each once."""
    own = () if plan.start is None else (Pretrained(plan.start),)
    return tuple(dict.fromkeys((*own, *within(plan.candidates, Pretrained))))


def check_started(plan: Plan) -> None:
    """See that all of them are there and whole.

    Raises:
        ModelError: a directory is missing, incomplete or altered.
        PlanError: one names no directory.
    """
    for one in pretrained_of(plan):
        _ = one.facts


def check_encoder(plan: Plan) -> None:
    """See that the plan's encoder is that of every network it starts from, as far as is known before a fit.

    Raises:
        PlanError: it is another one.
        ModelError: a directory is missing, incomplete or altered.
    """
    every = pretrained_of(plan)
    if not every:
        return
    encoder = from_name(plan.encoder)
    # A TF-IDF is that of one table, and no network is pre-trained on it; static rows would have to be made.
    known = encoder.fingerprint if isinstance(encoder, Transformer) else "of this table"
    for one in every:
        if isinstance(encoder, Transformer | Tfidf):
            one.check_reads(one.facts.view, known)


def started(ready: Ready) -> tuple[str, ...]:
    """Check that a fit can start from them; return a warning for each that has seen texts that judge.

    Raises:
        PlanError: what the plan's ``start`` names was pre-trained on other features, or has layers that are
            not known here.
        ModelError: a directory is missing, incomplete or altered.
    """
    plan = ready.plan
    if plan.start is not None:
        network = grid.started(plan.start, next(iter(ready.graphs)))
        found = Pretrained(plan.start)
        found.check_reads(network.view, ready.maker.encoder.fingerprint)
        say(f"one more network will be tried: {found.facts}")
    every = () if plan.transductive else pretrained_of(plan)
    said = tuple(text for one in every if (text := _seen(one, ready)) is not None)
    for text in said:
        say(f"warning: {text}")
    return said


def _seen(one: Pretrained, ready: Ready) -> str | None:
    judging = np.concatenate([ready.split.val, ready.split.test])
    own = frozenset(ready.data.features.texts)  # of which copies that judge are no news
    texts = [text for row in judging if (text := ready.table.texts[row]) not in own]
    seen = count_seen(Path(one.directory), texts)
    if not seen:
        return None
    return (
        f"The network in {one.directory} was pre-trained on {seen:,} of the {len(judging):,} texts that "
        "judge (never on their labels): where it was chosen, figures may be better than they will be on new "
        "texts. "
        "Pre-train on training texts alone: a table with a split column, or a file without those rows."
    )
