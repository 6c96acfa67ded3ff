"""Logits as the last nodes of an exported graph: what predict says, from one file."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from compress_texts import texts
from test_compress import fitted

from graphtune.compress import Export, Int8, Subject, WithoutGraph
from graphtune.compress.logits import LOGITS, maps_of, module_of, with_logits, write_logits
from graphtune.encoder.loading import fast_tokens
from graphtune.encoder.onnx import MODEL, ROW, loaded_onnx, padded_batch, session_of
from graphtune.select import Probe, Propagated
from graphtune.select.mean import FittedMean


def outputs(encoder, some) -> dict[str, np.ndarray]:
    """Return every output of an exported encoder, as another program would ask for them."""
    loaded = loaded_onnx(encoder)
    tokens = fast_tokens(loaded.tokenizer, list(some), 64)
    ids, mask = padded_batch(tokens, max(map(len, tokens)), 0)
    session = session_of(encoder.directory / MODEL, 1)
    names = [one.name for one in session.get_outputs()]
    return dict(zip(names, session.run(None, {"input_ids": ids, "attention_mask": mask}), strict=True))


def softmax(logits: np.ndarray) -> np.ndarray:
    return torch.softmax(torch.from_numpy(logits), 1).numpy()


@pytest.fixture(scope="module")
def with_graph(exported, tmp_path_factory):
    candidate = Propagated("meaning", "meaning")
    return Subject.of(str(fitted(exported.name, candidate, tmp_path_factory.mktemp("graph") / "model")))


@pytest.fixture(scope="module")
def probe(exported, tmp_path_factory):
    return Subject.of(str(fitted(exported.name, Probe(), tmp_path_factory.mktemp("probe") / "model")))


def test_they_are_those_of_torch_and_take_the_place_of_others(exported):
    model = onnx.load(exported.directory / MODEL)
    maps = (torch.nn.Linear(32, 7), torch.nn.Linear(7, 4), torch.nn.Linear(4, 2))
    changed = with_logits(model, maps)
    assert [output.name for output in model.graph.output] == [ROW, LOGITS]
    assert [output.name for output in changed.graph.output] == [ROW, LOGITS]
    onnx.checker.check_model(changed, full_check=True)
    ids, mask = padded_batch([[2, 7, 8, 3], [2, 9, 3], [2, 3]], 6, 0)
    given = {"input_ids": ids, "attention_mask": mask}
    row, logits = session_of(changed.SerializeToString(), 1).run(None, given)
    np.testing.assert_array_equal(row, session_of(exported.directory / MODEL, 1).run([ROW], given)[0])
    with torch.no_grad():
        wanted = module_of(maps)(torch.from_numpy(row)).numpy()
    np.testing.assert_allclose(logits, wanted, atol=1e-5)
    assert with_logits(changed, maps) == changed
    bare = with_logits(changed, ())
    assert [output.name for output in bare.graph.output] == [ROW]
    assert len(bare.graph.node) == len(model.graph.node) - 1
    assert not any(weight.name.startswith("head.") for weight in bare.graph.initializer)


@pytest.mark.parametrize("scales", ["token", "batch", "calibrated"])
def test_a_probe_is_predicted_by_the_file_alone(scales, probe, tmp_path):
    after = Export().apply(probe, texts(9), tmp_path / "first")
    small = Int8(scales).apply(after, texts(60), tmp_path / "second")
    assert Export().apply(after, texts(9), tmp_path / "third") is after
    head = module_of(maps_of(probe.model))
    for one in (after, small):
        assert one.model is not None
        found = outputs(one.encoder, texts(12))
        with torch.no_grad():  # the head is as it was, to the last digits
            np.testing.assert_allclose(found[LOGITS], head(torch.from_numpy(found[ROW])), atol=1e-5)
        wanted = one.model.calibration.apply(softmax(found[LOGITS]))
        company = 0.02 if one is small and scales == "batch" else 1e-4  # which it depends on by batch
        np.testing.assert_allclose(one.probabilities(texts(12)), wanted, atol=company)
    names = {weight.name for weight in onnx.load(small.encoder.directory / MODEL).graph.initializer}
    assert {"head.0.weight", "head.0.bias"} <= names


def test_a_graph_needs_more_and_gets_no_logits_of_others(with_graph, tmp_path):
    after = Export().apply(with_graph, texts(9), tmp_path / "first")
    assert list(outputs(after.encoder, texts(3))) == [ROW]
    assert list(outputs(with_graph.encoder, texts(3))) == [ROW, LOGITS]
    free = WithoutGraph(epochs=20).apply(with_graph, texts(30), tmp_path)
    done = Export().apply(free, texts(9), tmp_path / "second")
    assert done.model is not None
    wanted = done.model.calibration.apply(softmax(outputs(done.encoder, texts(12))[LOGITS]))
    np.testing.assert_allclose(done.probabilities(texts(12)), wanted, atol=1e-4)


def test_what_reads_more_than_rows_has_no_maps(probe, with_graph):
    assert len(maps_of(probe.model)) == 1
    assert maps_of(None) == maps_of(with_graph.model) == ()
    words = replace(probe.model.predictor, candidate=Probe("words"))
    for predictor in (words, FittedMean((probe.model.predictor,) * 2)):
        assert maps_of(replace(probe.model, predictor=predictor)) == ()


def test_an_unchanged_file_is_not_written(exported, head):
    assert not write_logits(exported.directory / MODEL, (head,))
