"""What tells one table, with its links, from another."""

import hashlib

from graphtune.table.table import Links, Table


def digest_of(table: Table, links: Links | None) -> bytes:
    """Return the SHA-256 of ids, texts, split, classes, labels, weights and links."""
    digest = hashlib.sha256()
    for part in (table.ids, table.texts, table.split, table.classes):
        digest.update("\0".join(part).encode("utf-8", "surrogatepass") + b"\1")
    digest.update(table.labels.tobytes())
    if table.marks is not None:
        digest.update(table.marks.tobytes())
    if table.weights is not None:
        digest.update(table.weights.tobytes())
    if links is not None:
        digest.update("\0".join((*links.source, *links.target)).encode("utf-8", "surrogatepass"))
        weight = b"" if links.weight is None else links.weight.tobytes()
        digest.update(repr((links.directed, links.kind)).encode() + weight)
    return digest.digest()
