"""What can happen to a file of a saved model on its way."""

from collections.abc import Callable, Iterator
from pathlib import Path

DAMAGES: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: path.unlink(),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "altered": lambda path: path.write_bytes(b"x" + path.read_bytes()[1:]),
}


def each_damaged(model: Path, damage: str) -> Iterator[Path]:
    """Yield every file of a model while it, and no other, has been damaged."""
    files = [path for path in model.rglob("*") if path.is_file()]
    assert len(files) > 4
    for path in files:
        before = path.read_bytes()
        DAMAGES[damage](path)
        yield path
        path.write_bytes(before)
