import json

import pytest
import torch

import adapters
import citation
import gnn_strategies
import protocols
import starts
import starts_page
import transfer
import word_networks
from graphtune.initial import DGI, Usual
from graphtune.layer import GIN
from graphtune.select import TextGCN, Window
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


def test_strategies_are_held_against_full_tuning_and_against_no_graph(tmp_path, monkeypatch, capsys):
    ways = {"Full": Full(epochs=3), "LinearProbe": LinearProbe(epochs=3)}
    monkeypatch.setattr(gnn_strategies, "WAYS", ways)
    monkeypatch.setattr(gnn_strategies, "SETS", {"banking77": tiny().name})
    monkeypatch.setattr(gnn_strategies, "_OBJECTIVE", DGI(epochs=2))
    monkeypatch.setattr(gnn_strategies, "_SEEDS", 2)
    gnn_strategies.run(tmp_path, ("banking77",))
    assert "banking77, 5 labels a class" in capsys.readouterr().out
    result = json.loads((tmp_path / "gnn_strategies/banking77.json").read_text())
    assert list(result["ways"]) == ["graph-free", "random", "Full", "LinearProbe"]
    full, probe, free = (result["ways"][name] for name in ("Full", "LinearProbe", "graph-free"))
    assert full["gain"] == 0.0
    assert probe["learned"] == 64 * 3 + 3 < full["learned"]
    assert (free["learned"], free["seconds"]) == (None, None)
    assert probe["gain"] == pytest.approx(probe["accuracy"] - full["accuracy"], abs=0.011)


def test_networks_over_words_are_fitted_whole(tmp_path, monkeypatch, capsys):
    strategy = Full(rate=0.02, decay=0.0, epochs=3)
    rows = {
        "textgcn-r8": ("r8", TextGCN(width=8, strategy=strategy), "transductive"),
        "window-mr": ("mr", Window(width=8, strategy=strategy), "inductive"),
    }
    made = {
        name: word_networks.Row(dataset, 99.0, 99.5, (candidate,), protocol == "transductive", seconds=600.0)
        for name, (dataset, candidate, protocol) in rows.items()
    }
    monkeypatch.setattr(word_networks, "ROWS", made)
    monkeypatch.setattr(word_networks, "_SEEDS", 2)
    word_networks.run(tmp_path, tuple(made))
    for name, (_, candidate, protocol) in rows.items():
        result = json.loads((tmp_path / f"word_networks/{name}.json").read_text())
        assert (result["protocol"], len(result["seeds"])) == (protocol, 2)
        assert {one["chosen"] for one in result["seeds"]} == {str(candidate)}
        assert result["met"] == (result["accuracy"] >= 99.0)
        assert result["longest_s"] == max(one["seconds"] for one in result["seeds"]) <= 600
    assert "published 99.5" in capsys.readouterr().out


def test_adapters_learn_a_share_of_what_full_tuning_does(tmp_path, monkeypatch, capsys):
    either = (AdapterGNN(epochs=2), AdapterGNN(epochs=3))
    ways = {"full": (Full(epochs=2),), "adapters": either, "probe": (LinearProbe(epochs=2),)}
    monkeypatch.setattr(adapters, "WAYS", ways)
    monkeypatch.setattr(adapters, "_SHAPE", transfer.Shape(width=10, hidden=12))
    monkeypatch.setattr(adapters, "_OBJECTIVE", DGI(epochs=2))
    monkeypatch.setattr(adapters, "_SEEDS", 1)
    adapters.run(tmp_path, ("citeseer-cora",))
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
    for module in (adapters, citation, gnn_strategies, starts, word_networks):
        module.run(tmp_path)
    said = capsys.readouterr()
    parts = (adapters.PAIRS, gnn_strategies.SETS, starts.SETS, word_networks.ROWS)
    assert (said.out + said.err).count("GRAPHTUNE_DATA") == 1 + sum(map(len, parts))
    assert list(tmp_path.glob("*/*.json")) == []


