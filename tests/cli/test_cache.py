"""What a person sees of ``graphtune cache``."""

import pytest
import torch

from graphtune.cli.app import main
from graphtune.encoder.cache import Cache, text_hashes


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Cache:
    monkeypatch.setenv("GRAPHTUNE_CACHE", str(tmp_path / "cache"))
    return Cache.of_user()


def _fill(cache: Cache, name: str, fingerprint: str, rows: int) -> None:
    cache.name(fingerprint, "float32", {"kind": "Transformer", "name": name})
    hashes = text_hashes([f"text {i}" for i in range(rows)])
    cache.block(fingerprint, "float32", 6).add(hashes, torch.zeros(rows, 4))


@pytest.fixture
def two(cache):
    _fill(cache, "minilm", "a" * 64, 1200)
    _fill(cache, "[bold]很好", "b" * 64, 3)
    return cache


def test_empty(capsys, tmp_path):
    assert main(["cache"]) == 0
    shown = capsys.readouterr().out
    assert str(tmp_path / "cache") in shown
    assert "empty" in shown
    assert main(["cache", "--clear"]) == 0
    assert main(["cache", "--clear", "minilm"]) == 0


def test_shows_every_encoder(two, capsys):
    assert main(["cache"]) == 0
    shown = capsys.readouterr().out
    for seen in ("minilm", "a" * 12, "1,200", "[bold]很好", "1,203", "KiB"):
        assert seen in shown
    assert len(two.held()) == 2


def test_clears_everything_and_asks_nothing_without_a_terminal(two, capsys):
    assert main(["cache", "--clear"]) == 0
    assert "removed" in capsys.readouterr().out
    assert two.held() == []


@pytest.mark.parametrize("which", ["minilm", "aaaa"])
def test_clears_one_encoder_by_name_or_digest(two, which):
    assert main(["cache", "--clear", which]) == 0
    assert [one.name for one in two.held()] == ["[bold]很好"]


def test_asks_on_a_terminal(two, monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.confirm", lambda question: "KiB" not in question)
    assert main(["cache", "--clear"]) == 0
    assert len(two.held()) == 2


def test_unknown_encoder_is_told_the_nearest(two, capsys):
    assert main(["cache", "--clear", "minilmm"]) == 2
    shown = capsys.readouterr().err
    assert "'minilmm'" in shown
    assert "did you mean 'minilm'?" in shown
    assert len(two.held()) == 2
