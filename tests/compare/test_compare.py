"""Whole comparisons: what they leave behind, and that nothing is computed twice."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small import FREE, MAJORITY, NETWORK, WHOLE, WORDS, only, table

from graphtune.artefact import locked
from graphtune.compare import Method, Outside, Settings, compare, launch, worker
from graphtune.compare.conditions import Cell, Conditions
from graphtune.compare.draw import divided
from graphtune.compare.files import to_json, write
from graphtune.compare.own import run
from graphtune.compare.schedule import Schedule
from graphtune.errors import OutputError, PlanError
from graphtune.select import Majority, Propagated

# Two at once get one thread each on two cores: threads that wait for one another take far longer.
QUICK = Settings(2, (4, None), budget_seconds=300.0, limit_seconds=20.0, encoder="tfidf", jobs=2)
BRIEF = replace(QUICK, labels=(4,))
_TIMED = ("train_seconds", "best_seconds", "peak_bytes", "latency_ms", "size_bytes", "on_front", "note")


def figures(found) -> list[dict]:
    """Return what does not depend on how fast the machine is."""
    rows = to_json(found)["table"]
    return [{name: value for name, value in row.items() if name not in _TIMED} for row in rows]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    into = tmp_path_factory.mktemp("made") / "comparison"
    found = compare(table(), (MAJORITY, WORDS, NETWORK, WHOLE, FREE), into, QUICK)
    write(found, into)
    return into, found


def test_every_row_is_filled(made):
    _, found = made
    assert len(found.table) == 10
    for row in found.table:
        assert row.seeds == 2
        assert row.accuracy.low <= row.accuracy.value <= row.accuracy.high
        assert row.train_seconds > 0
        assert row.peak_bytes > 1 << 26
        assert row.latency_ms > 0
        assert row.size_bytes > 1000
        assert (row.difference is None) == (
            row.method == found.best_baseline["all" if row.labels is None else "4"]
        )
    by = {(row.method, row.labels): row for row in found.table}
    assert by["majority", None].accuracy.value == pytest.approx(1 / 3, abs=0.02)
    assert by["words", None].accuracy.value > by["words", 4].accuracy.value > 0.5
    assert by["network", None].learned == by["network", 4].learned > 0
    assert by["majority", None].learned == 3
    # Only where there are enough labels, some judge when a network is to stop.
    assert 1 <= by["network", None].best_epochs <= 3
    assert 0 < by["network", None].best_seconds < by["network", None].train_seconds
    assert by["network", 4].best_epochs is by["words", None].best_epochs is None
    assert len(found.gains) == 2
    assert found.labelled == {"4": 12, "all": sum(part == "train" for part in table().split)}


def test_files_hold_the_same_figures(made):
    into, found = made
    stored = json.loads((into / "results.json").read_text(encoding="utf-8"))
    assert stored == json.loads(json.dumps(to_json(found)))
    lines = (into / "results.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 11
    assert lines[0].startswith("labels,method,family,seeds,accuracy,accuracy_low")
    page, text = ((into / name).read_text(encoding="utf-8") for name in ("report.html", "report.md"))
    for row in found.table:
        shown = f"{100 * row.accuracy.value:.1f} ± "
        assert row.method in page
        assert shown in page
        assert shown in text
    assert page.count("<svg") == 5
    assert "http" not in page.replace("http-equiv", "")
    assert "<script" not in page


def test_run_again_nothing_is_computed_and_the_table_is_the_same(made):
    into, found = made
    before = {file: file.stat().st_mtime_ns for file in (into / "cells").iterdir()}
    again = compare(table(), (MAJORITY, WORDS, NETWORK, WHOLE, FREE), into, QUICK)
    assert to_json(again)["table"] == to_json(found)["table"]
    assert {file: file.stat().st_mtime_ns for file in (into / "cells").iterdir()} == before


def test_another_table_does_not_cost_the_first_ones_report(made):
    into, _ = made
    before = {file: file.read_bytes() for file in into.rglob("*") if file.is_file()}
    with pytest.raises(OutputError, match="another table"):
        compare(table(seed=1), (MAJORITY,), into, QUICK)
    assert {file: file.read_bytes() for file in into.rglob("*") if file.is_file()} == before


def test_two_at_once_do_not_share_a_folder(tmp_path):
    with locked(tmp_path / "out", "comparison"), pytest.raises(OutputError, match="Another comparison"):
        compare(table(), (MAJORITY,), tmp_path / "out", QUICK)


def test_what_a_kill_left_half_written_is_removed(tmp_path):
    (tmp_path / "out/cells").mkdir(parents=True)
    (tmp_path / "out/comparison.json").write_text("{")
    with pytest.raises(OutputError, match="another table"):
        compare(table(), (MAJORITY,), tmp_path / "out", QUICK)
    (tmp_path / "out/comparison.json").unlink()
    partial = tmp_path / "out/cells/.graphtune-partial-x.safetensors"
    partial.write_text("half")
    with locked(tmp_path / "out", "comparison"):
        assert not partial.exists()


def test_what_failed_once_is_not_tried_with_every_seed(tmp_path):
    method = outside(tmp_path, "fail")
    code = (tmp_path / "fail.py").read_text()
    (tmp_path / "fail.py").write_text("open('runs', 'a').write('x')\n" + code)
    found = compare(table(), (MAJORITY, method), tmp_path / "out", replace(QUICK, seeds=3, labels=(None,)))
    assert (tmp_path / "runs").read_text() == "x"
    assert next(row.note for row in found.table if row.method == "fail").startswith("failed (3)")


def test_what_never_ends_is_stopped_with_all_it_started(tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "_STARTING", 3.0)
    (tmp_path / "run.sh").write_text("sleep 600 & echo $! > pid; wait")
    endless = Method("endless", "peer", Outside(("sh", "run.sh"), tmp_path))
    asked = replace(QUICK, seeds=1, labels=(None,), limit_seconds=2.0)
    found = compare(table(), (MAJORITY, endless), tmp_path / "out", asked)
    row = next(row for row in found.table if row.method == "endless")
    assert "did not end within 2 times its 2" in row.note
    for _ in range(100):
        if not running(int((tmp_path / "pid").read_text())):
            return
        time.sleep(0.05)
    pytest.fail("the program runs on")


def running(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat")
    return state.is_file() and state.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_a_disk_that_is_full_ends_it_at_once(tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    # Where scores would be written there is a file.
    (tmp_path / "out/comparison.json").write_text("")
    (tmp_path / "out/comparison.json").unlink()
    (tmp_path / "out/lock").write_text("")
    monkeypatch.setattr(Schedule, "_path", lambda self, cell: tmp_path / "out/lock/x.safetensors")
    with pytest.raises(OutputError, match="part of its path is a file"):
        compare(table(), (MAJORITY, WORDS), tmp_path / "out", QUICK)


def test_nothing_is_encoded_where_nothing_reads_meaning(tmp_path, monkeypatch):
    def never(*_: object) -> None:
        raise AssertionError("it was encoded")

    monkeypatch.setattr("graphtune.compare.run.fill_cache", never)
    bare = only("bare", Majority(), family="baseline")
    found = compare(table(), (bare, WORDS), tmp_path / "out", replace(BRIEF, seeds=1, encoder="minilm"))
    assert all(row.accuracy is not None for row in found.table)
    with pytest.raises(AssertionError, match="encoded"):
        compare(table(), (NETWORK,), tmp_path / "other", QUICK)


def test_the_cheapest_are_run_first_however_they_are_named(tmp_path):
    order: list[str] = []
    asked = replace(QUICK, seeds=1, labels=(None,))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Schedule, "_alone", lambda self, cell, workers: order.append(cell.method.name))
        with pytest.raises(PlanError):
            compare(table(), (WHOLE, outside(tmp_path, "fine"), NETWORK, FREE, WORDS), tmp_path / "o", asked)
    assert order == ["words", "network", "graphtune-no-graph", "graphtune", "fine"]


def test_two_methods_that_are_the_same_plan_have_the_same_figures(tmp_path):
    twin = replace(WORDS, name="twin", family="own")
    found = compare(table(), (WORDS, twin), tmp_path / "out", BRIEF)
    first, second = ([row for row in figures(found) if row["method"] == name] for name in ("words", "twin"))
    for row in (*first, *second):
        for name in ("method", "family", "difference", "p_value"):
            del row[name]
    assert first == second
    assert all(row.p_value == 1.0 for row in found.table if row.method == "twin")


_KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from small import *
from graphtune.compare import compare
from test_compare import BRIEF
if __name__ == "__main__":
    compare(table(), (MAJORITY, WORDS, NETWORK, WHOLE, FREE), Path({into!r}), BRIEF)
"""


