"""Every format gives the same table, whatever the texts hold."""

import gzip
import io
import json

import datasets
import numpy as np
import pandas
import polars
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from graphtune.errors import OutputError, TableError
from graphtune.table import Columns, read_table, read_tables, write_rows

TEXTS = (
    "good film",
    "bad film, very",
    'she said "no"',
    "line\nbreak",
    "שלום עולם",
    "很好看的电影",
    "😀 joy",
    "",
)
LABELS = ("pos", "neg", "neg", "pos", "pos", "pos", "neg", "")
SPLITS = ("train", "train", "train", "training", "Val", "dev", "testing", "test")
COLUMNS = {"id": list(range(8)), "text": list(TEXTS), "label": list(LABELS), "split": list(SPLITS)}


def _csv(path):
    write_rows(path, COLUMNS)
    return path


def _tsv(path):
    write_rows(path.with_suffix(".tsv"), COLUMNS)
    return path.with_suffix(".tsv")


def _jsonl(path):
    write_rows(path.with_suffix(".jsonl"), COLUMNS)
    return path.with_suffix(".jsonl")


def _json_array(path):
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in zip(*COLUMNS.values(), strict=True)]
    path.with_suffix(".json").write_text(json.dumps(rows, indent=1), "utf-8")
    return path.with_suffix(".json")


