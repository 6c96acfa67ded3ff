"""Searches that begin with few settings and judge by few folds; the tables of the layers below."""

import sys
from pathlib import Path

import pytest

for folder in ("run", "select"):
    sys.path.append(str(Path(__file__).parents[1] / folder))


@pytest.fixture(autouse=True, scope="module")
def quick():
    from graphtune.layer import GCN
    from graphtune.select import Network, grid
    from graphtune.strategy import Full

    real = grid.propagated
    brief = Full(rate=0.01, decay=5e-3, epochs=20)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("graphtune.select.held_out._REPEATED_BELOW", 0)
        patched.setattr(grid, "propagated", lambda named, **said: real(named, **said)[:2])
        patched.setattr(
            grid, "networks", lambda graph, view, few: [Network(GCN, view, graph, 16, strategy=brief)]
        )
        yield