def test_killed_at_any_moment_and_run_again_it_is_the_same_table(made, tmp_path):
    into, done = tmp_path / "killed", 4
    script = tmp_path / "script.py"
    script.write_text(_KILLED.format(tests=str(Path(__file__).parent), into=str(into)))
    process = subprocess.Popen([sys.executable, script])
    patience = time.monotonic() + 120
    while len(kept(into)) < done and process.poll() is None and time.monotonic() < patience:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = kept(into)
    assert len(before) >= done
    found = compare(table(), (MAJORITY, WORDS, NETWORK, WHOLE, FREE), into, BRIEF)
    assert figures(found) == [row for row in figures(made[1]) if row["labels"] == 4]
    after = kept(into)
    assert {name: after[name] for name in before} == before
    assert len(after) == 10


def kept(into: Path) -> dict[str, int]:
    folder = into / "cells"
    if not folder.is_dir():
        return {}
    return {
        file.name: file.stat().st_mtime_ns for file in folder.glob("*.safetensors") if file.name[0] != "."
    }


def test_labels_of_test_rows_change_no_prediction_and_a_leak_would_show():
    whole = divided(table(), 0)
    judged = np.array(whole.split) == "test"
    shuffled = whole.labels.copy()
    shuffled[judged] = np.random.default_rng(0).permutation(shuffled[judged])
    for method in (NETWORK, FREE):
        cell = Cell(method, 4, 0)
        first, second = (
            run(cell, setting(rows), alone=True) for rows in (whole, replace(whole, labels=shuffled))
        )
        np.testing.assert_array_equal(first.predicted, second.predicted)
        np.testing.assert_array_equal(first.confidence, second.confidence)
    # The planted leak: a feature that is the (shuffled) label of test rows. The same check must see it.
    told = [leaking(whole, labels) for labels in (whole.labels, shuffled)]
    first, second = (run(Cell(NETWORK, 4, 0), setting(rows), alone=True) for rows in told)
    assert (first.confidence != second.confidence).any()


