import json

import numpy as np
import pytest
import torch

import sampling
from graphtune.graph import Sampler, TextGraph


def test_a_small_run_gives_a_whole_result(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sampling, "_NODES", 2000)
    monkeypatch.setattr(sampling, "_TURNS", 2)
    monkeypatch.setattr(sampling, "_SEEDS", 20)
    sampling.run(tmp_path)
    result = json.loads((tmp_path / "sampling/random.json").read_text())
    assert result["graph"]["nodes"] == 2000
    assert result["graph"]["seeds"] == 20
    assert {name: len(way["all_s"]) for name, way in result["ways"].items()} == {
        "graphtune": 2,
        "plain_torch": 2,
    }
    ours, theirs = result["sampled_edges_of_last_turn"].values()
    assert ours == pytest.approx(theirs, rel=0.1)
    assert result["ratio"]["least"] <= result["ratio"]["median"] <= result["ratio"]["most"]
    assert result["bar"] == 15
    assert result["met"] == (result["ratio"]["median"] >= 15)
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


def test_both_are_asked_for_the_same_seeds_and_others_every_turn():
    first, second = sampling._seeds(100, 30), sampling._seeds(100, 30)
    drawn = [next(first).tolist() for _ in range(4)]
    assert drawn == [next(second).tolist() for _ in range(4)]
    assert [len(set(seeds)) for seeds in drawn] == [30] * 4
    assert len({*drawn[0], *drawn[1], *drawn[2]}) == 90
