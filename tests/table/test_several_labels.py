"""Tables whose texts may have several labels, in every way they are written."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from graphtune.errors import TableError
from graphtune.table import from_lists, read_table
from graphtune.table.cell import CellError, as_labels

ROWS = (("a b", ["x", "y"]), ("c d", ["y"]), ("e f", []), ("g h", None), ("i j", ["y", "z"]), ("k l", ["z"]))
TRUTH = [[1, 1, 0], [0, 1, 0], [0, 0, 0], [0, 0, 0], [0, 1, 1], [0, 0, 1]]


def _csv(path, mark):
    lines = [f'{text},"{"" if own is None else mark.join(own) or mark}"' for text, own in ROWS]
    path.write_text("\n".join(["text,label", *lines]) + "\n", encoding="utf-8")
    return path


def _same(table):
    assert table.classes == ("x", "y", "z")
    np.testing.assert_array_equal(table.marks, np.array(TRUTH, bool))
    # x is the rarest and y the commonest, by which a text without any label is counted.
    assert table.labels.tolist() == [0, 1, 1, -1, 2, 2]


@pytest.mark.parametrize("mark", ["|", ";", " / ", "、"])
def test_names_stand_between_separators(tmp_path, mark):
    _same(read_table(str(_csv(tmp_path / "rows.csv", mark)), purpose="fit", separator=mark))


def test_lists_of_parquet_json_and_python_say_the_same(tmp_path):
    texts, labels = zip(*ROWS, strict=True)
    pq.write_table(
        pa.table({"text": texts, "label": pa.array(labels, pa.list_(pa.string()))}), tmp_path / "a.parquet"
    )
    lines = [json.dumps({"text": text, "label": own}) for text, own in ROWS]
    (tmp_path / "b.jsonl").write_text("\n".join(lines), encoding="utf-8")
    for name in ("a.parquet", "b.jsonl"):
        _same(read_table(str(tmp_path / name), purpose="fit", separator="|"))
    _same(from_lists(texts, labels, several=True))
    _same(from_lists(texts, [None if own is None else set(own) for own in labels], several=True))


def test_blanks_and_repeated_names_count_once():
    assert as_labels(" b | a |a|", "|") == ("a", "b")
    assert as_labels(["b", " a", "a", None, ""], "|") == ("a", "b")
    assert as_labels("a|b", ";") == ("a|b",)
    assert as_labels(["a|b"], "|") == ("a|b",)
    assert as_labels([3, 2.0], "|") == ("2", "3")


def test_no_label_is_told_from_nothing_known():
    assert as_labels([], "|") == as_labels("|", "|") == as_labels(" | ", "|") == ()
    assert as_labels(None, "|") is None
    assert as_labels("", "|") is None
    assert as_labels(float("nan"), "|") is None


def test_what_is_no_name_is_refused():
    with pytest.raises(CellError, match="dict"):
        as_labels([{"a": 1}], "|")
    with pytest.raises(CellError, match="dict"):
        as_labels({"a": 1}, "|")


def test_a_list_without_the_option_says_which(tmp_path):
    (tmp_path / "rows.jsonl").write_text("\n".join(json.dumps({"text": t, "label": o}) for t, o in ROWS))
    with pytest.raises(TableError, match="holds no names") as refused:
        read_table(str(tmp_path / "rows.jsonl"), purpose="fit")
    assert "--multi-label" in refused.value.fix


def test_a_table_with_one_label_a_text_is_none(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("text,label\na b,x;y\nc d,y\ne f,x\n")
    with pytest.raises(TableError, match="no multi-label table") as refused:
        read_table(str(path), purpose="fit", separator="|")
    assert "--separator ';'" in refused.value.fix
    assert read_table(str(path), purpose="fit", separator=";").classes == ("x", "y")
    path.write_text("text,label\na b,x\nc d,y\ne f,x\n")
    with pytest.raises(TableError, match="no multi-label table") as refused:
        read_table(str(path), purpose="fit", separator="|")
    assert "--multi-label out" in refused.value.fix
    assert "such as" not in refused.value.fix


def test_a_column_may_mix_lists_and_names_but_nothing_else(tmp_path):
    cells = [["x", "y"], "x", "y|x", {"x": 1}]
    path = tmp_path / "rows.jsonl"
    path.write_text(
        "\n".join(json.dumps({"text": f"t {at}", "label": cell}) for at, cell in enumerate(cells))
    )
    with pytest.raises(TableError, match="row 4: dict") as refused:
        read_table(str(path), purpose="fit", separator="|")
    assert "a list of names, or names between separators" in refused.value.fix
    path.write_text("\n".join(path.read_text().splitlines()[:3]))
    table = read_table(str(path), purpose="fit", separator="|")
    assert table.marks.tolist() == [[True, True], [True, False], [True, True]]


def test_rare_and_unseen_labels_are_warned_of_and_case_is_refused():
    texts = [f"t {at}" for at in range(5)]
    table = from_lists(
        texts,
        [["a", "b"], ["a"], ["b", "rare"], ["a"], ["new"]],
        split=["train"] * 4 + ["test"],
        several=True,
    )
    said = " ".join(note.text for note in table.notes)
    assert "one training row only: 'rare'" in said
    assert "no training row to learn from: 'new'" in said
    with pytest.raises(TableError, match="differ only in case"):
        from_lists(texts, [["A", "b"], ["a"], ["b"], ["b"], ["a"]], several=True)


def test_test_rows_do_not_say_which_label_is_rare():
    labels = [["a", "b"], ["a"], ["b"], ["b"], ["a", "b"], []]
    split = ["train"] * 4 + ["test", "train"]
    for judged in (["a"], ["a", "b"], []):
        labels[4] = judged
        table = from_lists([f"t {at}" for at in range(6)], labels, split=split, several=True)
        assert [table.classes[at] for at in table.labels[[0, 5]]] == ["a", "b"]


def test_a_table_without_any_label_is_refused():
    with pytest.raises(TableError, match="no row has a label"):
        from_lists(["a", "b"], [[], None], several=True)
