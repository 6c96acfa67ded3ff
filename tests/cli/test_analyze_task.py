"""``graphtune analyze --data``: what labelled texts say of modules, and the plans that follow."""

import math
from pathlib import Path

import pytest
from rich.console import Console
from small_table import COLUMNS

from graphtune.cli.app import main
from graphtune.cli.module_table import module_table
from graphtune.plan.toml import from_toml
from graphtune.structure import WEIGHT_COLUMNS, ModelGraph, ModuleNode, read_structure
from graphtune.structure.plans import Recommended
from graphtune.structure.task_columns import TASK_COLUMNS
from tiny_bert import write_tiny_bert

NAMED = COLUMNS[:4]  # text and label; there is no column of ids to name


@pytest.fixture(autouse=True)
def bert(tmp_path) -> Path:
    write_tiny_bert(tmp_path / "bert")
    return tmp_path / "bert"


def test_statistics_probes_and_plans_are_written_and_probes_go_on(table, tmp_path, capsys):
    asked = ("analyze", "bert", "--data", str(table), *NAMED, "--tokens", "8", "--into", "out")
    assert main([*asked, "--probes", "2", "--budget", "60%", "--color", "tuning gain"]) == 0
    out = capsys.readouterr().out
    graph = read_structure(tmp_path / "out/structure.json")
    assert set(TASK_COLUMNS) <= graph.columns.keys()
    assert sum(math.isfinite(value) for value in graph.column("tuning gain")) == 2
    assert "by LastBlocks" in out
    plans = from_toml(Recommended, (tmp_path / "out/plan.toml").read_text(), kinds={})
    assert plans.tuning.top >= 1
    assert plans.bits.modules
    assert plans.pruning.cost(graph, "flops") <= 0.7 * graph.flops * 1.001
    made = sorted((tmp_path / "out/probes").rglob("*.json"))
    times = [file.stat().st_mtime_ns for file in made]
    assert main([*asked, "--budget", "60%", "--select", "fisher"]) == 0
    assert capsys.readouterr().out.count("by Fisher") == 3
    assert main([*asked, "--probes", "all", "--budget", "60%"]) == 0
    assert [file.stat().st_mtime_ns for file in made] == times
    out = capsys.readouterr().out
    assert "by Measured" in out
    assert "if cut" in out
    graph = read_structure(tmp_path / "out/structure.json")
    assert all(math.isfinite(value) for value in graph.column("pruning loss"))


def test_names_are_whole_where_the_console_is_narrow():
    name = "encoder.layer.0.attention.output.LayerNorm"
    nodes = [ModuleNode(one, "norm", 1, (8,), 8, 16, 256) for one in (name, "encoder.layer.0.other")]
    whole = ModelGraph("small", 1, 8, 8, "export", tuple(nodes), ())
    plain = whole.with_columns({column: [1.234e-5] * 2 for column in WEIGHT_COLUMNS})
    told = plain.with_columns({column: [0.25] * 2 for column in ("Fisher", "tuning gain")})

    def shown(graph, width):
        console = Console(width=width)
        with console.capture() as captured:
            console.print(module_table(graph, console))
        return captured.get()

    assert "kurtosis" in shown(told, 240)
    narrow = shown(told, 130)
    assert "kurtosis" not in narrow
    assert "Fisher" in narrow
    assert "  attention.output.LayerNorm" in narrow
    assert "kurtosis" in shown(plain, 130)


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (("--probes", "-1"), "--probes '-1' is no number"),
        (("--probes", "some"), "--probes 'some' is no number"),
        (("--budget", "0%"), "out of range"),
        (("--budget", "120%"), "out of range"),
        (("--budget", "much"), "is no share"),
        (("--select", "fischer"), "No score is called 'fischer'"),
        (("--select", "measured", "--probes", "2"), "needs all modules to be measured"),
        (("--color", "tuning gain"), "no column 'tuning gain'"),  # nothing is probed
    ],
)
def test_what_is_wrong_is_told_before_any_work(more, problem, table, tmp_path, refused):
    said, _ = refused("analyze", "bert", "--data", str(table), *NAMED, *more, folder=tmp_path)
    assert problem in said


def test_the_learned_score_is_refused_where_its_network_is_not_there(table, tmp_path, refused, monkeypatch):
    monkeypatch.setattr("graphtune.structure.scores.named.SHIPPED", tmp_path / "absent.safetensors")
    said, fix = refused(
        "analyze", "bert", "--data", str(table), *NAMED, "--select", "learned", folder=tmp_path
    )
    assert "comes without the network" in said
    assert "auto" in fix


@pytest.mark.parametrize("more", [("--probes", "2"), ("--budget", "10%"), ("--select", "fisher")])
def test_what_needs_labelled_texts_is_refused_without_them(more, tmp_path, refused):
    said, fix = refused("analyze", "bert", *more, folder=tmp_path)
    assert f"{more[0]} asks what modules are worth" in said
    assert "--data" in fix


def test_several_that_need_labelled_texts_are_named_together(tmp_path, refused):
    said, _ = refused("analyze", "bert", "--probes", "2", "--select", "fisher", folder=tmp_path)
    assert "--probes and --select ask what modules are worth" in said


def test_too_few_labels_and_words_alone_are_refused(table, tmp_path, refused):
    few = tmp_path / "few.csv"
    few.write_text("text,label,split\na,x,train\nb,y,train\nc,,train\n")
    said, _ = refused("analyze", "bert", "--data", str(few), folder=tmp_path)
    assert "one training row only" in said
    said, _ = refused("analyze", "tfidf", "--data", str(table), *NAMED, folder=tmp_path)
    assert "no modules" in said
