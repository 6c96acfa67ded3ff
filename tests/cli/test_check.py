"""What a person sees of ``graphtune check``: every bad input ends in one message with its fix."""

import os
import subprocess
import sys

import pytest

import graphtune
from graphtune.cli import app
from graphtune.cli.app import main
from graphtune.errors import GraphtuneError

GOOD = "id,text,label\na1,one text,x\na2,another text,y\na3,שלום,x\na4,很好 😀,y\n"
LONG = "x" * 10_000_000

# What is in the file; what the problem and the fix must say.
BAD = {
    "empty file": (b"", "is empty", "at least a few rows"),
    "blank file": (b"\xef\xbb\xbf \n\n", "is empty", "at least a few rows"),
    "header only": (b"text,label\n", "has no rows below its header", "at least a few rows"),
    "no label column": (b"text,a,b\nx,1,2\n", "no label column was found", "--label"),
    "all labels empty": (b"text,label\na,\nb, \n", "no row has a label", "label some rows"),
    "one class": (b"text,label\na,x\nb,x\nc,\n", "of one class, 'x'", "at least two classes"),
    "one class and -1": (b"text,label\na,1\nb,1\nc,-1\n", "of one class, '1'", "-1 counts as unlabelled"),
    "a class seen once": (
        b"text,label\na,x\nb,x\nc,y\nd,z\n",
        "2 classes have one training row only: 'y' and 'z'",
        "join it with another class",
    ),
    "bytes of latin-1": (
        b"text,label\na,x\ncaf\xe9 noir,y\n",
        "the text of 1 row is not UTF-8: row 2: byte 0xE9",
        "iconv -f LATIN1",
    ),
    "bytes of gb18030": (
        "text,label\n很好,x\n不错,y\n".encode("gb18030"),
        "the text of 2 rows is not UTF-8: row 1: byte 0xBA; row 2",
        "iconv -f GB18030",
    ),
    "header of gb18030": ("文本,标签\n很好,x\n".encode("gb18030"), "the header is not UTF-8", "GB18030"),
    "bytes of utf-16": ("text,label\na,x\n".encode("utf-16"), "is not UTF-8", "iconv -f UTF-16"),
    "bad bytes in a label": (
        b"text,label\na,x\nb,y\xff\n",
        "the label of 1 row is not UTF-8: row 2",
        "iconv",
    ),
    "ragged row": (
        b'text,label\n"two\nlines",x\nb,y\nc, d,y\ne\n',
        "2 rows do not have the header's 2 fields: row 3: line 5, 3 fields; row 4: line 6, 1 field",
        "double quotes",
    ),
    "open quote": (
        b'text,label\na,x\n"b,y\nc,x\n',
        "row 2: line 3, a quote that is never closed",
        "close every quote",
    ),
    "stray quote": (b'text,label\n"a" b,x\nc,y\n', "1 row has broken quoting: row 1: line 2", "double those"),
    "a 10-MB text": (f"text,label\na,x\n{LONG},y\n".encode(), "row 2: 10,000,000 letters", "cut them"),
    "NUL bytes": (b"text,label\na,x\nb\x00,y\n", "NUL bytes in the text of row 2", "tr -d"),
    "duplicate ids": (
        b"id,text,label\n7,a,x\n8,b,y\n7,c,x\n,d,y\n",
        "1 id stands there already: row 3: '7' is also row 1",
        "unique",
    ),
    "no id": (b"id,text,label\n7,a,x\n8,b,y\n9,c,x\n,d,y\n", "no id in row 4", "fill them in"),
    "labels that differ in case": (
        b"text,label\na,News\nb,news\nc,News\nd,sport\ne,sport\n",
        "differ only in case or blanks: 'News' (2 rows) / 'news' (1 row)",
        "in one way",
    ),
    "unknown splits": (
        b"text,label,split\na,x,train\nb,y,holdout\nc,x,3\n",
        "split column 'split' holds 'holdout' and '3' (rows 2 and 3)",
        "train, val or test",
    ),
    "all texts empty": (b"text,label\n,x\n ,y\n", "every text is empty", "--text"),
    "no labelled training row": (
        b"text,label,split\na,,train\nb,x,test\nc,y,test\n",
        "no training row has a label",
        "split is train",
    ),
    "two columns of one name": (b"text,label,label\na,x,y\n", "2 columns are called 'label'", "rename"),
    "a spreadsheet": (b"PK\x03\x04\x00\x00", "is a spreadsheet or an archive", "save the sheet as CSV"),
    "damaged gzip": (b"\x1f\x8b\x08\x00garbage", "is a damaged gzip file", "anew"),
    "damaged parquet": (b"PAR1garbage", "is damaged", "anew"),
}
BAD_LINES = {
    "broken JSON": (
        b'{"text": "a", "label": "x"}\n\n{"text": "b", }\n[1]\n',
        "2 rows are no JSON object: row 2: line 3, column",
        "one JSON object a line",
    ),
    "no texts": (b'{"text": ["a"], "label": "x"}\n', "holds no texts in 1 row: row 1: list ['a']", "--text"),
    "no names": (b'{"text": "a", "label": {"a": 1}}\n', "holds no names in 1 row: row 1: dict", "one class"),
    "half a letter": (b'{"text": "\\ud83d", "label": "x"}\n', "row 1: lone surrogate U+D83D", "UTF-8"),
    "a cut array": (b'[{"text": "a"},\n', "starts like a JSON array but is none", "mend it"),
}


