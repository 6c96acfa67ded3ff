"""``graphtune predict``: labels in the order of the input, in every format, and how bad input ends."""

import csv
import io
import json
import sys

import pyarrow.parquet as pq
import pytest
from damages import DAMAGES, each_damaged
from small_table import COLUMNS, rows, write_csv
from test_check import BAD, BAD_LINES

from graphtune.cli.app import main

CLASSES = {"退款 😀", "شحن", "<b>login</b>"}
TEXT_CASES = (
    "bytes of latin-1",
    "header of gb18030",
    "bytes of utf-16",
    "ragged row",
    "open quote",
    "stray quote",
)
TEXT_CASES += ("a 10-MB text", "NUL bytes", "duplicate ids", "no id", "all texts empty", "a spreadsheet")
TEXT_CASES += ("damaged gzip", "damaged parquet")


@pytest.fixture
def new(tmp_path):
    """Return a table to label: its ids in no order, its columns named as at the fit."""
    table = [{"编号": row["编号"], "النص": row["النص"]} for row in reversed(rows())]
    return write_csv(tmp_path / "new.csv", table)


def _labelled(capsys, *arguments) -> list[dict]:
    assert main(["predict", *map(str, arguments)]) == 0
    return list(csv.DictReader(io.StringIO(capsys.readouterr().out)))


def test_labels_come_in_the_order_of_the_table(model, new, capsys):
    found = _labelled(capsys, model, new, "--id", "编号")
    assert list(found[0]) == ["id", "label", "confidence"]
    assert [row["id"] for row in found] == [row["编号"] for row in reversed(rows())]
    assert {row["label"] for row in found} == CLASSES
    assert all(0 <= float(row["confidence"]) <= 1 for row in found)
    truth = {row["编号"]: row["标签"] for row in rows() if row["标签"]}
    right = [row["label"] == truth[row["id"]] for row in found if row["id"] in truth]
    assert sum(right) / len(right) > 0.7


def test_the_text_column_of_the_fit_is_remembered(model, tmp_path, capsys):
    table = [{"a much longer column of words": "x " * 99, "النص": row["النص"]} for row in rows()[:6]]
    write_csv(tmp_path / "wide.csv", table)
    found = _labelled(capsys, model, "wide.csv")
    plain = _labelled(capsys, model, "wide.csv", "--text", "النص")
    assert found == plain
    other = _labelled(capsys, model, "wide.csv", "--text", "a much longer column of words")
    assert [row["confidence"] for row in other] != [row["confidence"] for row in found]


def test_standard_input_is_read(model, capsys, monkeypatch):
    text = "text\nwhere is my parcel\nsalut 😀\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8"))
    found = _labelled(capsys, model, "-")
    assert [row["id"] for row in found] == ["0", "1"]
    assert found[0]["label"] == "شحن"


def test_probabilities_have_a_column_for_every_class_and_sum_to_one(model, new, capsys):
    found = _labelled(capsys, model, new, "--probabilities")
    names = [name for name in found[0] if name.startswith("p_")]
    assert {name.removeprefix("p_") for name in names} == CLASSES
    for row in found:
        assert sum(float(row[name]) for name in names) == pytest.approx(1, abs=1e-4)
        assert float(row[f"p_{row['label']}"]) == pytest.approx(float(row["confidence"]), abs=1e-6)


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_every_format_says_the_same(ending, model, new, tmp_path, capsys):
    expected = _labelled(capsys, model, new, "--id", "编号")
    out = tmp_path / f"out{ending}"
    assert (
        main(["predict", str(model), str(new), "--id", "编号", "--neighbours", "2", "--out", str(out)]) == 0
    )
    assert capsys.readouterr().out == ""
    if ending == ".parquet":
        found = pq.read_table(out).to_pylist()
    elif ending == ".jsonl":
        found = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    else:
        with out.open(encoding="utf-8", newline="") as stream:
            found = list(csv.DictReader(stream, delimiter="\t" if ending == ".tsv" else ","))
    assert [(row["id"], row["label"]) for row in found] == [(row["id"], row["label"]) for row in expected]
    near = found[0]["neighbours"]
    near = near if isinstance(near, list) else json.loads(near)
    assert list(near[0]) == ["id", "label", "weight", "text"]
    assert len(near) <= 2
    assert {one["id"] for row in [near] for one in row} <= {row["编号"] for row in rows()}


def test_no_rows_are_no_error(model, tmp_path, capsys):
    for name, content in {"none.csv": b"", "header.csv": "النص\n".encode(), "blank.jsonl": b"\n"}.items():
        (tmp_path / name).write_bytes(content)
        assert main(["predict", str(model), name]) == 0
        assert capsys.readouterr().out == "id,label,confidence\n"
        assert main(["predict", str(model), name, "--out", "out.jsonl", "--neighbours", "1"]) == 0
        assert (tmp_path / "out.jsonl").read_bytes() == b""
        assert main(["predict", str(model), name, "--out", "out.parquet", "--probabilities"]) == 0
        assert pq.read_table("out.parquet").num_rows == 0
        capsys.readouterr()


