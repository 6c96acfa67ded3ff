"""``graphtune search``: what it leaves and says, and how every bad input ends."""

import csv

import pytest
from small_table import COLUMNS, listing, rows, write_csv

from graphtune.cli.app import main
from graphtune.plan import Plan
from graphtune.select import grid

ASKED = (*COLUMNS, "--encoder", "tfidf", "--space", "linear", "--trials", "2")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("graphtune.select.held_out._REPEATED_BELOW", 0)
    real = grid.propagated
    monkeypatch.setattr(grid, "propagated", lambda named, **said: real(named, **said)[:2])


def test_it_writes_a_plan_says_what_it_found_and_a_fit_can_use_it(table, tmp_path, capsys):
    assert main(["search", str(table), *ASKED, "--into", "found"]) == 0
    out, err = capsys.readouterr()
    assert "trials: 2 (" in out
    assert "after 4 (" in out
    assert "better than it will be on new texts" in out
    assert "trial 0: " in err
    assert {"plan.toml", "trials.csv", "search.json", "study.sqlite"} <= set(listing(tmp_path / "found"))
    with (tmp_path / "found" / "trials.csv").open(encoding="utf-8", newline="") as stream:
        assert [row["origin"] for row in csv.DictReader(stream)] == ["fit"] * 4 + ["drawn"] * 2
    line = out[out.index("use it: ") :].splitlines()[0]
    assert line.startswith("use it: graphtune fit ")
    assert "--plan found/plan.toml" in line
    assert main(["fit", str(table), *COLUMNS, "--plan", "found/plan.toml", "--into", "model"]) == 0
    assert main(["search", str(table), *ASKED, "--into", "found"]) == 0
    assert "going on after 6 finished trials" in capsys.readouterr().err


def test_test_rows_of_a_file_join_the_graph_only_where_asked(table, tmp_path, capsys):
    held = [row for row in rows() if row["split"] == "test"]
    write_csv(table, [row for row in rows() if row["split"] != "test"])
    write_csv(tmp_path / "held.csv", held)
    asked = ("search", str(table), *ASKED, "--test", "held.csv", "--trials", "1")
    assert main([*asked, "--into", "found"]) == 0
    assert "--test held.csv" in capsys.readouterr().out
    assert not Plan.read(tmp_path / "found/plan.toml").transductive
    assert main([*asked, "--transductive", "--into", "found"]) == 2
    assert "holds a search of another table" in capsys.readouterr().err
    assert main([*asked, "--transductive", "--into", "joined"]) == 0
    assert Plan.read(tmp_path / "joined/plan.toml").transductive


def test_another_table_does_not_cost_a_search_that_is_there(table, tmp_path, refused, capsys):
    assert main(["search", str(table), *ASKED, "--into", "found"]) == 0
    capsys.readouterr()
    write_csv(tmp_path / "rows.csv", rows()[:-1])
    problem, fix = refused("search", table, *ASKED, "--into", "found", folder=tmp_path)
    assert "holds a search of another table" in problem
    assert "--into" in fix


@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [
        ("--trials", "0", "trials = 0 leaves nothing to try"),
        ("--trials", "-2", "trials = -2 leaves nothing to try"),
        ("--budget", "soon", "'soon' is no time"),
        ("--budget", "0.0001", "was over before one setting was judged"),
        ("--label", "label", "no column 'label' for the label"),
        ("--edges", "no.csv", "no.csv does not exist"),
        ("--encoder", "./nowhere", "nowhere"),
        ("--into", "rows.csv", "rows.csv is a file"),
        ("--into", "full", "full has files in it that are no graphtune search"),
    ],
)
def test_a_bad_option_is_refused(option, value, problem, table, tmp_path, refused):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("keep me")
    said = refused("search", table, *ASKED, option, value, folder=tmp_path)
    assert problem in said[0]
    assert said[1].strip()


def test_no_labels_are_refused(tmp_path, refused):
    write_csv(tmp_path / "rows.csv", [row | {"标签": ""} for row in rows()])
    problem, fix = refused("search", "rows.csv", *ASKED, folder=tmp_path)
    assert "label" in problem
    assert fix.strip()


def test_an_unknown_space_ends_with_usage(table, capsys):
    assert main(["search", str(table), "--space", "everything"]) == 2
    assert "Usage: graphtune search" in capsys.readouterr().err


def test_a_missing_optuna_is_said_before_any_work(table, tmp_path, refused, monkeypatch):
    monkeypatch.setattr("graphtune.sweep.study.importlib.util.find_spec", lambda _: None)
    problem, fix = refused("search", table, *ASKED, folder=tmp_path)
    assert "graphtune search needs the extra 'search'" in problem
    assert "pip install 'graphtune[search]'" in fix


def test_ctrl_c_keeps_what_was_found(table, tmp_path, monkeypatch, capsys):
    from graphtune.sweep.pool import Pool

    real, calls = Pool.add, []

    def add(self, tried):
        calls.append(tried)
        if len(calls) == 3:
            raise KeyboardInterrupt
        real(self, tried)

    with monkeypatch.context() as patched:
        patched.setattr(Pool, "add", add)
        assert main(["search", str(table), *ASKED, "--into", "found"]) == 130
    assert "Run it again" in capsys.readouterr().err
    assert (tmp_path / "found" / "plan.toml").is_file()
    assert main(["search", str(table), *ASKED, "--into", "found"]) == 0
    assert "1 failed or cut short" in capsys.readouterr().out
