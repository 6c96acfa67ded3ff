"""What is exported computes what torch computes, whatever the batch; and what is spoilt is refused."""

import json
import shutil

import numpy as np
import pytest
import torch
from compress_texts import texts

from graphtune.compress.logits import LOGITS
from graphtune.encoder import BlockEncoder, Onnx, Transformer, cached_encode, from_name
from graphtune.encoder.onnx import FACTS, MODEL, TOKENIZER, padded_batch, session_of
from graphtune.errors import EncoderError, MissingExtraError


def test_rows_are_those_of_torch_at_every_length_and_batch(exported, tiny_bert):
    frozen = Transformer(str(tiny_bert), precision="float32")
    some = (*texts(40), "", "  ", "the", "x" * 500, "the\ud800cat")
    torch.testing.assert_close(exported.encode(some), frozen.encode(some), atol=1e-4, rtol=0)
    for text in some[:5]:
        torch.testing.assert_close(exported.encode([text]), frozen.encode([text]), atol=1e-4, rtol=0)


@pytest.mark.parametrize(("batch", "length"), [(1, 1), (1, 64), (3, 7), (9, 2)])
def test_axes_are_dynamic(batch, length, exported, tiny_bert):
    session = session_of(exported.directory / MODEL, 1)
    ids, mask = padded_batch([list(range(5, 5 + length - row % length)) for row in range(batch)], length, 0)
    rows, _ = session.run(None, {"input_ids": ids, "attention_mask": mask})
    loaded = Transformer(str(tiny_bert), precision="float32").loaded
    with torch.inference_mode():
        states = loaded.model(torch.from_numpy(ids), torch.from_numpy(mask)).last_hidden_state.numpy()
    mean = (states * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
    wanted = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    np.testing.assert_allclose(rows, wanted, atol=1e-4)


def test_it_is_an_encoder_whose_rows_are_cached(exported, tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPHTUNE_CACHE", str(tmp_path / "cache"))
    assert isinstance(exported, BlockEncoder)
    assert exported.fit(()) is exported
    assert (exported.width, exported.depth, exported.number_format) == (32, 3, "float32")
    assert exported.describe() == {"kind": "Onnx", "name": exported.name}
    rows = cached_encode(exported, texts(8))
    assert any((tmp_path / "cache").rglob(f"*{exported.fingerprint[:32]}-float32*"))
    torch.testing.assert_close(rows, exported.encode(texts(8)), atol=1e-6, rtol=0)
    assert exported.encode(()).shape == (0, 32)
    with pytest.raises(EncoderError, match="block 3 only, not of 1"):
        list(exported.batches(["the cat"], (1,)))


def test_names_of_a_directory_and_nothing_of_the_machine(exported):
    assert from_name(exported.name) == exported
    import onnx

    model = onnx.load(exported.directory / MODEL)
    names = {weight.name for weight in model.graph.initializer}
    assert "encoder.encoder.layer.2.output.dense.weight" in names
    said = model.SerializeToString()
    assert not any(word in said for word in (b"site-packages", b".py", b"stack_trace"))


def test_a_head_is_a_second_output(exported, head):
    session = session_of(exported.directory / MODEL, 1)
    ids, mask = padded_batch([[2, 7, 8, 3]], 8, 0)
    row, logits = session.run(["row", LOGITS], {"input_ids": ids, "attention_mask": mask})
    np.testing.assert_allclose(logits, row @ head.weight.numpy().T + head.bias.numpy(), atol=1e-4)


@pytest.mark.parametrize("name", [MODEL, TOKENIZER, FACTS])
def test_a_spoilt_directory_is_refused(name, exported, tmp_path):
    for spoil in ("cut", "missing"):
        place = tmp_path / spoil
        shutil.copytree(exported.directory, place)
        file = place / name
        if spoil == "cut":
            file.write_bytes(file.read_bytes()[:-2])
        else:
            file.unlink()
        with pytest.raises(EncoderError) as refused:
            Onnx(str(place)).encode(["the cat"])
        assert name in refused.value.problem
        assert "export" in refused.value.fix


def test_a_newer_format_is_refused(exported, tmp_path):
    shutil.copytree(exported.directory, tmp_path / "new")
    facts = json.loads((tmp_path / "new" / FACTS).read_text())
    (tmp_path / "new" / FACTS).write_text(json.dumps({**facts, "format": 99}))
    with pytest.raises(EncoderError, match="newer graphtune"):
        Onnx(str(tmp_path / "new")).encode(["the cat"])


def test_without_its_runtime_it_says_what_to_install(exported, monkeypatch):
    real = __import__("importlib.util").util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *more: None if "onnx" in name else real(name, *more)
    )
    with pytest.raises(MissingExtraError) as missing:
        from_name(exported.name)
    assert missing.value.fix == "pip install 'graphtune[onnx]'"