def leaking(rows, labels):
    texts = tuple(f"{text} secret{label}" for text, label in zip(rows.texts, labels, strict=True))
    return replace(rows, texts=texts, labels=labels)


def setting(rows) -> Conditions:
    return Conditions(rows, None, "tfidf", False, 20.0, 1)


_PROGRAM = """
import json, sys
from pathlib import Path
import numpy as np, pyarrow.parquet as pq
task, out = Path(sys.argv[-2]), Path(sys.argv[-1])
facts = json.loads((task / "task.json").read_text())
rows = pq.read_table(task / "rows.parquet").to_pylist()
test = [row for row in rows if row["split"] == "test"]
assert all(row["label"] is None for row in test)
features, graph = np.load(task / "features.npy"), np.load(task / "graph.npz")
assert len(features) == len(rows) == len(graph["crow"]) - 1
known = sum(row["split"] == "train" for row in rows)
assert graph["col"].max() < known and len(graph["col"]) == graph["crow"][-1]
if "{mode}" == "fail":
    sys.exit("no such luck")
wide = len(facts["classes"]) + ("{mode}" == "wide")
scale = 5 if "{mode}" == "logits" else 1
np.savez(out / "predictions.npz", probabilities=np.full((len(test), wide), scale / wide, np.float32))
if "{mode}" == "cut":
    (out / "predictions.npz").write_bytes((out / "predictions.npz").read_bytes()[:100])
told = dict(train_seconds=0.5, learned_parameters=1, total_parameters=2, size_bytes=3)
told |= {{"versions": {{"thing": "1.2"}}, "note": "it says so"}}
if "{mode}" == "threads":
    import os
    told["note"] = os.environ["OMP_NUM_THREADS"] + os.environ["OPENBLAS_NUM_THREADS"]
if "{mode}" == "number":
    told = 3
if "{mode}" == "word":
    told["train_seconds"] = "fast"
(out / "facts.json").write_text(json.dumps(told))
"""


def outside(folder: Path, mode: str) -> Method:
    (folder / f"{mode}.py").write_text(_PROGRAM.format(mode=mode))
    return Method(mode, "peer", Outside((sys.executable, f"{mode}.py"), folder))


def test_an_outside_program_gets_the_same_rows_without_the_test_labels(tmp_path):
    found = compare(table(), (WORDS, outside(tmp_path, "fine")), tmp_path / "out", replace(BRIEF, seeds=1))
    row = next(row for row in found.table if row.method == "fine")
    assert row.accuracy.value == pytest.approx(1 / 3, abs=0.02)
    assert (row.train_seconds, row.learned, row.parameters, row.size_bytes) == (0.5, 1, 2, 3)
    assert row.versions == (("thing", "1.2"),)
    assert row.note == "it says so"


def test_a_program_is_told_how_many_threads_it_has(tmp_path):
    asked = replace(QUICK, seeds=1, labels=(None,), jobs=1)
    found = compare(table(), (MAJORITY, outside(tmp_path, "threads")), tmp_path / "out", asked)
    assert next(row.note for row in found.table if row.method == "threads") == f"{found.threads}" * 2


