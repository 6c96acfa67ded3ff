import json
import sys

import pytest

import compress
from contest import Timed
from graphtune.encoder import Transformer
from tiny_bert import write_tiny_bert


@pytest.fixture(autouse=True)
def bert(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPHTUNE_CACHE", str(tmp_path / "cache"))
    write_tiny_bert(tmp_path / "bert")
    return str(tmp_path / "bert")


def test_texts_have_as_many_tokens_as_they_say(bert):
    shapes = ((1, 16), (3, 40))
    texts = compress.worded(bert, shapes)
    assert [len(some) for some in texts] == [1, 3]
    loaded = Transformer(bert).loaded
    for some, (_, tokens) in zip(texts, shapes, strict=True):
        assert {len(ids) for ids in loaded.tokens(some, 64)} == {tokens}


def test_every_turn_is_of_the_next_shape(bert):
    work = compress.asked(bert, "float32", [["the"], ["the", "cat"]])
    assert [work() for _ in range(4)] == [1, 2, 1, 2]
    shapes = len(compress.SHAPES)
    found = Timed(tuple(float(1 + at % shapes) for at in range(3 * shapes)), 1.0, 1.0, 1)
    for at, (texts, _) in enumerate(compress.SHAPES):
        assert compress.rate(found, at) == round(texts / (1 + at), 1)


def test_a_run_writes_what_it_measured(tmp_path, monkeypatch, capsys):
    found = {name: Timed((0.5,) * 12, 300.0, 200.0, 1) for name in (compress.TORCH, *compress.EXPORTED)}
    monkeypatch.setattr(compress, "worded", lambda *_: [["the cat"]] * len(compress.SHAPES))
    monkeypatch.setattr(compress, "made", lambda *_: dict.fromkeys(compress.EXPORTED, "nowhere"))
    monkeypatch.setattr(compress, "contest", lambda ways, turns, warm: found)
    compress.run(tmp_path, (compress.SPEED,))
    result = json.loads((tmp_path / "compress/speed.json").read_text())
    assert result["texts_per_second"]["64 × 16 tokens"]["int8 token"] == 128.0
    assert "64 × 16 tokens: torch 128.0 texts/s" in capsys.readouterr().out


def test_torchao_is_timed_where_it_is_installed(bert, tmp_path, monkeypatch):
    ways = []
    monkeypatch.setattr(compress, "worded", lambda *_: [["the cat"]] * len(compress.SHAPES))
    monkeypatch.setattr(compress, "made", lambda *_: {})
    monkeypatch.setattr(compress, "contest", lambda given, **_: ways.extend(given) or {})
    for found in (None, object()):
        monkeypatch.setattr(compress, "find_spec", lambda _, found=found: found)
        compress.speed(bert, tmp_path, 1)
    names = [way.name for way in ways]
    assert names == [compress.TORCH, compress.EXACT] * 2 + [compress.TORCHAO]
    monkeypatch.setitem(sys.modules, "torchao", None)
    with pytest.raises(ModuleNotFoundError, match="torchao"):
        ways[-1].prepare(*ways[-1].arguments)
