import json

import numpy as np
import pytest
import torch

import protocols
import word_graph
from graphtune.graph import Rows, Words
from graphtune.table import from_lists

TEXTS = (
    "the cat sat on the mat, and the dog sat on the log",
    "the dog saw the cat run on the mat",
    "the bird sang",
    "a dog and a cat and the bird ran; the bird sang on a log",
    "the",
    "the mat",
)


@pytest.mark.parametrize("texts", [TEXTS, (*TEXTS, "", "?!"), ("red", "blue")])
@pytest.mark.parametrize("window", [2, 3, 20])
def test_both_build_the_same_graph(texts, window):
    rows = Rows(tuple(map(str, range(len(texts)))), texts, torch.zeros(len(texts), 1))
    ours = Words(window=window, min_count=2).build(rows).graph.scipy()
    theirs = word_graph.by_dictionaries(texts, window, 2)
    assert (ours != 0).toarray().tolist() == (theirs != 0).toarray().tolist()
    np.testing.assert_allclose(ours.toarray(), theirs.toarray(), rtol=1e-5, atol=1e-6)
    assert ours.nnz == theirs.nnz


def test_a_small_run_gives_a_whole_result(tmp_path, monkeypatch, capsys):
    table = from_lists(list(TEXTS), ["a", "b"] * 3, split=["train", "test"] * 3)
    monkeypatch.setattr(protocols, "read", lambda protocol, seed: (table, None))
    monkeypatch.setattr(word_graph, "_SAMPLE", 4)
    monkeypatch.setattr(word_graph, "_TURNS", 2)
    word_graph.run(tmp_path)
    result = json.loads((tmp_path / "word_graph/20ng.json").read_text())
    compared, whole = result["compared"], result["whole"]
    assert {name: len(way["all_s"]) for name, way in compared["ways"].items()} == {
        "graphtune": 2,
        "dictionaries": 2,
    }
    assert compared["edges"]["graphtune"] == compared["edges"]["dictionaries"] > 0
    assert (compared["texts"], whole["texts"]) == (4, 6)
    assert compared["on"].startswith("4 of 6 texts")
    assert whole["edges"] > 0
    assert len(whole["graphtune"]["all_s"]) == 3
    assert result["bar"] == {"ratio_on_sample": 15.0, "peak_mib_on_whole": 4096.0}
    assert {"scipy", "graphtune"} <= result["versions"].keys()
    assert "(bar 15.0); 6 texts" in capsys.readouterr().out


def test_absent_data_are_skipped_and_said(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GRAPHTUNE_DATA", str(tmp_path))
    word_graph.run(tmp_path / "out")
    assert "skipped 20ng" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
