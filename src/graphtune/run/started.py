"""A fit that starts from a pre-trained network: whether it can, and what its figures are then worth."""

from pathlib import Path

import numpy as np

from graphtune.initial import Pretrained
from graphtune.initial.layers_file import count_seen
from graphtune.progress import say
from graphtune.run.ready import Ready
from graphtune.select import grid


def started(directory: str, ready: Ready) -> str | None:
    """Check that a fit can start from there; return a warning where the network has seen texts that judge.

    Raises:
        PlanError: the network was pre-trained on other features, or has layers that are not known here.
        ModelError: the directory is missing, incomplete or altered.
    """
    network = grid.started(directory, next(iter(ready.graphs)))
    found = Pretrained(directory)
    found.check_reads(network.view, ready.maker.encoder.fingerprint)
    say(f"one more network will be tried: {found.facts}")
    judging = np.concatenate([ready.split.val, ready.split.test])
    own = frozenset(ready.data.features.texts)  # of which copies that judge are no news
    texts = [text for row in judging if (text := ready.table.texts[row]) not in own]
    seen = count_seen(Path(directory), texts)
    if not seen or ready.plan.transductive:
        return None
    said = (
        f"The network in {directory} was pre-trained on {seen:,} of the {len(judging):,} texts that judge "
        "(never on their labels): where it was chosen, figures may be better than they will be on new texts. "
        "Pre-train on training texts alone: a table with a split column, or a file without those rows."
    )
    say(f"warning: {said}")
    return said
