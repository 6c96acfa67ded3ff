import json

import pytest
import torch

import kernels
import limits
from contest import Timed

pytest.importorskip("torch_geometric")
pytestmark = pytest.mark.filterwarnings("ignore")  # of PyG and of torch's CSR matrices


@pytest.mark.parametrize("name", kernels.BARS)
def test_every_way_does_the_same(name):
    size = (name, 300, 8)
    steps = [kernels.ours(*size), kernels.on_edge_index(*size)]
    if kernels.BARS[name].csr is not None:
        steps.append(kernels.on_csr(*size))
    by_ours = kernels._PARAMETERS[name]
    mine, x = steps[0].layer, steps[0].x
    expected = mine(x, steps[0].adjacency)
    losses = [[step() for _ in range(2)] for step in steps]
    for step, loss in zip(steps[1:], losses[1:], strict=True):
        torch.testing.assert_close(step.layer(step.x, step.adjacency), expected)
        torch.testing.assert_close(step.x.grad, x.grad)
        for own, other in by_ours.items():
            theirs = step.layer.get_parameter(other).grad
            torch.testing.assert_close(theirs, mine.get_parameter(own).grad.view_as(theirs))
        assert loss == pytest.approx(losses[0])
    assert losses[0][0] == losses[0][1] > 0


def test_a_small_run_gives_a_whole_result(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(kernels, "_NODES", 200)
    monkeypatch.setattr(kernels, "_TURNS", 2)
    monkeypatch.setattr(limits, "ways", lambda *formats: [])
    kernels.run(tmp_path, ("gat",))
    result = json.loads((tmp_path / "kernels/gat.json").read_text())
    assert {name: len(way["all_s"]) for name, way in result["ways"].items()} == {
        "graphtune": 2,
        "pyg_edge_index": 2,
    }
    assert result["graph"]["nodes"] == 200
    assert 3000 < result["graph"]["edges"] < 4000
    assert result["features"] == {"inputs": 128, "outputs": 128, "format": "float32", "heads": 4}
    assert result["loss"]["graphtune"] == pytest.approx(result["loss"]["pyg_edge_index"], rel=1e-5)
    assert 0 < result["peak_share"]["pyg_edge_index"]["process"] < 2
    assert result["bar"] == {"edge_index": 5.0, "peak": 1 / 3}
    assert {"torch", "torch-geometric"} <= result["versions"].keys()
    assert "times as fast (bar 5.0); peak" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("edge_index", "csr", "loss", "met"),
    [(5, 2, 1.0, True), (3, 2, 1.0, False), (5, 1.2, 1.0, False), (5, 2, 1.1, False)],
)
def test_both_speeds_and_the_same_loss_are_asked_for(edge_index, csr, loss, met, monkeypatch):
    found = {
        name: Timed((seconds,) * 2, 300.0, 200.0, told)
        for name, seconds, told in (
            ("graphtune", 1.0, 1.0),
            ("pyg_edge_index", edge_index, 1.0),
            ("pyg_csr", csr, loss),
        )
    }
    monkeypatch.setattr(kernels, "contest", lambda ways, turns: found)
    result = kernels.measured("gcn", 50, 2)
    assert result["met"] == met
    assert {name: one["median"] for name, one in result["ratio"].items()} == {
        "pyg_edge_index": edge_index,
        "pyg_csr": csr,
    }
    assert result["peak_share"]["pyg_csr"] == {"process": 1.0, "after_preparation": 1.0}
