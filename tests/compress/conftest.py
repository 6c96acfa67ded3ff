"""A tiny BERT with random weights, the same exported once, and a cache that is nobody else's."""

from pathlib import Path

import pytest

from tiny_bert import write_tiny_bert


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("GRAPHTUNE_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("encoders") / "tiny-bert"
    write_tiny_bert(directory)
    return directory


@pytest.fixture(scope="session")
def exported(tiny_bert, tmp_path_factory):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    from graphtune.compress.exported import export
    from graphtune.encoder import Transformer

    return export(Transformer(str(tiny_bert)), tmp_path_factory.mktemp("exported") / "tiny")
