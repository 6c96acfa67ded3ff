import os
import shutil
from pathlib import Path

import pytest
import torch

from graphtune.encoder import Tfidf, Transformer, directory, from_name
from graphtune.errors import EncoderError

ENCODERS = Path(os.environ.get("GRAPHTUNE_ENCODERS", Path(__file__).parents[3] / "shared" / "encoders"))


def test_known_names_and_directories(tiny_bert):
    assert from_name("minilm") == Transformer()
    assert from_name("tfidf") == Tfidf()
    assert from_name(str(tiny_bert)) == Transformer(str(tiny_bert))


@pytest.mark.parametrize(("typo", "near"), [("miniml", "minilm"), ("TFIDF", "tfidf"), ("tf-idf", "tfidf")])
def test_typo_is_told_the_nearest_name(typo, near):
    with pytest.raises(EncoderError, match=typo) as error:
        from_name(typo)
    assert f"did you mean '{near}'?" in error.value.fix


def test_name_like_nothing():
    with pytest.raises(EncoderError, match="neither a known name nor a directory") as error:
        from_name("no such place")
    assert "hub id" in error.value.fix


@pytest.mark.parametrize(
    ("removed", "named"),
    [
        ("config.json", "config.json"),
        ("vocab.txt", "tokenizer.json"),
        ("model.safetensors", "model.safetensors"),
    ],
)
def test_incomplete_directory(tiny_bert, tmp_path, removed, named):
    copy = shutil.copytree(tiny_bert, tmp_path / "copy")
    (copy / removed).unlink()
    with pytest.raises(EncoderError, match=f"{named} is missing"):
        from_name(str(copy))


def test_weights_in_pickle_are_refused(tiny_bert, tmp_path):
    copy = shutil.copytree(tiny_bert, tmp_path / "copy")
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(EncoderError, match="pickle"):
        from_name(str(copy))


@pytest.mark.parametrize("file", ["model.safetensors", "config.json"])
def test_file_cut_short(tiny_bert, tmp_path, file):
    copy = shutil.copytree(tiny_bert, tmp_path / "copy")
    content = (copy / file).read_bytes()
    (copy / file).write_bytes(content[: len(content) // 2])
    with pytest.raises(EncoderError, match="cannot be"):
        Transformer(str(copy)).encode(["cat"])


def test_file_instead_of_directory(tiny_bert):
    with pytest.raises(EncoderError, match="is a file"):
        from_name(str(tiny_bert / "config.json"))


def test_hub_id_without_a_network(monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(EncoderError, match="the hub cannot be reached") as error:
        from_name("nobody-at-all/no-such-model")
    assert "minilm" in error.value.fix


def test_hub_id_that_was_fetched_before_needs_no_network(monkeypatch, tiny_bert):
    import huggingface_hub

    def snapshot(name, *, local_files_only, **_):
        assert local_files_only, "the network was asked for what is here already"
        return str(tiny_bert)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    assert Transformer("somebody/tiny").width == 32


def test_default_package_not_installed(monkeypatch):
    monkeypatch.setattr(directory, "MINILM_PACKAGE", "no-such-package-at-all")
    with pytest.raises(EncoderError, match="not installed") as error:
        from_name("minilm")
    assert error.value.fix.startswith("pip install")


@pytest.mark.parametrize(
    ("name", "pooling", "width"),
    [("bge-small-zh-v1.5", "cls", 512), ("gte-small", "mean", 384), ("paraphrase-minilm-l3", "mean", 384)],
)
def test_real_encoders_see_which_texts_are_alike(name, pooling, width):
    place = ENCODERS / name
    if not place.is_dir():
        pytest.skip(f"{name} is not in {ENCODERS}; GRAPHTUNE_ENCODERS says where the encoders are")
    texts = (
        ["今天天气很好", "今天阳光明媚", "股票市场下跌"] if "zh" in name else ["a cat", "a kitten", "tax law"]
    )
    rows = Transformer(str(place), pooling=pooling).encode(texts)
    assert rows.shape == (3, width)
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(3))
    assert rows[0] @ rows[1] > rows[0] @ rows[2] + 0.1
