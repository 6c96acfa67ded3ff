import json

import pyarrow as pa
import pyarrow.parquet as pq

import multi_label
from graphtune.plan import Plan
from labels_of_topics import rows


def test_a_result_is_written_where_the_data_are(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GRAPHTUNE_DATA", str(tmp_path))
    multi_label.run(tmp_path)
    assert "skipped reuters90" in capsys.readouterr().err
    texts, labels = rows(90)
    kept = [at for at, own in enumerate(labels) if own]
    columns = {
        "id": [str(at) for at in kept],
        "text": [texts[at] for at in kept],
        "label": ["|".join(labels[at]) for at in kept],
        "split": ["train" if at < 60 else "test" for at in kept],
    }
    pq.write_table(pa.table(columns), tmp_path / "reuters90.parquet")
    monkeypatch.setattr(multi_label, "_BUDGET", 0.5)
    monkeypatch.setattr(multi_label, "Plan", lambda **given: Plan(encoder="tfidf", **given))
    multi_label.run(tmp_path)
    result = json.loads((tmp_path / "multi_label/reuters90.json").read_text())
    assert result["labels"] == 3
    assert result["micro_f1"] > 60
    assert result["rows"]["test"] == len([at for at in kept if at >= 60])
    assert {one["name"] for one in result["held_out"]} >= {result["chosen"]}
