"""Which column is what: as the user says, else guessed by name, else by content."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, fields

from graphtune.table.problems import Problems
from graphtune.table.reader import Reader
from graphtune.table.table import Note


@dataclass(frozen=True)
class Columns:
    """Names of columns; None is guessed, except for weights, which are never guessed."""

    text: str | None = None
    label: str | None = None
    split: str | None = None
    id: str | None = None
    weight: str | None = None


# In order of preference; compared without case, blanks and punctuation.
_NAMES: dict[str, tuple[str, ...]] = {
    "text": (
        *("text", "texts", "sentence", "content", "document", "body", "message", "utterance", "query"),
        *("question", "review", "comment", "tweet", "post", "abstract", "description", "title", "headline"),
        *("input", "文本", "内容", "正文", "句子", "评论", "标题"),
    ),
    "label": (
        *("label", "labels", "category", "class", "intent", "target", "topic", "sentiment", "tag", "y"),
        *("labelname", "labeltext", "标签", "类别", "分类"),
    ),
    "split": ("split",),
    "id": ("id", "ids", "uid", "uuid", "guid", "docid", "rowid", "nodeid", "index", "idx"),
}


def choose(
    given: Columns, reader: Reader, problems: Problems, *, needs: frozenset[str], reads: frozenset[str]
) -> tuple[Columns, tuple[Note, ...]]:
    """Resolve the columns in ``reads``; those in ``needs`` must exist, others may stay None."""
    names = reader.names
    chosen: dict[str, str] = {}
    notes: list[Note] = []
    by_name: list[str] = []
    for field in fields(Columns):
        name = getattr(given, field.name)
        if name is not None and field.name in reads and _present(reader, field.name, name, problems):
            chosen[field.name] = name
    for part, likely in _NAMES.items():
        if part in reads and getattr(given, part) is None:
            found = _by_name(likely, [name for name in names if name not in chosen.values()])
            if found is not None:
                chosen[part] = found
                by_name.append(f"{part} = {found!r}")
    if by_name:
        notes.append(Note("guess", f"{reader.name}: columns taken by their names: {', '.join(by_name)}"))
    for part in ("text", "label"):
        if part in needs and part not in chosen and getattr(given, part) is None:
            found = _by_content(part, reader, set(chosen.values()))
            if found is not None:
                why = "its texts are the longest" if part == "text" else "it is the only column left"
                chosen[part] = found
                notes.append(Note("guess", f"{reader.name}: the {part} column is {found!r}: {why}"))
            else:
                _report_missing(reader, part, problems)
    for part, name in list(chosen.items()):
        if names.count(name) > 1:
            del chosen[part]
            problems.add(
                f"{reader.name}: {names.count(name)} columns are called {name!r}.", fix="rename all but one."
            )
    return Columns(**chosen), tuple(notes)


def nearest(name: str, names: Sequence[str]) -> str | None:
    """Return the name most like ``name``, if one is like it at all."""
    plain = {_plain(candidate): candidate for candidate in names}
    near = difflib.get_close_matches(_plain(name), list(plain), n=1, cutoff=0.6)
    return plain[near[0]] if near else None


def _present(reader: Reader, part: str, name: str, problems: Problems) -> bool:
    if name in reader.names:
        return True
    near = nearest(name, reader.names)
    advice = f"did you mean {near!r}? Then " if near else ""
    problems.add(
        f"{reader.name}: there is no column {name!r} for the {part}; {_existing(reader)}.",
        fix=advice + _how(part),
    )
    return False


def _report_missing(reader: Reader, part: str, problems: Problems) -> None:
    problems.add(
        f"{reader.name}: no {part} column was found; {_existing(reader)}.",
        fix=_how(part),
    )


def _how(part: str) -> str:
    return f"name the {part} column: --{part} on the command line, Columns({part}=…) in Python."


def _existing(reader: Reader) -> str:
    return f"its columns are {', '.join(map(repr, reader.names))}" if reader.names else "it has no columns"


def _by_name(likely: Sequence[str], names: Sequence[str]) -> str | None:
    plain = {_plain(name): name for name in reversed(names)}
    return next((plain[name] for name in likely if name in plain), None)


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _by_content(part: str, reader: Reader, taken: set[str]) -> str | None:
    left = [name for name in reader.names if name not in taken and name]
    sample = reader.sample()
    if part == "label":
        return left[0] if len(left) == 1 and _names_classes(sample[left[0]]) else None
    lengths = {name: _mean_length(sample[name]) for name in left}
    best = max(lengths, key=lambda name: lengths[name], default=None)
    if best is None or lengths[best] == 0:
        # Nothing to go by: only a table with a single column leaves no doubt.
        return best if len(reader.names) == 1 else None
    return best


def _names_classes(cells: Sequence[object]) -> bool:
    """Say whether values come back often enough to be classes, unlike addresses or dates."""
    filled = [repr(cell) for cell in cells if cell is not None and cell != ""]
    return len(set(filled)) <= max(10, len(filled) // 2)


def _mean_length(cells: Sequence[object]) -> float:
    """Return the mean length of cells that hold words; numbers count as nothing."""
    words = [cell for cell in cells if isinstance(cell, str) and not _is_number(cell)]
    return sum(map(len, words)) / len(cells) if cells else 0.0


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return not cell.strip()
    return True
