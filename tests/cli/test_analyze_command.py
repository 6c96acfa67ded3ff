"""``graphtune analyze``: what it prints and leaves, and how every bad input ends."""

import importlib.util
import math
import shutil
from pathlib import Path

import pytest
from small_table import COLUMNS

from graphtune.cli.app import main
from graphtune.structure import WEIGHT_COLUMNS, read_structure
from tiny_bert import write_tiny_bert


@pytest.fixture(autouse=True)
def bert(tmp_path) -> Path:
    write_tiny_bert(tmp_path / "bert")
    return tmp_path / "bert"


def fitted(table, candidate: str) -> None:
    plan = f"""
encoder = "bert"
exactly = true
[[graphs]]
name = "meaning"
builder = {{ kind = "Neighbours", k = 5 }}
[[candidates]]
{candidate}
"""
    Path("one.toml").write_text(plan)
    assert main(["fit", str(table), *COLUMNS, "--plan", "one.toml", "--into", "made"]) == 0


def test_an_encoder_is_told_drawn_and_written(tmp_path, capsys):
    assert main(["analyze", "bert", "--tokens", "16", "--color", "stable rank"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    place = tmp_path / "graphtune-structure"
    assert sorted(file.name for file in place.iterdir()) == ["structure.json", "structure.svg"]
    graph = read_structure(place / "structure.json")
    assert (graph.model, graph.depth, graph.width, graph.tokens) == ("bert", 3, 32, 16)
    assert tuple(graph.columns) == WEIGHT_COLUMNS
    assert all(math.isfinite(value) for value in graph.columns["spectral norm"])
    assert "stable rank" in (place / "structure.svg").read_text()
    assert f"{graph.parameters:,} parameters" in out
    assert all(f"block {number}" in out for number in (1, 2, 3))
    assert "attention.self.query" in out
    assert "as torch.export follows them" in out
    pytest.importorskip("resvg_py")
    assert main(["analyze", "bert", "--tokens", "8", "--png"]) == 0  # over what it left itself
    assert read_structure(place / "structure.json").tokens == 8
    assert (place / "structure.png").read_bytes().startswith(b"\x89PNG")


def test_a_saved_network_is_read_with_its_encoder(table, tmp_path, capsys):
    fitted(table, 'kind = "Network"\nwidth = 8\ndepth = 1')
    assert main(["analyze", "made", "--tokens", "8", "--into", "out"]) == 0
    graph = read_structure(tmp_path / "out" / "structure.json")
    behind = [(node.name, node.kind) for node in graph.nodes if node.block == 4]
    assert behind == [
        ("pooling", "pooling"),
        ("network.layers.0", "graph layer"),
        ("network.head", "head"),
    ]
    assert "behind them" in capsys.readouterr().out


def test_a_saved_probe_is_read_with_its_head(table, tmp_path):
    fitted(table, 'kind = "Probe"')
    assert main(["analyze", "made", "--tokens", "8", "--into", "out"]) == 0
    graph = read_structure(tmp_path / "out" / "structure.json")
    assert [node.name for node in graph.nodes[-2:]] == ["pooling", "head"]
    assert graph.nodes[-1].shape == (3, 32)


def test_a_saved_tuned_encoder_is_read_as_it_was_tuned(table, tmp_path):
    fitted(table, 'kind = "Tuned"\nblocks = 1')
    for source, into in (("made", "tuned"), ("bert", "plain")):
        assert main(["analyze", source, "--tokens", "8", "--into", into]) == 0
    tuned, plain = (read_structure(tmp_path / into / "structure.json") for into in ("tuned", "plain"))
    assert [node.name for node in tuned.nodes[-2:]] == ["pooling", "head"]
    norms = [graph.columns["spectral norm"] for graph in (tuned, plain)]
    moved = [node.block for node, a, b in zip(plain.nodes, *norms, strict=False) if a != pytest.approx(b)]
    assert set(moved) == {3}


def test_a_model_without_an_encoder_is_refused(model, tmp_path, refused):
    problem, fix = refused("analyze", "model", folder=tmp_path)
    assert "no encoder whose modules could be read: it was fitted with tfidf" in problem
    assert "minilm" in fix


@pytest.mark.parametrize(
    ("arguments", "said", "fix"),
    [
        (["./nowhere"], "nowhere", "Hugging Face"),
        (["minilmm"], "No encoder 'minilmm'", "'minilm'"),
        (["tfidf"], "has no modules to read", "minilm"),
        (["full"], "neither a model that fit has written nor an encoder", "minilm"),
        (["bert", "--color", "colour"], "no column 'colour'", "stable rank"),
        (["bert", "--tokens", "65"], "reads 64 at most", "1 to 64"),
        (["bert", "--into", "full"], "full has files in it that are no model graph", "empty"),
        (["bert", "--into", "rows.csv"], "rows.csv is a file", "directory"),
    ],
)
def test_bad_input_is_refused(arguments, said, fix, table, tmp_path, refused):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("keep me")
    problem, found = refused("analyze", *arguments, folder=tmp_path)
    assert said in problem
    assert fix in found


def test_a_damaged_encoder_is_refused(tmp_path, refused):
    shutil.copytree(tmp_path / "bert", tmp_path / "bad")
    (tmp_path / "bad" / "model.safetensors").write_bytes(b"spoiled")
    problem, _ = refused("analyze", "bad", folder=tmp_path)
    assert "bad" in problem


def test_no_tokens_end_with_usage(capsys):
    assert main(["analyze", "bert", "--tokens", "0"]) == 2
    assert "Usage: graphtune analyze" in capsys.readouterr().err


def test_a_missing_extra_is_said_before_anything_is_read(tmp_path, refused, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    problem, fix = refused("analyze", "bert", "--png", folder=tmp_path)
    assert "needs the extra 'draw'" in problem
    assert fix.strip() == "pip install 'graphtune[draw]'"