@pytest.mark.parametrize("case", TEXT_CASES)
def test_a_bad_table_is_refused_with_its_fix(case, model, tmp_path, refused):
    content, problem, fix = BAD[case]
    (tmp_path / "rows.csv").write_bytes(content)
    said = refused("predict", model, "rows.csv", "--out", "out.csv", folder=tmp_path)
    assert problem in said[0]
    assert fix in said[1]


@pytest.mark.parametrize("case", ["broken JSON", "no texts", "half a letter", "a cut array"])
def test_a_bad_json_file_is_refused_with_its_fix(case, model, tmp_path, refused):
    content, problem, fix = BAD_LINES[case]
    (tmp_path / "rows.jsonl").write_bytes(content)
    said = refused("predict", model, "rows.jsonl", folder=tmp_path)
    assert problem in said[0]
    assert fix in said[1]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("no.csv",), "no.csv does not exist"),
        ((".",), "is a directory"),
        (("new.csv", "--text", "txt"), "no column 'txt' for the text; its columns are"),
        (("new.csv", "--id", "no"), "no column 'no' for the id"),
        (("new.csv", "--edges", "no.csv"), "no.csv does not exist"),
        (("new.csv", "--id", "编号", "--edges", "edges.csv"), "row 1: 'nobody'"),
        (("numbers.csv",), "no text column was found"),
        (("new.csv", "--out", "out.xlsx"), "out.xlsx ends in '.xlsx'"),
        (("new.csv", "--out", "out"), "out ends in ''"),
        (("new.csv", "--out", "folder.csv"), "folder.csv is a directory"),
        (("new.csv", "--out", "new.csv/out.csv"), "is a file, not a folder"),
    ],
)
def test_a_bad_argument_is_refused(arguments, problem, model, new, tmp_path, refused):
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "numbers.csv").write_text("a,b\n1,2\n3,4\n")
    (tmp_path / "edges.csv").write_text("source,target\nر0😀,nobody\n", encoding="utf-8")
    assert problem in refused("predict", model, *arguments, folder=tmp_path)[0]


@pytest.fixture
def numbered(tmp_path, capsys):
    """Return a model whose stored rows are known by their numbers, and their table."""
    table = write_csv(tmp_path / "old.csv", [{**row, "编号": ""} for row in rows()])
    assert main(["fit", str(table), *COLUMNS[:4], "--plan", "quick.toml", "--into", "numbered"]) == 0
    capsys.readouterr()
    return "numbered", table


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_a_row_number_that_may_be_a_new_or_a_stored_row_is_refused(command, numbered, tmp_path, refused):
    new = [{"النص": f"money {word}", "标签": "شحن"} for word in ("late", "soon", "never")]
    write_csv(tmp_path / "new.csv", new)
    (tmp_path / "edges.csv").write_text("source,target\n14,15\n1,14\n")
    problem, fix = refused(command, numbered[0], "new.csv", "--edges", "edges.csv", folder=tmp_path)
    assert "1 end of edges could mean" in problem
    assert "row 2: '1'" in problem
    assert "--id" in fix


def test_an_id_of_the_tables_own_that_names_another_stored_text_is_refused(model, tmp_path, refused):
    write_csv(tmp_path / "new.csv", [{"编号": "ر0😀", "النص": "another text"}, {"编号": "n", "النص": "more"}])
    (tmp_path / "edges.csv").write_text("source,target\nn,ر0😀\n", encoding="utf-8")
    arguments = ["--id", "编号", "--edges", "edges.csv"]
    assert "row 1: 'ر0😀'" in refused("predict", model, "new.csv", *arguments, folder=tmp_path)[0]


def test_an_id_whose_text_is_the_stored_one_or_that_no_edge_names_is_no_clash(numbered, tmp_path, capsys):
    fitted, table = numbered
    (tmp_path / "edges.csv").write_text("source,target\n0,1\n2,8\n")
    assert len(_labelled(capsys, fitted, table, "--edges", "edges.csv")) == 63
    texts = [row["النص"] for row in rows()[:9]]
    write_csv(tmp_path / "new.csv", [{"النص": texts[0]}, {"النص": texts[1]}, {"النص": "new"}])
    (tmp_path / "edges.csv").write_text("source,target\n0,1\n14,0\n")
    assert len(_labelled(capsys, fitted, "new.csv", "--edges", "edges.csv")) == 3


def test_a_bad_place_is_refused_before_anything_is_read(tmp_path, refused):
    problem, _ = refused("predict", "no-model", "no.csv", "--out", "out.xlsx", folder=tmp_path)
    assert "out.xlsx" in problem