def _refused(capsys, *arguments):
    assert main(["check", *map(str, arguments)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    problem, _, fix = err.partition("\nfix: ")
    assert problem.startswith("error: ")
    return problem, fix


@pytest.mark.parametrize("case", BAD)
def test_a_bad_table_is_refused_with_its_fix(case, tmp_path, capsys):
    content, problem, fix = BAD[case]
    (tmp_path / "rows.csv").write_bytes(content)
    said = _refused(capsys, tmp_path / "rows.csv")
    assert problem in said[0]
    assert fix in said[1]
    assert str(tmp_path / "rows.csv") in said[0]


@pytest.mark.parametrize("case", BAD_LINES)
def test_a_bad_json_file_is_refused_with_its_fix(case, tmp_path, capsys):
    content, problem, fix = BAD_LINES[case]
    (tmp_path / "rows.jsonl").write_bytes(content)
    said = _refused(capsys, tmp_path / "rows.jsonl")
    assert problem in said[0]
    assert fix in said[1]


def test_a_missing_file_names_the_nearest(tmp_path, capsys):
    (tmp_path / "rows.csv").write_text(GOOD)
    problem, fix = _refused(capsys, tmp_path / "row.csv")
    assert "row.csv does not exist" in problem
    assert f"did you mean {tmp_path / 'rows.csv'}?" in fix


def test_a_directory_is_refused(tmp_path, capsys):
    problem, fix = _refused(capsys, tmp_path)
    assert "is a directory" in problem
    assert "save_to_disk" in fix


def test_a_wrong_column_names_the_nearest_and_all(tmp_path, capsys):
    (tmp_path / "rows.csv").write_text(GOOD)
    problem, fix = _refused(capsys, tmp_path / "rows.csv", "--text", "txet")
    assert "no column 'txet' for the text; its columns are 'id', 'text', 'label'" in problem
    assert "did you mean 'text'?" in fix
    assert "no row has a label" not in problem


def test_everything_wrong_is_said_at_once_with_numbered_fixes(tmp_path, capsys):
    (tmp_path / "rows.csv").write_bytes(b"id,text,label\n1,a\x00,x\n1,b,x\n1,c\n")
    problem, fix = _refused(capsys, tmp_path / "rows.csv")
    assert problem.startswith("error: 4 problems:\n")
    assert all(f"  {number}. " in problem and f"  {number}. " in fix for number in (1, 2, 3, 4))


def test_of_many_rows_the_first_few_are_named(tmp_path, capsys):
    (tmp_path / "rows.csv").write_text("text,label\n" + "a,b,c\n" * 9)
    problem, _ = _refused(capsys, tmp_path / "rows.csv")
    assert "9 rows do not have" in problem
    assert "row 5: line 6, 3 fields; and 4 more" in problem


def test_edges_to_unknown_ids_are_refused(tmp_path, capsys):
    (tmp_path / "rows.csv").write_text(GOOD)
    (tmp_path / "edges.csv").write_text("source,target\na1,a2\na3,a9\n")
    problem, fix = _refused(capsys, tmp_path / "rows.csv", "--edges", tmp_path / "edges.csv")
    assert "1 end of edges not among the ids of the table: row 2: 'a9'" in problem
    assert "--id" in fix


def test_a_good_table_is_summed_up(tmp_path, capsys):
    (tmp_path / "rows.csv").write_text(GOOD)
    (tmp_path / "edges.csv").write_text("source,target\na1,a2\na2,a1\na3,a3\n")
    assert main(["check", str(tmp_path / "rows.csv"), "--edges", str(tmp_path / "edges.csv")]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "4 rows, 2 classes" in out
    assert "3 edges: 1 self-loops, 1 given more than once; 1 rows without any" in out
    assert "columns taken by their names: text = 'text', label = 'label', id = 'id'" in out
    assert out.rstrip().endswith("usable: graphtune fit can train on it.")


def test_warnings_do_not_make_a_table_unusable(tmp_path, capsys):
    rows = ["same,x,train", "same,y,test", ",x,train", "b,y,train", "c,y,train", "d,z,val", "e, x,train"]
    (tmp_path / "rows.csv").write_text("text,label,split\n" + "\n".join(rows))
    assert main(["check", str(tmp_path / "rows.csv")]) == 0
    out = capsys.readouterr().out
    assert "1 empty text (row 3), kept as blanks" in out
    assert "1 text stands in both the train and the test rows (rows 1 and 2)" in out
    assert "1 text stands there twice under different labels (rows 1 and 2)" in out
    assert "1 class has no training row to learn from: 'z'" in out
    assert "blanks around 1 label were removed" in out


def test_a_class_seen_once_passes_where_asked(tmp_path, capsys):
    (tmp_path / "rows.csv").write_bytes(BAD["a class seen once"][0])
    assert "--keep-rare" in _refused(capsys, tmp_path / "rows.csv")[1]
    assert main(["check", str(tmp_path / "rows.csv"), "--keep-rare"]) == 0
    out = capsys.readouterr().out
    assert "2 classes have one training row only: 'y' and 'z'; learned from, but never checked" in out
    assert "usable" in out


def test_classes_that_are_all_seen_once_do_not_pass(tmp_path, capsys):
    (tmp_path / "rows.csv").write_bytes(b"text,label\na,x\nb,y\n")
    problem, fix = _refused(capsys, tmp_path / "rows.csv", "--keep-rare")
    assert "a class needs two" in problem
    assert "--keep-rare" not in fix


@pytest.mark.parametrize("val", ["", "z"], ids=["no label", "a class not learned"])
def test_val_rows_that_cannot_judge_let_no_class_pass(val, tmp_path, capsys):
    made = ["a,x,train", "b,x,train", "c,y,train", f"d,{val},val"]
    (tmp_path / "rows.csv").write_text("text,label,split\n" + "\n".join(made))
    problem, fix = _refused(capsys, tmp_path / "rows.csv")
    assert "1 class has one training row only: 'y'; a class needs two" in problem
    assert "--keep-rare" in fix
    assert main(["check", str(tmp_path / "rows.csv"), "--keep-rare"]) == 0
    assert "one training row only: 'y'; learned from, but never checked" in capsys.readouterr().out


def test_val_rows_check_their_own_classes_only(tmp_path, capsys):
    made = ["a,x,train", "b,z,train", "c,y,train", "d,y,val"]
    (tmp_path / "rows.csv").write_text("text,label,split\n" + "\n".join(made))
    assert main(["check", str(tmp_path / "rows.csv")]) == 0
    out = capsys.readouterr().out
    assert "2 classes have one training row only: 'x' and 'z'; learned from, but never checked" in out
    assert "1 class has one training row only: 'y'\n" in out


def test_of_many_classes_the_ends_are_shown(tmp_path, capsys):
    rows = "".join(f"text {n},class {n}\n" * (2 + n) for n in range(20))
    (tmp_path / "rows.csv").write_text("text,label\n" + rows)
    assert main(["check", str(tmp_path / "rows.csv")]) == 0
    out = capsys.readouterr().out
    assert "… 11 more" in out
    assert "class 19" in out
    assert "class 0 " in out
    assert "class 10" not in out


def test_class_names_that_look_like_markup_are_printed_as_they_are(tmp_path, capsys):
    (tmp_path / "rows.csv").write_text("text,label\na,[red]\nb,[/x]\nc,[red]\nd,[/x]\n")
    assert main(["check", str(tmp_path / "rows.csv")]) == 0
    assert "[red]" in capsys.readouterr().out


def test_the_command_reads_standard_input():
    done = subprocess.run(
        [sys.executable, "-m", "graphtune", "check", "-"],
        check=False,
        input=GOOD.encode(),
        capture_output=True,
        env={**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0"},
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"standard input 4 rows, 2 classes" in done.stdout


def test_help_imports_nothing_heavy():
    program = (
        "import sys; from graphtune.cli.app import main; code = main(['--help']);"
        "print(sorted({'torch', 'numpy', 'pyarrow', 'sklearn', 'transformers', 'rich'} & {*sys.modules}));"
        "sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_closed_pipe_is_quiet(tmp_path):
    (tmp_path / "rows.csv").write_text(GOOD)
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "graphtune", "check", str(tmp_path / "rows.csv")],
        check=False,
        stdout=writing,
        stderr=subprocess.PIPE,
    )
    os.close(writing)
    assert done.stderr == b""
    assert done.returncode not in (0, 2)


@pytest.mark.parametrize("arguments", [["check"], ["check", "a", "--nonsense"], ["nonsense"]])
def test_wrong_usage_ends_with_status_2(arguments, capsys):
    assert main(arguments) == 2
    assert "Usage: graphtune" in capsys.readouterr().err


def test_the_version_is_printed(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"graphtune {graphtune.__version__}\n"


@pytest.mark.parametrize(
    ("raised", "status", "said"),
    [
        (GraphtuneError("No such thing.", fix="do [that]."), 2, "error: No such thing.\nfix: do [that].\n"),
        (KeyboardInterrupt(), 130, "interrupted; no file was left half-written."),
        (ZeroDivisionError("oops"), 1, "This is a bug in graphtune, not in your input."),
    ],
)
def test_how_errors_end(raised, status, said, monkeypatch, capsys):
    def fail(*_arguments, **_settings):
        raise raised

    monkeypatch.setattr("graphtune.table.read_table", fail)
    assert main(["check", "rows.csv"]) == status
    err = capsys.readouterr().err
    assert said in err
    assert ("Traceback" in err) == (status == app.BUG)
