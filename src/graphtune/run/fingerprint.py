"""Is this the same search as the one that was interrupted?"""

import hashlib
from dataclasses import replace
from pathlib import Path

import graphtune
from graphtune.artefact import sha256
from graphtune.initial.layers_file import LAYERS
from graphtune.run.ready import Ready
from graphtune.run.started import pretrained_of
from graphtune.select.held_out import HeldOut
from graphtune.table.digest import digest_of


def fingerprint(ready: Ready, held_out: HeldOut) -> str:
    """Return a digest, in hexadecimal, of all that held-out figures depend on."""
    # What another version found may rest on other features, folds or settings under the same names.
    digest = hashlib.sha256(graphtune.__version__.encode() + b"\1" + digest_of(ready.table, ready.links))
    digest.update(replace(ready.plan, budget_seconds=1.0).to_text().encode())
    digest.update(ready.maker.encoder.fingerprint.encode())
    for one in pretrained_of(ready.plan):
        digest.update(repr(one.facts).encode() + sha256(Path(one.directory) / LAYERS).encode())
    for part in held_out.parts:
        digest.update(part.train.tobytes() + b"\0" + part.held.tobytes() + b"\0" + part.labels.tobytes())
    return digest.hexdigest()
