"""``graphtune compress``: what it writes and says, and how every bad input ends."""

import json

import pytest
from compress_texts import texts

from graphtune.cli.app import main


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = ["text,split", *(f"{text},{'test' if at % 2 else 'train'}" for at, text in enumerate(texts(20)))]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "rows.csv"


@pytest.fixture
def refused(capsys, tmp_path):
    """Run the command, which must end in one message, without a traceback, and write nothing."""

    def run(*arguments: str) -> tuple[str, str]:
        before = sorted(tmp_path.rglob("*"))
        assert main(["compress", *map(str, arguments)]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert "Traceback" not in err
        assert sorted(tmp_path.rglob("*")) == before
        problem, found, fix = err[err.index("error: ") :].partition("\nfix: ")
        assert found
        assert fix.strip()
        return problem, fix

    return run


def test_it_writes_a_smaller_encoder_and_says_how_to_use_it(exported, table, capsys):
    assert (
        main(["compress", exported.name, "--int8", "--data", str(table), "--into", "small", "--no-timing"])
        == 0
    )
    out, err = capsys.readouterr()
    assert "use it: graphtune fit TABLE --encoder small" in out
    assert "made: exported to ONNX, int8 with scales by token, in small" in out
    assert "mean cosine of 0.99" in out or "mean cosine of 1.0" in out
    assert "step 2 of 2: int8" in err
    found = json.loads((table.parent / "small" / "compression.json").read_text())
    assert (found["texts"], found["measure"], found["most"]) == (10, "cosine", 0.5)
    assert found["steps"] == ["exported to ONNX", "int8 with scales by token"]


def test_bad_options_are_refused(exported, table, refused, tmp_path):
    usual = (exported.name, "--data", table, "--into", "small")
    assert "nothing to do" in refused(*usual)[0]
    assert "are for --int8" in refused(*usual, "--onnx", "--scales", "batch")[0]
    assert "absent" in refused(*usual, "--int8", "--keep", "absent")[0]
    problem, fix = refused(*usual, "--int8", "--max-drop", "0")
    assert "Nothing was written" in problem
    assert "--max-drop" in fix
    assert "nowhere" in refused("./nowhere", "--int8", "--into", "small")[0]
    assert "no transformer but tfidf" in refused("tfidf", "--int8", "--into", "small")[0]
    assert "no.csv" in refused(exported.name, "--int8", "--data", "no.csv", "--into", "small")[0]
    assert "'absent'" in refused(*usual, "--int8", "--text", "absent")[0]
    assert "is a file" in refused(exported.name, "--int8", "--data", table, "--into", "rows.csv")[0]
    (tmp_path / "empty.csv").write_text("text,label\n")
    assert "no rows" in refused(exported.name, "--int8", "--data", "empty.csv", "--into", "small")[0]
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "manifest.json").write_text("{")
    assert "altered" in refused("damaged", "--int8", "--into", "small")[0]


def test_without_the_extra_it_says_what_to_install(exported, table, refused, monkeypatch):
    real = __import__("importlib.util").util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *more: None if name == "onnx" else real(name)
    )
    problem, fix = refused(exported.name, "--int8", "--data", table, "--into", "small")
    assert "graphtune compress needs the extra 'onnx'" in problem
    assert "pip install 'graphtune[onnx]'" in fix


@pytest.mark.parametrize("more", [["--max-drop", "-1"], ["--scales", "tensor"], ["--seed", "-1"]])
def test_values_out_of_range_end_with_usage(more, exported, table, capsys):
    assert main(["compress", exported.name, "--int8", "--into", "small", *more]) == 2
    assert "Usage: graphtune compress" in capsys.readouterr().err
