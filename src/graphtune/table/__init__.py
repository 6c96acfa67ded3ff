"""Tables of texts and of links: read, validated once, then trusted."""

from graphtune.table.clash import check_clash
from graphtune.table.columns import Columns
from graphtune.table.judge import Purpose
from graphtune.table.links import read_links
from graphtune.table.lists import from_lists
from graphtune.table.opening import Source
from graphtune.table.read import read_table, read_tables
from graphtune.table.several import SEPARATOR, separator_of
from graphtune.table.summary import Lengths, Summary, summarise
from graphtune.table.table import UNLABELLED, Links, Note, Table
from graphtune.table.write import check_ending, write_rows

__all__ = [
    "SEPARATOR",
    "UNLABELLED",
    "Columns",
    "Lengths",
    "Links",
    "Note",
    "Purpose",
    "Source",
    "Summary",
    "Table",
    "check_clash",
    "check_ending",
    "from_lists",
    "read_links",
    "read_table",
    "read_tables",
    "separator_of",
    "summarise",
    "write_rows",
]
