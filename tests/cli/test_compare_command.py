"""``graphtune compare``: what it prints and writes, and how every bad input ends."""

import json
import os

import pytest
from small_table import COLUMNS, rows, write_csv

from graphtune.cli.app import main
from graphtune.plan import Plan

QUICK = (
    "--encoder",
    "tfidf",
    "--methods",
    "majority,tfidf-svm",
    "--seeds",
    "2",
    "--labels",
    "2,all",
    "--jobs",
    "2",
)


def test_a_comparison_prints_its_tables_and_its_verdict(table, tmp_path, capsys):
    assert main(["compare", str(table), *COLUMNS, *QUICK, "--into", "out"]) == 0
    out, err = capsys.readouterr()
    assert "2 labels a class (6 labelled rows)" in out
    assert "All 9 labels" in out
    assert "tfidf-svm is the most accurate" in out
    assert out.rstrip().endswith("report: out/report.html")
    assert "[8/8]" in err
    found = json.loads((tmp_path / "out/results.json").read_text(encoding="utf-8"))
    assert [row["seeds"] for row in found["table"]] == [2, 2, 2, 2]
    assert {file.name for file in (tmp_path / "out/plans").iterdir()} == {"majority.toml", "tfidf-svm.toml"}
    for name in ("results.csv", "report.md", "report.html"):
        assert (tmp_path / "out" / name).is_file()


def test_methods_can_be_listed_without_running_any(table, tmp_path, capsys):
    assert (
        main(["compare", str(table), *COLUMNS, "--methods", "family:layer", "--list", "--into", "out"]) == 0
    )
    out, _ = capsys.readouterr()
    assert "gcn" in out
    assert "GCN(meaning over meaning" in out
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "problem", "fix"),
    [
        (["--methods", "gnc"], "no method 'gnc'", "gcn"),
        (["--methods", "family:leyer"], "no family 'leyer'", "layer"),
        (["--seeds", "0"], "0 seeds", "--seeds 1"),
        (["--labels", "5,some"], "'some' is no count", "5,20,all"),
        (["--labels", "0"], "nothing to learn from", "5,20,all"),
        (["--labels", ","], "nothing to learn from", "5,20,all"),
        (["--labels", "1"], "nothing to learn from", "from 2 on"),
        (["--methods", "slash.toml"], "cannot be the name", "letters, figures"),
        (["--budget", "soon"], "'soon' is no time", "30"),
        (["--jobs", "0"], "0 trainings at once", "--jobs 1"),
        (["--encoder", "nowhere"], "No encoder 'nowhere'", "minilm"),
        (["--methods", "absent.toml"], "absent.toml cannot be read", "TOML"),
        (["--into", "quick.toml"], "quick.toml is a file", "directory"),
        (["--into", "."], "no comparison", "empty directory"),
    ],
)
def test_bad_input_ends_in_one_message_and_costs_nothing(table, tmp_path, refused, options, problem, fix):
    (tmp_path / "slash.toml").write_text('[[method]]\nname = "C=1/10"\ncommand = ["true"]\n')
    found = refused(
        "compare", table, *COLUMNS, "--encoder", "tfidf", "--into", "out", *options, folder=tmp_path
    )
    assert problem in found[0]
    assert fix in found[1]


def test_a_budget_that_is_too_small_says_what_would_do(table, tmp_path, capsys):
    assert main(["compare", str(table), *COLUMNS, *QUICK, "--budget", "0.001s", "--into", "out"]) == 2
    err = capsys.readouterr().err
    assert "too small" in err
    assert "fix: give" in err


def test_one_labelled_row_a_class_is_told(tmp_path, refused):
    few = [row | {"split": "train"} for row in rows()[::21]]
    path = write_csv(tmp_path / "few.csv", few)
    problem, fix = refused("compare", path, *COLUMNS, *QUICK, folder=tmp_path)
    assert "one training row only" in problem
    assert "label more" in fix


@pytest.mark.parametrize("count", ["99999999999999999999", "2"])
def test_a_count_beyond_all_rows_is_all_of_them(table, tmp_path, capsys, count):
    asked = ["--encoder", "tfidf", "--methods", "majority", "--seeds", "1", "--labels", f"{count},all"]
    assert main(["compare", str(table), *COLUMNS, *asked, "--into", "out"]) == 0
    assert ("are no fewer than the table has" in capsys.readouterr().err) == (count != "2")


def test_the_plans_repeat_a_method_under_the_comparisons_protocol_and_limit(table, tmp_path, capsys):
    asked = [*QUICK, "--limit", "7s", "--transductive", "--into", "out"]
    assert main(["compare", str(table), *COLUMNS, *asked]) == 0
    plan = Plan.read(tmp_path / "out/plans/tfidf-svm.toml")
    assert (plan.transductive, plan.budget_seconds, plan.exactly) == (True, 7.0, True)
    capsys.readouterr()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_place_without_permission_is_refused_before_any_work(table, tmp_path, refused):
    (tmp_path / "closed").mkdir(mode=0o500)
    found = refused("compare", table, *COLUMNS, *QUICK, "--into", "closed/a/b", folder=tmp_path)
    assert "no permission" in found[0]
