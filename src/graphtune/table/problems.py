"""Everything that is wrong with the user's tables, gathered and raised as one error."""

from collections.abc import Callable, Iterable, Sequence

from graphtune.errors import TableError

SHOWN = 5  # examples of each kind before "and N more"


class Problems:
    """A list of problems with their fixes; `raise_all` makes one `TableError` of them."""

    def __init__(self) -> None:
        self._found: list[tuple[str, str]] = []

    def __len__(self) -> int:
        return len(self._found)

    def add(self, problem: str, *, fix: str) -> None:
        """Note one problem; saying the same twice counts once."""
        if (problem, fix) not in self._found:
            self._found.append((problem, fix))

    def raise_all(self) -> None:
        """Do nothing if nothing was wrong.

        Raises:
            TableError: with every problem, numbered when there are several; fixes carry the same numbers.
        """
        if not self._found:
            return
        if len(self._found) == 1:
            problem, fix = self._found[0]
            raise TableError(problem, fix=fix)
        problems, fixes = zip(*self._found, strict=True)
        raise TableError(
            f"{len(self._found)} problems:\n{_numbered(problems)}",
            fix=f"one for each problem:\n{_numbered(fixes)}",
        )


class Tally:
    """Counts one kind of finding and keeps the first few rows (from 1) and what was seen there."""

    def __init__(self) -> None:
        self.count = 0
        self._first: list[tuple[int, str]] = []

    def __bool__(self) -> bool:
        return self.count > 0

    def add(self, row: int, seen: str = "") -> None:
        """Count a finding in data row ``row``, counted from 1."""
        self.count += 1
        if len(self._first) < SHOWN:
            self._first.append((row, seen))

    @property
    def rows(self) -> str:
        """Return such as ``row 3`` or ``rows 3, 7 and 12 more``."""
        return rows_named([row for row, _ in self._first], self.count)

    @property
    def examples(self) -> str:
        """Return such as ``row 3: 'x'; row 7: 'y'; and 12 more``."""
        parts = [f"row {row}: {seen}" for row, seen in self._first]
        if self.count > len(parts):
            parts.append(f"and {self.count - len(parts):,} more")
        return "; ".join(parts)


def rows_named(rows: Sequence[int], count: int | None = None) -> str:
    """Name the first few of ``count`` rows."""
    total = len(rows) if count is None else count
    if total == 1:
        return f"row {rows[0]}"
    return "rows " + listed(rows[:SHOWN], total, name=str)


def listed(
    values: Iterable[object], count: int | None = None, *, name: Callable[[object], str] = repr
) -> str:
    """Return such as ``'a', 'b' and 'c'``, or ``'a', 'b' and 12 more`` when there are more than a few."""
    everything = list(values)
    total = len(everything) if count is None else count
    first = [name(value) for value in everything[:SHOWN]]
    if total > len(first):
        return f"{', '.join(first)} and {total - len(first):,} more"
    return " and ".join([", ".join(first[:-1]), first[-1]] if len(first) > 1 else first)


def counted(count: int, one: str, many: str | None = None) -> str:
    """Return such as ``1 row`` or ``2,000 rows``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _numbered(lines: Iterable[str]) -> str:
    return "\n".join(f"  {number}. {line}" for number, line in enumerate(lines, 1))
