import importlib.util
import json

import numpy as np
import pytest
import torch

import molecules
import protocols
import starts_page
import starts_words

CIRCUMSTANCES = {
    "versions": {"graphtune": "1.2", "torch": "2.9"},
    "hardware": {"processor": "x86_64", "cores": 2},
}


def _sets():
    from torch_geometric.data import Data

    random = torch.Generator().manual_seed(0)

    def one(number):
        atoms = 4 + number % 3
        ends = torch.randint(atoms, (2, 8), generator=random)
        return Data(
            name=str(number % 20),
            x=torch.randint(3, (atoms, 2), generator=random),
            edge_index=ends,
            edge_attr=torch.randint(2, (8, 2), generator=random),
            y=torch.tensor([[float(number % 2)]]),
        )

    parts = {"train": list(range(16)), "val": [16, 17], "test": [18, 19]}
    return {
        name: ([one(number) for number in range(at, at + 20)], parts)
        for at, name in enumerate(("bbbp", "bace"))
    }


def test_every_way_of_tuning_is_held_against_tuning_everything(tmp_path, monkeypatch, capsys):
    pytest.importorskip("torch_geometric")
    example, sets = molecules._example(), _sets()
    monkeypatch.setattr(molecules, "SETS", {"bbbp": 1})
    monkeypatch.setattr(molecules, "_SEEDS", 2)
    monkeypatch.setattr(molecules, "_read", lambda: (example, sets))
    monkeypatch.setattr(molecules, "_PACKAGES", {"torch-geometric": "torch_geometric"})  # of what is here
    molecules.run(tmp_path, ("bbbp",))
    assert capsys.readouterr().out.startswith("bbbp: random start, full ")
    result = json.loads((tmp_path / "molecules/bbbp.json").read_text())
    assert result["molecules"] == {"train": 16, "val": 2, "test": 2}
    # What judges bbbp is in bace as training molecules too, and is not learned from there.
    assert result["pre_trained_on"] == 16 + 15
    ways = result["ways"]
    assert (ways["full"]["gain"], ways["full"]["share"]) == (0.0, 100.0)
    assert 0 < ways["AdapterGNN"]["share"] < 100
    for figures in ways.values():
        assert figures["area"] == pytest.approx(np.mean(figures["areas"]), abs=0.01)
        full = ways["full"]["area"]
        assert figures["gain"] == pytest.approx(figures["area"] - full, abs=0.02)


def test_the_page_names_every_way_and_set():
    figures = {"area": 70.04, "gain": -1.0, "deviation": 0.5, "share": 10.0}
    ways = dict.fromkeys(starts_words.ENGLISH.ways, figures)
    result = {"dataset": "bbbp", "seeds": 5, "epochs": 30, "ways": ways, **CIRCUMSTANCES}
    for words in (starts_words.ENGLISH, starts_words.CHINESE):
        text = starts_page.text(starts_page.Found(molecules=[result]), words)
        rows = [line for line in text.splitlines() if line.startswith("| ")]
        assert len(rows) == 1 + len(ways)
        assert "| bbbp |" in rows[0]
        assert text.count("70.0 (-1.0 ± 0.5)") == len(ways) - 1
        assert "`molecules`" in text


def test_the_ways_that_are_explained_are_those_that_are_run():
    pytest.importorskip("torch_geometric")
    for words in (starts_words.ENGLISH, starts_words.CHINESE):
        assert list(words.ways) == list(molecules._example().methods(1))


@pytest.mark.parametrize("absent", ["rdkit", "torch_geometric"])
def test_without_what_reads_molecules_the_sets_are_skipped(tmp_path, monkeypatch, capsys, absent):
    molecules._read.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == absent else name)
    molecules.run(tmp_path, ("bbbp",))
    assert "pip install 'graphtune[pyg]' rdkit" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_without_the_sets_they_are_skipped(tmp_path, monkeypatch):
    molecules._read.cache_clear()
    monkeypatch.setenv("GRAPHTUNE_DATA", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    with pytest.raises(protocols.AbsentDataError, match="GRAPHTUNE_DATA"):
        molecules._read()
