"""What can happen to a file of a saved model on its way."""

from collections.abc import Callable
from pathlib import Path

DAMAGES: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: path.unlink(),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "altered": lambda path: path.write_bytes(b"x" + path.read_bytes()[1:]),
}
