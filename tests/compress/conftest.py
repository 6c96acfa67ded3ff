"""A tiny BERT with random weights, the same exported once, and a cache that is nobody else's."""

from pathlib import Path

import pytest

from tiny_bert import write_tiny_bert


@pytest.fixture(scope="package", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:  # of all tests here, as are the models they share
        patch.setenv("GRAPHTUNE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("encoders") / "tiny-bert"
    write_tiny_bert(directory)
    return directory


@pytest.fixture(scope="session")
def head():
    """Return a head of three classes."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(1)
        return torch.nn.Linear(32, 3).requires_grad_(False)


@pytest.fixture(scope="session")
def exported(tiny_bert, head, tmp_path_factory):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    from graphtune.compress.exported import export
    from graphtune.encoder import Transformer

    # With a head, so that it need not be exported twice: that takes most of these tests' time.
    return export(Transformer(str(tiny_bert)), tmp_path_factory.mktemp("exported") / "tiny", maps=(head,))
