import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_results import mistakes, write_data

import bars
import baselines
import measured
import run as benchmarks
import table
from graphtune.table import from_lists

COMMITTED = table.committed()
USUAL = ["bars", "encoding", "kernels", "ladder", "latency", "nearest", "sampling", "static", "word_graph"]
ONLY_NAMED = ["adapters", "citation", "class_names", "comparison", "compress", "few_labels", "full_tuning"]
ONLY_NAMED += ["gnn_strategies", "million", "mlp_init", "molecules", "multi_label", "pruning", "setfit"]
ONLY_NAMED += ["smaller", "starts", "trainer", "tuning", "unknown", "upper_blocks", "word_networks"]


@pytest.fixture
def data(tmp_path, monkeypatch):
    folder = tmp_path / "data"
    folder.mkdir()
    write_data(folder)
    monkeypatch.setenv("GRAPHTUNE_DATA", str(folder))
    monkeypatch.setenv("GRAPHTUNE_CACHE", str(tmp_path / "cache"))


@pytest.mark.usefixtures("data")
def test_a_smoke_run_gives_whole_results(tmp_path):
    small = ["--rows", "18", "--encoder", "tfidf", "--budget", "0.1", "--out", str(tmp_path)]
    command = [sys.executable, bars.__file__, "cr", "cora-planetoid", *small]
    ended = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert ended.returncode == 0, ended.stderr
    said = ended.stdout.splitlines()
    assert [line.partition(":")[0] for line in said] == ["cr", "cora-planetoid"]
    results = [json.loads((tmp_path / f"bars/{name}.json").read_text()) for name in ("cr", "cora-planetoid")]
    assert [mistakes(result) for result in results] == [[], []]
    assert [result["protocol"] for result in results] == ["inductive", "transductive"]
    assert results[0]["smoke"]
    assert results[0]["rows"] == {"labelled": 18, "unlabelled": 0, "val": 9, "test": 9}
    assert results[1]["rows"] == {"labelled": 18, "unlabelled": 0, "val": 9, "test": 9}
    assert "| cr | inductive | 18 |" in table.table(results, table.ENGLISH)


def test_several_seeds_are_averaged(monkeypatch):
    runs = [
        {
            "accuracy": accuracy,
            "graph_free_accuracy": accuracy - 2,
            "test_gain": [gain, gain - 1, gain + 1],
            "baselines": {"tfidf": {"accuracy": 80.0}, "embeddings": {"accuracy": accuracy - 4}},
            "selection": "folds",
            "rows": {"labelled": 15},
            "seconds": {"total": 10.0},
            "seed": seed,
        }
        for seed, (accuracy, gain) in enumerate([(90.0, 2.0), (92.0, -1.0)])
    ]
    monkeypatch.setattr(measured, "_one", lambda row, seed, smoke: runs[seed])
    row = replace(bars.ROWS[0], seeds=(0, 1))
    result = measured.accuracy(row, measured.Smoke())
    assert (result["accuracy"], result["graph_free_accuracy"], result["seconds"]) == (91.0, 89.0, 10.0)
    assert result["deviation"] == pytest.approx(2**0.5, abs=1e-4)
    assert result["test_gain"] == [0.5, -1.0, 2.0]
    assert result["baselines"] == {"tfidf": 80.0, "embeddings": 87.0}
    assert (result["bar"], result["met"]) == (85.5, True)
    worse = measured.accuracy(replace(row, least=None), measured.Smoke())
    assert (worse["bar"], worse["met"]) == (86.7, True)


@pytest.mark.usefixtures("data")
def test_absent_data_are_skipped_and_said(tmp_path, capsys):
    assert bars.main(["r8-5", "--out", str(tmp_path)]) == 1
    assert "skipped r8-5: r8.parquet is not in" in capsys.readouterr().err
    assert not (tmp_path / "bars").exists()


@pytest.mark.parametrize(
    ("arguments", "said"), [(["r9"], "no row is called r9"), (["cr", "--budget", "3"], "smoke runs")]
)
def test_what_cannot_be_run_is_refused(arguments, said, capsys):
    assert bars.main(arguments) == 2
    assert said in capsys.readouterr().err


def test_every_row_can_be_named(capsys):
    assert benchmarks.main(["--list"]) == 0
    names = capsys.readouterr().out.split()
    assert len(set(names)) == len(names)
    assert {*(row.name for row in bars.ROWS), *USUAL, *ONLY_NAMED} == set(names)
    assert benchmarks.main(["nothing"]) == 2


def test_what_takes_hours_is_run_only_where_it_is_named(monkeypatch):
    ran = []
    for benchmark in benchmarks.BENCHMARKS:
        monkeypatch.setattr(benchmark, "run", lambda out, name=benchmark.NAME: ran.append(name))
    assert benchmarks.main([]) == 0
    assert ran == USUAL
    assert benchmarks.main(ONLY_NAMED) == 0
    assert ran == [*USUAL, *ONLY_NAMED]


def test_test_rows_do_not_reach_the_choice_of_a_baseline():
    texts = [f"{word} {at}" for word in ("red", "blue") for at in range(12)]
    labels = ["warm"] * 12 + ["cold"] * 12
    parts = (["train"] * 8 + ["test"] * 4) * 2
    right = baselines.tfidf(from_lists(texts, labels, split=parts), characters=False)
    swapped = [
        other if part == "test" else own for own, other, part in zip(labels, labels[::-1], parts, strict=True)
    ]
    wrong = baselines.tfidf(from_lists(texts, swapped, split=parts), characters=False)
    assert (right.accuracy, wrong.accuracy) == (100.0, 0.0)
    assert right.strength == wrong.strength


def test_given_validation_rows_choose_the_baseline(monkeypatch):
    texts = [f"{word} {at}" for word in ("red", "blue") for at in range(12)]
    table_ = from_lists(
        texts, ["warm"] * 12 + ["cold"] * 12, split=(["train"] * 6 + ["val"] * 3 + ["test"] * 3) * 2
    )
    judged = []

    def learned(known, labels, new, strength):
        judged.append((len(labels), new.shape[0]))
        return np.full(new.shape[0], 0 if strength == 20.0 else -1)

    monkeypatch.setattr(baselines, "_predicted", learned)
    assert baselines.tfidf(table_, characters=False).strength == 20.0
    assert judged == [(12, 6)] * 5


def test_time_and_memory_are_those_of_the_command():
    script = Path(bars.__file__).with_name("timed.py")
    program = "import time; held = bytearray(200 * 2**20); time.sleep(0.3)"
    command = [sys.executable, str(script), "--cores", "1", "--", sys.executable, "-c", program]
    facts = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert facts["status"] == 0
    assert facts["cores"] == 1
    assert 0.3 <= facts["seconds"] < 20
    assert 200 <= facts["peak_mib"] < 300


def test_a_command_that_fails_is_told():
    script = Path(bars.__file__).with_name("timed.py")
    command = [sys.executable, str(script), "--", sys.executable, "-c", "raise SystemExit(3)"]
    assert json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["status"] == 3


def test_committed_results_are_whole():
    assert {result["row"]: mistakes(result) for result in COMMITTED if mistakes(result)} == {}
    assert [result["row"] for result in COMMITTED if result.get("smoke")] == []


def test_no_committed_result_is_without_a_row():
    files = {path.stem for path in table.RESULTS.glob("*.json")}
    assert files <= {row.name for row in bars.ROWS}
