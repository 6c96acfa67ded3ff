"""A cache that is nobody else's."""

import pytest


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPHTUNE_CACHE", str(tmp_path / "cache"))
