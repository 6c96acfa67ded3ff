"""What is exported computes what torch computes, whatever the batch; and what is spoilt is refused."""

import json
import shutil

import numpy as np
import pytest
import torch
from compress_texts import texts

from graphtune.compress.int8 import Int8
from graphtune.compress.logits import LOGITS
from graphtune.encoder import (
    BlockEncoder,
    Onnx,
    Transformer,
    cached_encode,
    from_name,
    read_blocks,
    upper_blocks,
)
from graphtune.encoder.onnx import FACTS, MODEL, TOKENIZER, padded_batch, session_of
from graphtune.errors import EncoderError, MissingExtraError


def test_rows_are_those_of_torch_at_every_length_and_batch(exported, tiny_bert):
    frozen = Transformer(str(tiny_bert), precision="float32")
    some = (*texts(40), "", "  ", "the", "x" * 500, "the\ud800cat")
    torch.testing.assert_close(exported.encode(some), frozen.encode(some), atol=1e-4, rtol=0)
    for text in some[:5]:
        torch.testing.assert_close(exported.encode([text]), frozen.encode([text]), atol=1e-4, rtol=0)


def test_rows_of_lower_blocks_are_outputs_where_they_are_read(tiny_bert, tmp_path):
    from graphtune.compress.exported import export

    frozen = Transformer(str(tiny_bert), precision="float32")
    made = export(frozen, tmp_path / "made", lower=(1, 2))
    assert made.blocks == upper_blocks(made) == upper_blocks(frozen) == (1, 2, 3)
    some, wanted = (*texts(9), "", "the"), frozen.encode_blocks((*texts(9), "", "the"), (1, 2, 3))
    for block, rows in read_blocks(made.batches, 32, some, (1, 2, 3)).items():
        torch.testing.assert_close(rows, wanted[block], atol=1e-4, rtol=0)
    small = Int8().quantise(made, some, tmp_path / "small")
    assert small.blocks == made.blocks
    for block, rows in read_blocks(small.batches, 32, texts(9), (1, 2, 3)).items():
        assert float((rows * wanted[block][:9]).sum(dim=1).mean()) > 0.99
    assert json.loads((made.directory / FACTS).read_text())["format"] == 2
    with pytest.raises(EncoderError, match="block 1 and block 2 and block 3 only, not of 0"):
        list(made.batches(["the cat"], (0,)))


def test_one_with_the_last_block_alone_is_read_by_older_ones_too(exported):
    said = json.loads((exported.directory / FACTS).read_text())
    assert (said["format"], "lower" in said) == (1, False)
    assert upper_blocks(exported) == (3,)


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
