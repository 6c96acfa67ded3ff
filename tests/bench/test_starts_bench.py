import json

import pytest
import torch

import adapters
import citation
import protocols
import starts
import starts_page
import transfer
from graphtune.initial import DGI, Usual
from graphtune.layer import GIN
from graphtune.strategy import AdapterGNN, Full, LinearProbe
from graphtune.table import Links, from_lists
from text_tasks import texts, tiny

CIRCUMSTANCES = {
    "versions": {"graphtune": "1.2", "torch": "2.9"},
    "hardware": {"processor": "x86_64", "cores": 2},
}


@pytest.fixture(autouse=True)
def _small(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPHTUNE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(protocols, "read", data)
    for module in (adapters, citation):
        monkeypatch.setattr(module, "_ENCODER", tiny().name)


def data(protocol, *_):
    found, labels = texts()
    split = ["train"] * 30 + ["val"] * 9 + ["test"] * 9
    if protocol.dataset in starts.SETS and protocol.dataset != "cora":
        split = ["train"] * 39 + ["test"] * 9
    table = from_lists(found, [f"class {label}" for label in labels.tolist()], split=split)
    linked = protocol.dataset in ("cora", "citeseer")
    return table, Links(table.ids[:-1], table.ids[1:]) if linked else None


def test_starts_are_held_against_random_weights_on_the_same_rows(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(starts, "OBJECTIVES", {"DGI": DGI(epochs=2)})
    monkeypatch.setattr(starts, "TUNED", {"Full": Full(epochs=3)})
    monkeypatch.setattr(starts, "SETS", {"banking77": tiny().name, "thucnews_title": "tfidf"})
    monkeypatch.setattr(starts, "_SEEDS", 2)
    starts.run(tmp_path, tuple(starts.SETS))
    assert "banking77, 5 labels a class" in capsys.readouterr().out
    for name in starts.SETS:
        result = json.loads((tmp_path / f"starts/{name}.json").read_text())
        assert result["starts"]["Usual"]["Full"]["gain"] == 0.0
        assert result["starts"]["Usual"]["seconds"] == 0.0 < result["starts"]["DGI"]["seconds"]
        assert 0 <= result["starts"]["DGI"]["Full"]["accuracy"] <= 100
        assert (result["texts"], result["classes"]) == (48, 3)


def test_adapters_learn_a_share_of_what_full_tuning_does(tmp_path, monkeypatch, capsys):
    ways = {"full": Full(epochs=2), "adapters": AdapterGNN(epochs=2), "probe": LinearProbe(epochs=2)}
    monkeypatch.setattr(adapters, "WAYS", ways)
    monkeypatch.setattr(adapters, "PAIRS", (("citeseer", "cora"),))
    monkeypatch.setattr(adapters, "_SHAPE", transfer.Shape(width=10, hidden=12))
    monkeypatch.setattr(adapters, "_OBJECTIVE", DGI(epochs=2))
    monkeypatch.setattr(adapters, "_SEEDS", 1)
    adapters.run(tmp_path)
    result = json.loads((tmp_path / "adapters/citeseer-cora.json").read_text())
    learned = {name: way["learned"] for name, way in result["ways"].items()}
    wide, head = tiny().width, 10 * 3 + 3
    layers = sum(12 * inputs + 12 + 12 * 10 + 10 + 1 for inputs in (wide, 10))
    assert learned["full"] == layers + head
    assert learned["adapters"] == head + sum(2 * (15 * (inputs + 11) + 21) for inputs in (wide, 10))
    assert learned["probe"] == head
    assert result["share"] == pytest.approx(100 * learned["adapters"] / learned["full"], abs=0.01)
    assert "citeseer to cora" in capsys.readouterr().out


def test_of_citations_the_best_on_val_rows_is_judged(tmp_path, monkeypatch, capsys):
    short = citation.Published("gcn", 8, dropout=0.1, rate=0.02, epochs=5, terms=40)
    ways = {
        "gcn": (short, citation.replace(short, epochs=0)),
        "gat": (citation.replace(short, layer="gat"),),
        "own": (citation.Own(Usual(), Full(epochs=2), width=8), citation.Own(DGI(epochs=1), Full(epochs=1))),
    }
    monkeypatch.setattr(citation, "GROUPS", ways)
    monkeypatch.setattr(citation, "_SEEDS", 2)
    judged = []
    right = citation.Citations.right
    monkeypatch.setattr(
        citation.Citations, "right", lambda self, told, part: judged.append(part) or right(self, told, part)
    )
    citation.run(tmp_path, ("gcn", "gat", "own"))
    assert judged.count("test") == 2 * 3
    for name, group in ways.items():
        result = json.loads((tmp_path / f"citation/{name}.json").read_text())
        assert result["rows"] == {"train": 30, "val": 9, "test": 9}
        assert result["chosen"] == result["val"][0]["way"]
        assert len(result["val"]) == len(group)
        assert result["val"] == sorted(result["val"], key=lambda way: -way["accuracy"])
    assert "own:" in capsys.readouterr().out


def test_test_labels_are_hidden_and_published_features_are_normalised_by_row():
    cora = citation.Citations(None, "tfidf")
    task = cora.task("words", terms=30, similar=False)
    assert (task.labels[39:] == -1).all()
    assert (task.labels[:39] >= 0).all()
    assert task.features.shape == (48, 30)
    torch.testing.assert_close(task.features.sum(1), torch.ones(48))
    assert cora.task("words", terms=30, similar=False).graph is task.graph


def test_many_texts_are_cut_and_links_with_them():
    whole, few = (transfer.Corpus.read("cora", "tfidf", 0, most=most) for most in (100, 20))
    assert (len(whole.table), len(few.table), whole.graph.edges) == (48, 20, 2 * 47)
    assert few.graph.nodes == 20
    task = few.labelled(1, 0)
    assert len(task.train) == len(set(task.labels[task.train].tolist()))
    tests = protocols.labelled(few.table, "test")
    assert (task.labels[torch.from_numpy(tests)] == -1).all()
    split = transfer.Corpus.read("debian", "tfidf", 0, most=100).labelled(2, 0)
    assert len(split.val) == 39 // 5
    assert not set(split.val.tolist()) & set(split.train.tolist())


def test_a_shape_has_the_papers_perceptron():
    model = transfer.Shape().made(300, 7, 0)
    assert all(isinstance(layer, GIN) and layer.first.out_features == 600 for layer in model.layers)


def test_absent_data_are_told(tmp_path, monkeypatch, capsys):
    def absent(*_):
        raise protocols.AbsentDataError("set GRAPHTUNE_DATA.")

    monkeypatch.setattr(protocols, "read", absent)
    for module in (adapters, citation, starts):
        module.run(tmp_path)
    said = capsys.readouterr()
    assert (said.out + said.err).count("GRAPHTUNE_DATA") == 1 + len(adapters.PAIRS) + len(starts.SETS)
    assert list(tmp_path.glob("*/*.json")) == []


def figures(accuracy: float, gain: float) -> dict:
    return {"Full": {"accuracy": accuracy, "gain": gain, "deviation": 0.5}}


def test_tables_show_every_figure_in_both_languages():
    found = starts_page.Found(
        [
            {
                "dataset": name,
                "labels": 5,
                "seeds": 5,
                "starts": {
                    "Usual": {"seconds": 0.0, **figures(80.0, 0.0)},
                    "DGI": {"seconds": 3.0, **figures(81.25, 1.25)},
                },
                **CIRCUMSTANCES,
            }
            for name in ("banking77", "cora")
        ],
        [
            {
                "source": "citeseer",
                "target": "cora",
                "labels": 20,
                "share": 5.04,
                "ways": {name: {"accuracy": 80.0} for name in ("full", "adapters", "probe")},
                **CIRCUMSTANCES,
            }
        ],
        [
            {
                "group": "gcn",
                "accuracy": 81.3,
                "deviation": 0.4,
                "bar": 81.0,
                "met": True,
                "chosen": "Published()",
                "seeds": [81.0, 81.6],
                **CIRCUMSTANCES,
            }
        ],
    )
    for words in (starts_page.ENGLISH, starts_page.CHINESE):
        told = starts_page.text(found, words)
        assert "| `Usual` | 80.0 | 80.0 | 0.0 |" in told
        assert "| `DGI` | 81.2 (+1.2 ± 0.5) | 81.2 (+1.2 ± 0.5) | 3.0 |" in told
        assert "| citeseer | cora | 80.0 | 80.0 | 80.0 | 5.0 % |" in told
        assert "| 81.3 ± 0.4 | 81.0 |" in told
        assert told.count("graphtune 1.2, torch 2.9, 2 × x86_64") == 1
        assert starts_page.text(starts_page.Found([], [], []), words) == words.none


def test_the_documents_hold_the_committed_results():
    assert starts_page.main(["--check"]) == 0
