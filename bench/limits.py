"""What the processor can do at most, measured in the same run as what is held against it."""

from collections.abc import Callable
from typing import Any

import torch

from contest import Timed, Way

_SIDE = 4096  # of the square matrices
_BYTES = 1 << 28  # of an array that no cache holds


def ways(*formats: str) -> list[Way]:
    """Return probes of the matrix product in some number formats, and of the memory's bandwidth."""
    products = [Way(f"limit {name}", product, (name,)) for name in formats]
    return [*products, Way("limit memory", memory)]


def product(number_format: str) -> Callable[[], Any]:
    """Multiply two large square matrices with all threads."""
    kind = getattr(torch, number_format)
    left, right = (torch.rand(_SIDE, _SIDE).to(kind) for _ in range(2))
    out = torch.empty(_SIDE, _SIDE, dtype=kind)

    def work() -> None:
        torch.mm(left, right, out=out)

    return work


def memory() -> Callable[[], Any]:
    """Copy an array from memory to memory with all threads."""
    source, target = torch.zeros(_BYTES, dtype=torch.uint8), torch.ones(_BYTES, dtype=torch.uint8)

    def work() -> None:
        target.copy_(source)

    return work


def facts(timed: dict[str, Timed]) -> dict[str, float]:
    """Return the rates of the probes in a contest: GFLOP/s by number format, and GB/s read and written."""
    found = {}
    for name, one in timed.items():
        if name == "limit memory":
            found["memory_gb_per_s"] = round(2 * _BYTES / one.median / 1e9, 2)
        elif name.startswith("limit "):
            found[f"{name.removeprefix('limit ')}_gflop_per_s"] = round(2 * _SIDE**3 / one.median / 1e9, 1)
    return found
