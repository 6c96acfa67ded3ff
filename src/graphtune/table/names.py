"""Names of classes: their order, and names that are one but for case and blanks."""

from collections import Counter, defaultdict

from graphtune.table.problems import Problems, counted, listed


def judge_case(name: str, counts: Counter[str], problems: Problems) -> None:
    """Add names that differ only in case or blanks to ``problems``."""
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for label in sorted(counts):
        alike[" ".join(label.casefold().split())].append(label)
    groups = [
        " / ".join(f"{label!r} ({counted(counts[label], 'row')})" for label in group)
        for group in alike.values()
        if len(group) > 1
    ]
    if groups:
        problems.add(
            f"{name}: labels that differ only in case or blanks: {listed(groups, len(groups), name=str)}.",
            fix="write each class in one way.",
        )


def in_order(labels: set[str]) -> list[str]:
    """Sort as numbers if all are, so that class 10 comes after 9."""
    return sorted(labels, key=int) if all(map(is_whole, labels)) else sorted(labels)


def is_whole(label: str) -> bool:
    """Say whether a name is a whole number as it is usually written."""
    digits = label.removeprefix("-")
    return digits.isascii() and digits.isdigit() and label == str(int(label))