def _gzipped(path):
    _csv(path)
    packed = path.with_suffix(".csv.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    return packed


def _with_mark(path):
    _csv(path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    return path


def _parquet(path):
    write_rows(path.with_suffix(".parquet"), COLUMNS)
    return path.with_suffix(".parquet")


def _arrow_file(path):
    table = pa.table(COLUMNS)
    with pa.ipc.new_file(path.with_suffix(".arrow"), table.schema) as writer:
        writer.write_table(table, max_chunksize=3)
    return path.with_suffix(".arrow")


def _arrow_stream(path):
    table = pa.table(COLUMNS)
    with pa.ipc.new_stream(path.with_suffix(".arrow"), table.schema) as writer:
        writer.write_table(table, max_chunksize=3)
    return path.with_suffix(".arrow")


def _saved(path):
    datasets.Dataset.from_dict(COLUMNS).save_to_disk(path.with_suffix(""), num_shards=2)
    return path.with_suffix("")


def _pandas(path):
    return pandas.DataFrame(COLUMNS).set_index("id", drop=False)


def _polars(path):
    return polars.DataFrame(COLUMNS)


FORMATS = (
    *(_csv, _tsv, _jsonl, _json_array, _gzipped, _with_mark, _parquet, _arrow_file, _arrow_stream),
    *(_saved, _pandas, _polars),
)


@pytest.mark.parametrize("make", FORMATS)
def test_every_format_gives_the_same_table(make, tmp_path):
    table = read_table(make(tmp_path / "rows.csv"), purpose="check")
    assert table.ids == tuple("01234567")
    assert table.texts == TEXTS
    assert table.classes == ("neg", "pos")
    assert table.labels.tolist() == [1, 0, 0, 1, 1, 1, 0, -1]
    assert table.split == ("train",) * 4 + ("val",) * 2 + ("test",) * 2
    assert table.weights is None


def test_a_dataset_dict_gives_splits_and_class_names(tmp_path):
    label = datasets.ClassLabel(names=["neg", "pos"])
    features = datasets.Features({"text": datasets.Value("string"), "label": label})
    part = datasets.Dataset.from_dict(
        {"text": ["a", "b", "c", "d", "e"], "label": [0, 1, -1, 0, 1]}, features=features
    )
    datasets.DatasetDict({"train": part, "validation": part.select([0]), "test": part}).save_to_disk(tmp_path)
    table = read_table(tmp_path, purpose="fit")
    assert table.split == ("train",) * 5 + ("val",) + ("test",) * 5
    assert table.classes == ("neg", "pos")
    assert table.labels.tolist() == [0, 1, -1, 0, 1, 0, 0, 1, -1, 0, 1]


def test_class_names_kept_in_a_parquet_file_are_used(tmp_path):
    label = datasets.ClassLabel(names=["neg", "pos"])
    features = datasets.Features({"text": datasets.Value("string"), "label": label})
    part = datasets.Dataset.from_dict(
        {"text": ["a", "b", "c", "d"], "label": [0, 1, 0, 1]}, features=features
    )
    part.to_parquet(tmp_path / "rows.parquet")
    assert read_table(tmp_path / "rows.parquet", purpose="fit").classes == ("neg", "pos")


def test_standard_input_may_be_csv_or_json_lines(monkeypatch):
    for content in (
        "text,label\na,x\nb,y\nc,x\nd,y\n",
        '\n{"text":"a"}\n{"text":"b"}\n{"text":"c"}\n{"text":"d"}',
    ):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
        assert read_table("-", purpose="predict").texts == ("a", "b", "c", "d")


@pytest.mark.parametrize("mark", [";", "\t"])
def test_another_separator_is_seen_and_said(mark, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(f"text{mark}label\na, b{mark}x\nc{mark}y\nd{mark}x\ne{mark}y\n")
    table = read_table(path, purpose="fit")
    assert table.texts == ("a, b", "c", "d", "e")
    assert f"the separator is {mark!r}" in table.notes[0].text


def test_columns_are_guessed_by_name_then_content_and_said(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("n,kunde,sagt,art\n1,an,das ist ein langer satz,x\n2,bo,noch ein langer satz,y\n")
    table = read_table(path, Columns(label="art"), purpose="evaluate")
    assert table.texts == ("das ist ein langer satz", "noch ein langer satz")
    assert [note.text for note in table.notes] == [
        f"{path}: the text column is 'sagt': its texts are the longest"
    ]
    path.write_text("Intent,Utterance,ID\nx,a,7\ny,b,8\n")
    table = read_table(path, purpose="evaluate")
    assert (table.texts, table.classes, table.ids) == (("a", "b"), ("x", "y"), ("7", "8"))
    assert "text = 'Utterance', label = 'Intent', id = 'ID'" in table.notes[0].text


def test_the_only_column_left_is_the_label():
    frame = pandas.DataFrame({"text": ["a", "b"], "what": ["x", "y"]})
    table = read_table(frame, purpose="evaluate")
    assert table.classes == ("x", "y")
    assert "the label column is 'what': it is the only column left" in table.notes[1].text


def test_a_column_of_ever_new_values_is_no_label():
    frame = pandas.DataFrame({"text": ["a"] * 20, "url": [f"page {n}" for n in range(20)]})
    with pytest.raises(TableError, match="no label column was found; its columns are 'text', 'url'"):
        read_table(frame, purpose="fit")


def test_another_meaning_of_split_does_no_harm_to_figures():
    frame = pandas.DataFrame({"text": ["a", "b"], "label": ["x", "y"], "split": ["test", "lumber"]})
    table = read_table(frame, purpose="evaluate")
    assert table.split == ("test", "")
    assert "holds 'lumber' (row 2), taken as no split" in table.notes[-1].text


def test_weights_are_read_only_when_named():
    frame = pandas.DataFrame({"text": list("abcd"), "label": list("xyxy"), "weight": [1, None, 0.5, 2]})
    assert read_table(frame, purpose="fit").weights is None
    weights = read_table(frame, Columns(weight="weight"), purpose="fit").weights
    np.testing.assert_array_equal(weights, np.array([1, 1, 0.5, 2], np.float32))


def test_whole_numbers_sort_as_numbers_and_lose_their_point():
    frame = pandas.DataFrame(
        {"text": list("abcdef"), "label": [10.0, 9.0, 2.0, 10.0, 9.0, 2.0], "id": range(6)}
    )
    table = read_table(frame, purpose="fit")
    assert table.classes == ("2", "9", "10")
    assert table.labels.tolist() == [2, 1, 0, 2, 1, 0]


@pytest.mark.parametrize("as_text", [True, False])
def test_minus_one_is_unlabelled_among_numbers_and_said(as_text):
    labels = [0, 1, -1, 0, 1]
    frame = pandas.DataFrame({"text": list("abcde"), "label": list(map(str, labels)) if as_text else labels})
    table = read_table(frame, purpose="fit")
    assert table.classes == ("0", "1")
    assert table.labels.tolist() == labels
    assert "label -1 counts as unlabelled (1 row)" in table.notes[-1].text


def test_blanks_around_labels_go_and_this_is_said():
    frame = pandas.DataFrame({"text": list("abcd"), "label": ["x", " x", "y ", "y"]})
    table = read_table(frame, purpose="fit")
    assert table.classes == ("x", "y")
    assert "blanks around 2 labels were removed" in table.notes[-1].text


def test_numbers_and_missing_cells_are_texts():
    frame = pandas.DataFrame({"text": [1.0, 2.5, None], "label": ["x", "y", None]})
    assert read_table(frame, Columns(text="text"), purpose="evaluate").texts == ("1", "2.5", "")


@pytest.mark.parametrize("content", ["", "text,label\n"])
def test_an_empty_table_can_be_predicted(content, tmp_path):
    (tmp_path / "rows.csv").write_text(content)
    table = read_table(tmp_path / "rows.csv", purpose="predict")
    assert len(table) == 0
    assert table.labels.shape == (0,)


def test_a_prediction_table_needs_its_text_column(tmp_path):
    (tmp_path / "rows.csv").write_text("id,content\n1,a\n")
    with pytest.raises(TableError, match="no column 'text' for the text; its columns are 'id', 'content'"):
        read_table(tmp_path / "rows.csv", Columns(text="text"), purpose="predict")


def test_prediction_ignores_labels_and_splits(tmp_path):
    (tmp_path / "rows.csv").write_text("text,label,split\na,x,nonsense\nb,X,\n")
    table = read_table(tmp_path / "rows.csv", purpose="predict")
    assert (table.classes, table.split, table.labels.tolist()) == ((), ("", ""), [-1, -1])


def test_appended_files_are_train_and_test_with_ids_of_their_own(tmp_path):
    for name, content in (
        ("rows.csv", "text,label\na,x\nb,y\nc,x\nd,y\n"),
        ("more.jsonl", '{"text": "e", "label": "ignored"}\n'),
        ("held.csv", "text,label\nf,y\n"),
    ):
        (tmp_path / name).write_text(content)
    more, held = tmp_path / "more.jsonl", tmp_path / "held.csv"
    table = read_tables(tmp_path / "rows.csv", purpose="fit", unlabelled=[more, more], test=held)
    assert table.ids == ("0", "1", "2", "3", "more:0", "more2:0", "held:0")
    assert table.split == ("train",) * 6 + ("test",)
    assert table.labels.tolist() == [0, 1, 0, 1, -1, -1, 1]


def test_ids_that_two_files_share_are_reported_with_both_rows(tmp_path):
    (tmp_path / "rows.csv").write_text("id,text,label\n1,a,x\n2,b,y\n3,c,x\n4,d,y\n")
    (tmp_path / "more.csv").write_text("id,text\n9,e\n2,f\n")
    with pytest.raises(TableError, match=r"row 2: '2' is also row 2 of .*rows.csv") as caught:
        read_tables(tmp_path / "rows.csv", purpose="fit", unlabelled=[tmp_path / "more.csv"])
    assert "id of its own" in caught.value.fix


def test_problems_of_several_files_come_together(tmp_path):
    (tmp_path / "rows.csv").write_text("text,label\na,x\nb,x\n")
    with pytest.raises(TableError) as caught:
        read_tables(
            tmp_path / "rows.csv", purpose="fit", unlabelled=[tmp_path / "no.csv"], test=tmp_path / "t.csv"
        )
    assert caught.value.problem.startswith("3 problems:\n  1. ")
    assert caught.value.fix.count("\n") == 3


def test_a_column_of_mixed_types_in_a_frame_is_explained():
    with pytest.raises(TableError, match="the frame cannot be read"):
        read_table(pandas.DataFrame({"text": ["a", 1]}), purpose="predict")


def test_bad_bytes_in_parquet_are_found_in_their_row(tmp_path):
    raw = pa.array([b"a", b"caf\xe9 noir", b"c"], pa.binary())
    text = pa.StringArray.from_buffers(3, *raw.buffers()[1:])
    parquet.write_table(pa.table({"text": text}), tmp_path / "rows.parquet")
    with pytest.raises(TableError, match=r"text of 1 row is not UTF-8: row 2: byte 0xE9") as caught:
        read_table(tmp_path / "rows.parquet", purpose="predict")
    assert "iconv -f LATIN1" in caught.value.fix


_ANY_TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(_ANY_TEXT, _ANY_TEXT), min_size=1, max_size=5),
    ending=st.sampled_from(["csv", "tsv", "jsonl", "parquet"]),
)
def test_what_is_written_is_read_again(rows, ending, tmp_path):
    texts, labels = zip(*rows, strict=True)
    texts = ("not empty, this one", *texts)
    path = tmp_path / f"rows.{ending}"
    write_rows(path, {"text": texts, "label": ("x", *labels)})
    table = read_table(path, Columns(text="text", label="label"), purpose="evaluate")
    assert table.texts == texts
    found = [table.classes[label] if label >= 0 else "" for label in table.labels[1:]]
    assert found == [label.strip() for label in labels]


def test_numbers_are_written_without_false_digits(tmp_path):
    write_rows(tmp_path / "rows.jsonl", {"p": np.array([0.1, 0.87], np.float32), "n": np.array([1, 2])})
    assert (tmp_path / "rows.jsonl").read_text() == '{"p": 0.1, "n": 1}\n{"p": 0.87, "n": 2}\n'


@pytest.mark.parametrize("path", [None, "-"])
def test_standard_output_is_csv(path, capsys):
    write_rows(path, {"id": ["1"], "label": ["好, 😀"]})
    assert capsys.readouterr().out == 'id,label\n1,"好, 😀"\n'


def test_another_ending_is_refused_and_nothing_written(tmp_path):
    with pytest.raises(OutputError, match=r"ends in '\.xlsx'") as caught:
        write_rows(tmp_path / "rows.xlsx", {"id": ["1"]})
    assert ".parquet" in caught.value.fix
    assert list(tmp_path.iterdir()) == []
