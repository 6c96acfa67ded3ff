"""Rows with random features for graphs over them."""

import numpy as np
import torch

from graphtune.graph import Rows
from graphtune.table import Links


def unit(count: int, *, seed: int = 0, width: int = 6) -> torch.Tensor:
    """Return rows of length 1, no two alike."""
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(count, width, generator=generator), dim=1)


def rows(features: torch.Tensor, links: Links | None = None, *, name: str = "s") -> Rows:
    ids = [f"{name}{number}" for number in range(len(features))]
    return Rows(ids, [f"text {i}" for i in ids], features, links)


def links(*pairs: tuple[str, str], weight: list[float] | None = None, directed: bool = False) -> Links:
    weights = None if weight is None else np.array(weight, dtype=np.float32)
    return Links(tuple(a for a, _ in pairs), tuple(b for _, b in pairs), weights, directed=directed)
