"""Integers: how small, how near, and that a text's row does not depend on its company."""

import numpy as np
import onnx
import pytest
import torch
from compress_texts import texts
from onnx import numpy_helper

from graphtune.compress.int8 import Int8
from graphtune.compress.sensitive import kept_in_float
from graphtune.compress.token_scales import modules, quantised
from graphtune.encoder.onnx import MODEL, session_of
from graphtune.errors import PlanError, TableError


@pytest.fixture
def words_too(monkeypatch):
    """Let the tiny vocabulary count as one that is worth it."""
    monkeypatch.setattr("graphtune.compress.token_scales._WORDS_FROM", 64)


@pytest.mark.parametrize(("scales", "least"), [("token", 0.999), ("batch", 0.99), ("calibrated", 0.97)])
def test_rows_stay_near(scales, least, exported, tmp_path, words_too):
    small = Int8(scales, cosine=0.0).quantise(exported, texts(24), tmp_path / "small")
    assert (small.number_format, small.facts.scales, small.facts.kept) == ("int8", scales, ())
    assert small.fingerprint != exported.fingerprint
    new = texts(48)[24:]
    cosine = (small.encode(new) * exported.encode(new)).sum(dim=1)
    assert float(cosine.mean()) > least


def test_a_row_does_not_depend_on_its_company(exported, tmp_path):
    small = Int8(cosine=0.0).quantise(exported, texts(8), tmp_path / "small")
    some = texts(20)
    alone = torch.cat([small.encode([text]) for text in some])
    torch.testing.assert_close(small.encode(some), alone, atol=1e-5, rtol=0)


def test_a_product_of_integers_is_what_it_says(tmp_path):
    random = np.random.default_rng(0)
    weight = random.normal(size=(6, 4)).astype(np.float32)
    x = (random.normal(size=(2, 3, 6)) * np.array([1, 100, 0])[None, :, None]).astype(np.float32)
    model = _product(weight)
    (found,) = session_of(quantised(model, ()).SerializeToString(), 1).run(None, {"x": x})
    by_column = np.abs(weight).max(axis=0) / 63
    by_token = np.maximum(np.abs(x).max(axis=2, keepdims=True), 1e-12) / 127
    wanted = (np.round(x / by_token) @ np.round(weight / by_column)) * by_token * by_column
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
    assert quantised(model, ("w",)) == model


def test_weights_are_a_quarter_as_large(tmp_path):
    weight = np.random.default_rng(0).normal(size=(512, 512)).astype(np.float32)
    model = _product(weight)
    assert model.ByteSize() / quantised(model, ()).ByteSize() > 3.9


def test_what_moves_rows_most_stays_in_float():
    names = ("words", "query", "key", "value")
    moved = {"words": 0.7, "query": 0.99, "key": 0.6, "value": 0.9}
    asked = []

    def cosine(kept):
        asked.append(kept)
        return min((moved[name] for name in names if name not in kept), default=1.0)

    assert kept_in_float(cosine, names, ("words",), 0.6) == ("words",)
    assert asked == [("words",)]
    assert kept_in_float(cosine, names, ("words",), 0.85) == ("words", "key")
    assert kept_in_float(cosine, names, (), 0.95) == ("words", "key", "value")
    assert kept_in_float(cosine, names, (), 1.1) == names


def test_modules_are_kept_until_the_cosine_is_reached(exported, tmp_path):
    small = Int8(keep=("encoder.encoder.layer.0.output.dense.weight",), cosine=1.0)
    found = small.quantise(exported, texts(4), tmp_path / "small")
    assert set(found.facts.kept) == set(modules(onnx.load(exported.directory / MODEL)))
    torch.testing.assert_close(found.encode(texts(9)), exported.encode(texts(9)), atol=1e-6, rtol=0)


def test_what_cannot_be_asked_for_is_refused(exported, tmp_path):
    with pytest.raises(PlanError, match="no cosine"):
        Int8(cosine=2.0)
    with pytest.raises(PlanError, match=r"names 'absent'"):
        Int8(keep=("absent",)).quantise(exported, texts(4), tmp_path / "small")
    with pytest.raises(TableError, match="no text"):
        Int8().quantise(exported, ("", " "), tmp_path / "small")
    small = Int8(cosine=0.0).quantise(exported, texts(4), tmp_path / "small")
    with pytest.raises(PlanError, match="integers already"):
        Int8().quantise(small, texts(4), tmp_path / "smaller")


def _product(weight):
    from onnx import TensorProto, helper

    rows = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["B", "L", weight.shape[0]])]
    out = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["B", "L", weight.shape[1]])]
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "product", rows, out, [numpy_helper.from_array(weight, "w")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
