import json

import numpy as np
import pytest

import limits
import nearest

pytest.importorskip("faiss", reason="faiss is not installed: it comes with the extra bench")


def test_both_find_the_same():
    (mine, _), (found, _) = nearest.ours(700, 5)(), nearest.theirs(700, 5)()
    features = nearest.mixture(700).numpy()
    found = nearest.without_self(found)
    likeness = features @ features.T
    mine_, found_ = (np.take_along_axis(likeness, near, axis=1) for near in (mine, found))
    np.testing.assert_allclose(mine_, found_, atol=1e-6)
    assert np.mean(mine == found) > 0.99


def test_no_turn_answers_from_memory(monkeypatch):
    from graphtune.graph import nearest as module

    asked = []
    blocks = module.blocks
    monkeypatch.setattr(module, "blocks", lambda *rows, **how: asked.append(1) or blocks(*rows, **how))
    search = nearest.ours(60, 3)
    search(), search()
    assert len(asked) == 2


def test_recall_counts_what_is_as_near_as_the_last_true_neighbour():
    features = nearest.mixture(400).numpy()
    cosines = features.astype(float) @ features.T.astype(float)
    np.fill_diagonal(cosines, -2)
    right = np.argsort(-cosines, axis=1)[:, :4]
    assert nearest.recall(features, right) == 1.0
    wrong = right.copy()
    wrong[:, 3] = np.argsort(-cosines, axis=1)[:, 5]
    wrong[:, 2] = np.arange(400)
    assert nearest.recall(features, wrong) == pytest.approx(0.5, abs=0.01)


def test_a_row_is_no_neighbour_of_its_own():
    near = np.array([[0, 1, 2], [0, 1, 2], [0, 1, 3]])
    assert nearest.without_self(near).tolist() == [[1, 2], [0, 2], [0, 1]]


def test_a_small_run_gives_a_whole_result(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(nearest, "_ROWS", 600)
    monkeypatch.setattr(nearest, "_TURNS", 2)
    monkeypatch.setattr(limits, "ways", lambda *formats: [])
    nearest.run(tmp_path)
    result = json.loads((tmp_path / "nearest/mixture.json").read_text())
    assert result["data"]["rows"] == result["judged_rows"] == 600
    assert {name: len(way["all_s"]) for name, way in result["ways"].items()} == {"graphtune": 2, "faiss": 2}
    assert result["recall"] == {"graphtune": 1.0, "faiss": 1.0}
    assert result["met"] == (result["ratio"]["median"] >= 1)
    assert {"torch", "faiss-cpu"} <= result["versions"].keys()
    assert "recall 1.0 (bar 0.99)" in capsys.readouterr().out