def test_the_memory_of_a_program_is_its_own(tmp_path):
    """On Linux a process begins to count at the peak of what started it."""
    (tmp_path / "large.py").write_text("held = bytearray(200 << 20)\nprint(len(held))")
    peak = tmp_path / "peak"
    held = bytearray(400 << 20)
    for command, low, high in (
        (["true"], 0, 100 << 20),
        ([sys.executable, "large.py"], 200 << 20, 350 << 20),
        (["sh", "-c", f"{sys.executable} large.py; exit 3"], 200 << 20, 350 << 20),
    ):
        ended = subprocess.run(
            [sys.executable, "-I", "-S", launch.__file__, peak, *command], cwd=tmp_path, check=False
        )
        assert ended.returncode == (3 if command[0] == "sh" else 0)
        assert low <= int(peak.read_text()) < high
    assert len(held) > 1


def test_what_a_score_depends_on_is_in_its_name(tmp_path):
    first = outside(tmp_path, "fine")
    rows = divided(table(), 0)

    def key(method: Method) -> str:
        return Cell(replace(method, how=replace(method.how)), 4, 0).key(setting(rows))

    before = key(first)
    (tmp_path / "beside.py").write_text("x = 1")
    second = key(first)
    (tmp_path / "fine.py").write_text("changed")
    assert len({before, second, key(first)}) == 3


def test_an_encoder_that_was_trained_further_is_another(tmp_path):
    from tiny_bert import write_tiny_bert

    tiny_bert = tmp_path / "encoder"
    write_tiny_bert(tiny_bert)
    rows = divided(table(), 0)
    own = replace(WORDS, how=replace(WORDS.how, encoder=str(tiny_bert)))

    def keys() -> tuple[str, str]:
        named = Conditions(rows, None, str(tiny_bert), False, 20.0, 1)
        return Cell(WORDS, 4, 0).key(named), Cell(own, 4, 0).key(setting(rows))

    before = keys()
    config = tiny_bert / "config.json"
    config.write_text(config.read_text() + " ")
    assert all(a != b for a, b in zip(before, keys(), strict=True))


FAILING = {
    "fail": "no such luck",
    "wide": "shape",
    "logits": "no probabilities",
    "cut": "left no predictions",
    "number": "left no predictions",
    "word": "left no predictions",
}


def test_a_program_that_fails_costs_its_own_row_only(tmp_path):
    into = tmp_path / "out"
    failing = [outside(tmp_path, mode) for mode in FAILING]
    found = compare(table(), (*failing, WORDS), into, replace(QUICK, seeds=1, labels=(None,)))
    by = {row.method: row for row in found.table}
    assert by["words"].accuracy is not None
    write(found, into)
    report = (into / "report.md").read_text(encoding="utf-8").splitlines()
    for mode, said in FAILING.items():
        assert by[mode].accuracy is None
        assert said in by[mode].note
        assert any(mode in line and said in line for line in report)


def test_a_budget_too_small_for_anything_says_so(tmp_path):
    with pytest.raises(PlanError, match="too small") as caught:
        compare(table(), (MAJORITY,), tmp_path / "out", replace(QUICK, budget_seconds=1e-6))
    assert "--budget 10m" in caught.value.fix


def test_a_budget_that_ends_midway_keeps_what_is_done_and_says_what_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(Schedule, "_late", lambda self, cell: cell.method.name == "network")
    found = compare(table(), (WORDS, NETWORK), tmp_path / "out", BRIEF)
    by = {row.method: row for row in found.table}
    assert by["network"].accuracy is None
    assert by["network"].note == "no time for 2 seeds"
    assert "no time for 2 trainings" in found.missing
    assert "--budget" in found.missing


@pytest.mark.parametrize(
    "wrong",
    [{"seeds": 0}, {"labels": ()}, {"labels": (0,)}, {"labels": (1,)}, {"jobs": 0}, {"budget_seconds": 0.0}],
    ids=str,
)
def test_settings_that_leave_nothing_to_run_are_refused(wrong):
    with pytest.raises(PlanError):
        replace(QUICK, **wrong)


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OutputError):
        compare(table(), (MAJORITY,), tmp_path, QUICK)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]


def test_a_method_that_cannot_be_run_is_told_in_its_row(tmp_path):
    absent = only("absent", Propagated(graph="links"))
    found = compare(table(), (WORDS, absent), tmp_path / "out", replace(QUICK, seeds=1, labels=(None,)))
    row = next(row for row in found.table if row.method == "absent")
    assert row.accuracy is None
    assert "links" in row.note


def test_several_at_once_give_the_same_figures_as_one_after_the_other(made, tmp_path):
    one = compare(table(), (MAJORITY, WORDS), tmp_path / "one", replace(BRIEF, jobs=1))
    by = {(row.method, row.labels): row for row in made[1].table}
    for row in one.table:
        # Other threads may round otherwise.
        assert row.accuracy.value == pytest.approx(by[row.method, row.labels].accuracy.value, abs=0.03)
        assert row.seeds == 2
