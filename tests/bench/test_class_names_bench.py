import json

import pyarrow as pa
import pyarrow.parquet as pq

import class_names
from class_names import Corpus


def test_each_model_is_measured_with_and_without_names(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GRAPHTUNE_DATA", str(tmp_path))
    class_names.run(tmp_path, ("cr",))
    assert "skipped cr" in capsys.readouterr().err
    words = {"parcel": ("box", "van", "door"), "money": ("bank", "paid", "bill")}
    rows = [(f"{a} {b}", label) for label, own in words.items() for a in own for b in own for _ in range(4)]
    columns = {
        "id": [str(at) for at in range(len(rows))],
        "text": [text for text, _ in rows],
        "label": [label for _, label in rows],
        "split": ["test" if at % 4 == 3 else "train" for at in range(len(rows))],
    }
    pq.write_table(pa.table(columns), tmp_path / "cr.parquet")
    monkeypatch.setattr(class_names, "SETS", (Corpus("cr"),))
    monkeypatch.setattr(class_names, "SEEDS", (0,))
    class_names.run(tmp_path)
    found = json.loads((tmp_path / "class_names/cr.json").read_text())
    assert set(found["models"]) == set(class_names.MODELS)
    for model in found["models"].values():
        assert model["with"] == model["drawn"]["with"][0] > 50
        assert model["without"] == model["drawn"]["without"][0]
