import json

import numpy as np
import pytest
import torch

import sampling
from graphtune.graph import Sampler, TextGraph


def test_a_small_run_gives_a_whole_result(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sampling, "_NODES", 2000)
    monkeypatch.setattr(sampling, "_REPEATS", 2)
    monkeypatch.setattr(sampling, "_SEEDS", 20)
    sampling.run(tmp_path)
    result = json.loads((tmp_path / "sampling/random.json").read_text())
    assert result["graph"]["nodes"] == 2000
    assert {len(times) for times in result["all_ms"].values()} == {2}
    ours, theirs = result["median_ms"].values()
    assert result["ratio"] == pytest.approx(theirs / ours, rel=0.01)
    assert result["bar"] == 15
    assert {"torch", "graphtune"} <= result["versions"].keys()
    assert "times as fast (bar 15" in capsys.readouterr().out


def test_both_sample_alike():
    ends = torch.randint(3000, (2, 60_000), generator=torch.Generator().manual_seed(0))
    graph = TextGraph.from_edges(ends[0], ends[1], nodes=3000)
    seeds = torch.arange(50)
    torch.manual_seed(0)
    source, target, weight = sampling.plain(graph, seeds, (6, 4))
    ours = Sampler((6, 4)).sample(graph, seeds, np.random.default_rng(0)).graph
    theirs = TextGraph.from_edges(source, target, weight, nodes=int(source.max()) + 1)
    assert ours.crow.diff()[:50].tolist() == theirs.crow.diff()[:50].tolist() == [6] * 50
    assert ours.nodes == pytest.approx(theirs.nodes, rel=0.1)
    assert ours.edges == pytest.approx(theirs.edges, rel=0.1)
    assert float(ours.weight.mean()) == pytest.approx(float(theirs.weight.mean()), rel=0.05)