@pytest.mark.parametrize("name", ["nowhere", "new.csv", "folder"])
def test_a_folder_without_a_model_is_refused(name, new, tmp_path, refused):
    (tmp_path / "folder").mkdir()
    problem, fix = refused("predict", name, new, folder=tmp_path)
    assert name in problem
    assert fix.strip()


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_model_with_a_damaged_file_is_refused(damage, model, new, tmp_path, refused):
    for path in each_damaged(model, damage):
        problem, fix = refused("predict", model, new, folder=tmp_path)
        assert path.name in problem
        assert fix.strip()


def test_a_model_of_a_newer_version_is_refused(model, new, tmp_path, refused):
    manifest = json.loads((model / "manifest.json").read_text())
    manifest |= {"format": 999, "graphtune": "999.0"}
    (model / "manifest.json").write_text(json.dumps(manifest))
    problem, fix = refused("predict", model, new, folder=tmp_path)
    assert "999" in problem
    assert "graphtune" in fix


def test_a_full_disk_leaves_what_was_there(model, new, tmp_path, monkeypatch, refused):
    import errno
    import os

    from graphtune import artefact

    def full(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / "out.csv").write_text("old")
    monkeypatch.setattr(artefact, "_flush", full)
    problem, _ = refused("predict", model, new, "--out", "out.csv", folder=tmp_path)
    assert "The disk is full" in problem


def test_a_model_without_a_graph_predicts_but_names_no_neighbours(table, new, tmp_path, refused, capsys):
    (tmp_path / "plain.toml").write_text('encoder = "tfidf"\n[[candidates]]\nkind = "Probe"\n')
    assert main(["fit", str(table), *COLUMNS, "--plan", "plain.toml", "--into", "plain"]) == 0
    (tmp_path / "edges.csv").write_text("source,target\na,b\n")
    capsys.readouterr()
    assert main(["predict", "plain", str(new), "--edges", "edges.csv", "--out", "out.csv"]) == 0
    assert "saved without a graph: the edges change nothing" in capsys.readouterr().err
    problem, fix = refused("predict", "plain", new, "--neighbours", "3", folder=tmp_path)
    assert "saved without a graph" in problem
    assert "--neighbours" in fix


def test_texts_of_no_class_are_told_and_called_as_asked(model, tmp_path, capsys):
    known = [row["النص"] for row in rows()[:20]]
    write_csv(tmp_path / "odd.csv", [{"text": text} for text in (*known, "zebra xylophone", "qwerty")])
    plain = _labelled(capsys, model, "odd.csv", "--text", "text")
    assert main(["predict", str(model), "odd.csv", "--text", "text", "--unknown"]) == 0
    out, err = capsys.readouterr()
    found = list(csv.DictReader(io.StringIO(out)))
    assert list(found[0]) == ["id", "label", "confidence", "unknown_score"]
    assert [row["label"] for row in found[-2:]] == ["unknown"] * 2
    assert sum(row["label"] == "unknown" for row in found[:20]) <= 4
    assert [row["confidence"] for row in found] == [row["confidence"] for row in plain]
    assert "held-out texts of the classes keep theirs" in err
    named = _labelled(capsys, model, "odd.csv", "--text", "text", "--unknown-label", "其他")
    assert [row["label"] for row in named[-2:]] == ["其他"] * 2


def test_a_share_of_known_texts_to_keep_moves_the_threshold(model, new, capsys):
    def rejected(share: str) -> int:
        found = _labelled(capsys, model, new, "--keep-known", share)
        return sum(row["label"] == "unknown" for row in found)

    assert rejected("0.3") > rejected("1")


@pytest.mark.parametrize(
    ("options", "problem", "fix"),
    [
        (["--keep-known", "0"], "--keep-known 0.0 is no share", "above 0"),
        (["--keep-known", "1.5"], "--keep-known 1.5 is no share", "up to 1"),
        (["--unknown-label", "شحن"], "'شحن' is a class of the model", "another name"),
    ],
)
def test_what_cannot_be_meant_is_refused(model, new, refused, tmp_path, options, problem, fix):
    said, mended = refused("predict", model, new, *options, folder=tmp_path)
    assert problem in said
    assert fix in mended


def test_a_model_of_an_earlier_format_says_that_it_tells_none(model, new, refused, tmp_path):
    manifest = json.loads((model / "manifest.json").read_text())
    for name in ("unknown.json", "unknown.safetensors"):
        (model / name).unlink()
        del manifest["files"][name]
    (model / "manifest.json").write_text(json.dumps({**manifest, "format": 2}))
    problem, fix = refused("predict", model, new, "--unknown", folder=tmp_path)
    assert "cannot tell texts of no class" in problem
    assert "fit it again" in fix
    assert main(["predict", str(model), str(new)]) == 0
