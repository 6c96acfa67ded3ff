import json

import pyarrow as pa
import pyarrow.parquet as pq

import upper_blocks
from graphtune.plan import Plan
from tiny_bert import write_tiny_bert
from upper_blocks import Corpus


def test_fits_are_measured_with_and_without_several_blocks(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GRAPHTUNE_DATA", str(tmp_path))
    monkeypatch.setenv("GRAPHTUNE_ENCODERS", str(tmp_path))
    monkeypatch.setenv("GRAPHTUNE_CACHE", str(tmp_path / "cache"))
    upper_blocks.run(tmp_path, ("cr",))
    assert "skipped cr" in capsys.readouterr().err
    words = {"animal": ("cat", "dog", "mat"), "colour": ("red", "blue", "tree")}
    rows = [(f"{a} {b}", label) for label, own in words.items() for a in own for b in own for _ in range(4)]
    columns = {
        "id": [str(at) for at in range(len(rows))],
        "text": [text for text, _ in rows],
        "label": [label for _, label in rows],
        "split": ["test" if at % 4 == 3 else "train" for at in range(len(rows))],
    }
    pq.write_table(pa.table(columns), tmp_path / "cr.parquet")
    write_tiny_bert(tmp_path / "tiny")
    monkeypatch.setattr(upper_blocks, "SETS", (Corpus("cr", "tiny"),))
    monkeypatch.setattr(upper_blocks, "SEEDS", (0,))
    monkeypatch.setattr(upper_blocks, "LABELS", (5,))
    named: list[int] = []
    fit = upper_blocks.fit_table

    def fitted(table, *, plan: Plan, into: None):
        model = fit(table, plan=plan, into=into)
        named.append(sum("blocks" in one.name for one in model.outcome.candidates))
        return model

    monkeypatch.setattr(upper_blocks, "fit_table", fitted)
    upper_blocks.run(tmp_path)
    found = json.loads((tmp_path / "upper_blocks/cr-tiny.json").read_text())
    assert named[0] == 0 < named[1]
    for how in ("without", "with"):
        own = found["labels_a_class"]["5"][how]
        assert own["chosen"] == own["drawn"][0]["chosen"] > 50
