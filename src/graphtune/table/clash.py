"""Ids that name one row of a model and another of a new table."""

from collections.abc import Sequence

from graphtune.errors import TableError
from graphtune.table.problems import Tally, counted
from graphtune.table.table import Links, Table


def check_clash(links: Links, name: str, new: Table, ids: Sequence[str], texts: Sequence[str]) -> None:
    """See that no link ends at an id that a new row has and, for another text, one of the stored ``ids`` too.

    The same id with the same text is the same row, asked about again. Ids that no link ends at do no harm.

    Raises:
        TableError: it cannot be told which of the two texts a link means.
    """
    stored = dict(zip(ids, texts, strict=True))
    clashing = {
        identifier
        for identifier, text in zip(new.ids, new.texts, strict=True)
        if stored.get(identifier, text) != text
    }
    found = Tally()
    for row, ends in enumerate(zip(links.source, links.target, strict=True), 1):
        for end in ends:
            if end in clashing:
                found.add(row, repr(end))
    if found:
        raise TableError(
            f"{name}: {counted(found.count, 'end')} of edges could mean a row of the new table or another "
            f"text of the model: {found.examples}.",
            # Without a column of ids, the rows of both tables are numbered from 0.
            fix="give the new rows ids that the model does not have (name their column with --id; in Python: "
            "ids), and use those ids in the edges.",
        )
