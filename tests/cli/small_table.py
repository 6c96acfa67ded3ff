"""A small table of three classes, with texts, labels, ids and column names of many scripts."""

import json
from pathlib import Path

SUBJECTS = {
    "退款 😀": ("refund", "money", "return", "paid", "receipt", "charge", "bill"),
    "شحن": ("parcel", "delivery", "courier", "late", "address", "door", "box"),
    "<b>login</b>": ("password", "account", "login", "locked", "email", "screen", "code"),
}
# Each text of a class shares a word with the next, so that labels can travel where words alone do not reach.
_LABELLED = (0, 1, 2)


def rows() -> list[dict]:
    """Return 63 rows: of each class 3 labelled and 11 unlabelled training rows, and 7 test rows."""
    made = []
    for label, words in SUBJECTS.items():
        for step in (1, 2, 3):
            for at, word in enumerate(words):
                place = len(made) % 21
                other = words[(at + step) % len(words)]
                split = "test" if step == 2 else "train"
                known = split == "test" or place in _LABELLED
                row = {"编号": f"ر{len(made)}😀", "النص": f"{word} سلام, {other} 很好"}
                made.append(row | {"标签": label if known else "", "split": split})
    return made


COLUMNS = ("--text", "النص", "--label", "标签", "--id", "编号")


def write_csv(path: Path, table: list[dict]) -> Path:
    """Write rows as CSV; no cell of them needs quotes but those with commas."""
    lines = [",".join(table[0])]
    lines += [",".join(f'"{cell}"' for cell in row.values()) for row in table]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def listing(folder: Path) -> dict[str, bytes | None]:
    """Return every path below a folder with the bytes of the files."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def metrics(folder: Path) -> dict:
    """Return what a saved model says of itself."""
    return json.loads((folder / "metrics.json").read_text(encoding="utf-8"))


PLAN = """
encoder = "tfidf"
budget_seconds = 30

[[graphs]]
name = "meaning"
builder = { kind = "Neighbours", k = 5 }

[[candidates]]
kind = "Probe"

[[candidates]]
kind = "Propagated"
graph = "meaning"
"""
