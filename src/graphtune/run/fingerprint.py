"""Is this the same search as the one that was interrupted?"""

import hashlib
from dataclasses import replace

import graphtune
from graphtune.run.ready import Ready
from graphtune.select.held_out import HeldOut


def fingerprint(ready: Ready, held_out: HeldOut) -> str:
    """Return a digest, in hexadecimal, of all that held-out figures depend on."""
    table, links = ready.table, ready.links
    # What another version found may rest on other features, folds or settings under the same names.
    digest = hashlib.sha256(graphtune.__version__.encode() + b"\1")
    for part in (table.ids, table.texts, table.split, table.classes):
        digest.update("\0".join(part).encode("utf-8", "surrogatepass") + b"\1")
    digest.update(table.labels.tobytes())
    if table.weights is not None:
        digest.update(table.weights.tobytes())
    if links is not None:
        digest.update("\0".join((*links.source, *links.target)).encode("utf-8", "surrogatepass"))
        weight = b"" if links.weight is None else links.weight.tobytes()
        digest.update(repr((links.directed, links.kind)).encode() + weight)
    digest.update(replace(ready.plan, budget_seconds=1.0).to_text().encode())
    digest.update(ready.maker.encoder.fingerprint.encode())
    for part in held_out.parts:
        digest.update(part.train.tobytes() + b"\0" + part.held.tobytes() + b"\0" + part.labels.tobytes())
    return digest.hexdigest()