def figures(accuracy: float, gain: float) -> dict:
    return {"Full": {"accuracy": accuracy, "gain": gain, "deviation": 0.5}}


def strategies(name: str, gain: float, deviation: float) -> dict:
    def way(gain, deviation, seconds=None, learned=None):
        return {"gain": gain, "deviation": deviation, "seconds": seconds, "learned": learned}

    return {
        "dataset": name,
        "labels": 5,
        "seeds": 5,
        "ways": {
            "graph-free": way(1.0, 0.1),
            "Full": way(0.0, 0.0, 4.0, 1000),
            "GPF": way(gain, deviation, 2.0, 100),
        },
        **CIRCUMSTANCES,
    }


def test_tables_show_every_figure_in_both_languages():
    found = starts_page.Found(
        starts=[
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
        adapters=[
            {
                "source": "citeseer",
                "target": "cora",
                "labels": 20,
                "share": 5.04,
                "seeds": 5,
                "ways": {name: {"accuracy": 80.0} for name in ("full", "adapters", "probe")},
                **CIRCUMSTANCES,
            }
        ],
        citation=[
            {
                "group": "gcn",
                "accuracy": 81.3,
                "deviation": 0.4,
                "bar": 81.0,
                "met": True,
                "chosen": "Own(Full(rate=0.1, loss=CrossEntropy(smoothing=0.0)), layer=<class 'a.b.GCN'>)",
                "seeds": [81.0, 81.6],
                **CIRCUMSTANCES,
            }
        ],
        strategies=[
            strategies("banking77", 2.0, 1.0),
            strategies("cora", -1.5, 1.0),
            strategies("webkb", 0.5, 4.0),
        ],
        words=[
            {
                "row": "textgcn-r8",
                "protocol": "transductive",
                "accuracy": 97.04,
                "deviation": 0.2,
                "longest_s": 92.6,
                "seeds": [{}] * 5,
                "published": 97.1,
                "bar": {"accuracy": 96.9, "seconds": 180.0},
                "met": True,
                **CIRCUMSTANCES,
            }
        ],
        mlp_init=[
            {
                "median_s": {"xavier": 9.0, "mlp_init": 4.0},
                "ratio": 2.25,
                "bar": 2.0,
                "met": True,
                "seeds": [{}] * 5,
                **CIRCUMSTANCES,
            }
        ],
    )
    for words in (starts_page.ENGLISH, starts_page.CHINESE):
        told = starts_page.text(found, words)
        assert "| `Usual` | 80.0 | 80.0 |  | 0.0 |" in told
        assert "| `DGI` | 81.2 (+1.2 ± 0.5) | 81.2 (+1.2 ± 0.5) | +1.2 | 3.0 |" in told
        assert "| citeseer | cora | 80.0 | 80.0 | 80.0 | 5.0 % |" in told
        # One pair of five tells of no mean.
        assert (
            words.adapted.format(pairs=1, gain=0, share=5.04, least=-0.3, most=10, met=words.met[False])
            in told
        )
        assert "| 81.3 ± 0.4 | 81.0 |" in told
        assert "`Own(Full(rate=0.1), layer=GCN)`" in told
        assert f"| `GPF` | {words.ideas['GPF']} | 10 % | 50 % | banking77 +2.0 | cora -1.5 | +0.3 |" in told
        assert f"| `Full` | {words.ideas['Full']} | 100 % | 100 % |  |  |  |" in told
        assert f"| `graph-free` | {words.ideas['graph-free']} |  |  | banking77 +1.0" in told
        assert "| `textgcn-r8` | transductive | 97.0 ± 0.2 | 97.1 | 96.9" in told
        assert "2.25" in told
        assert told.count("graphtune 1.2, torch 2.9, 2 × x86_64") == 1
        assert starts_page.text(starts_page.Found(), words).endswith(words.none[-12:])


def test_the_documents_hold_the_committed_results():
    assert starts_page.main(["--check"]) == 0
