"""The peers' contract; only scikit-learn's peer is run, for the others have environments of their own."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

PEERS = Path(__file__).parents[2] / "bench/peers"
sys.path.insert(0, str(PEERS))

import contract  # noqa: E402
import linear  # noqa: E402

CLASSES = ["sport", "never labelled", "food"]
WORDS = {"sport": ["goal", "team", "match", "coach"], "food": ["bread", "soup", "salt", "plate"]}


@pytest.fixture
def task_directory(tmp_path: Path) -> Path:
    """Ten labelled rows and one unlabelled row to learn from, and four to predict."""
    rows = [(" ".join(w[at % 4 :] + w[: at % 3]), name) for name, w in WORDS.items() for at in range(5)]
    table = [(*row, "train") for row in rows] + [("goal bread", None, "train")]
    table += [("team coach", None, "test"), ("soup plate", None, "test"), ("match", None, "test")]
    return written(tmp_path, [*table, ("salt bread", None, "test")])


def written(folder: Path, table: list[tuple[str, str | None, str]], **told: object) -> Path:
    """Write a task as `graphtune compare` does; its graph is a ring."""
    place = folder / "task"
    place.mkdir()
    (folder / "out").mkdir()
    texts, labels, split = zip(*table, strict=True)
    usual = {"classes": CLASSES, "seed": 0, "budget_seconds": 60.0, "threads": 1}
    usual |= {"encoder_directory": None, "encoder_parameters": 0, "chinese": False}
    usual |= {"transductive": False, "graph_seconds": 0.0}
    (place / "task.json").write_text(json.dumps(usual | told), encoding="utf-8")
    ids = [str(at) for at in range(len(table))]
    columns = {"id": ids, "text": texts, "label": pa.array(labels, pa.string()), "split": split}
    pq.write_table(pa.table(columns), place / "rows.parquet")
    count = len(table)
    np.save(place / "features.npy", np.eye(count, 3, dtype=np.float32))
    ring = {"crow": np.arange(count + 1), "col": np.roll(np.arange(count), 1)}
    np.savez(place / "graph.npz", **ring, weight=np.ones(count, dtype=np.float32))
    return place


def told_of(out: Path) -> tuple[np.ndarray, dict]:
    with np.load(out / "predictions.npz") as arrays:
        return arrays["probabilities"], json.loads((out / "facts.json").read_text(encoding="utf-8"))


def test_a_task_is_read(task_directory: Path):
    task = contract.read(task_directory)
    assert task.train.tolist() == list(range(10))
    assert task.test.tolist() == [11, 12, 13, 14]
    assert task.of(task.test)[:2] == ["team coach", "soup plate"]
    assert task.known.tolist() == [0, 2]
    assert task.labels.tolist() == [0] * 5 + [1] * 5 + [-1] * 5
    assert task.features().shape == (15, 3)
    assert [len(part) for part in task.graph()] == [16, 15, 15]


def test_one_labelled_row_of_five_a_class_is_held_out_where_there_are_no_val_rows(task_directory: Path):
    task = contract.read(task_directory)
    learn, judge = task.parts
    assert task.held_out
    assert sorted(task.labels[judge]) == [0, 1]
    assert sorted([*learn, *judge]) == task.train.tolist()


def test_val_rows_judge_where_there_are_some(tmp_path: Path):
    table = [("goal", "sport", "train"), ("soup", "food", "train"), ("team", "sport", "val")]
    task = contract.read(written(tmp_path, [*table, ("never", "never labelled", "val"), ("x", None, "test")]))
    assert not task.held_out
    # A val row of a class that no training row has is nothing to learn a setting from.
    assert [part.tolist() for part in task.parts] == [[0, 1], [2]]


def test_a_class_with_one_row_keeps_it(tmp_path: Path):
    table = [("goal", "sport", "train"), ("soup", "food", "train"), ("x", None, "test")]
    task = contract.read(written(tmp_path, table))
    assert [part.tolist() for part in task.parts] == [[0, 1], []]


def test_a_task_without_labels_is_refused(tmp_path: Path):
    with pytest.raises(contract.ContractError, match="no training row has a label"):
        contract.read(written(tmp_path, [("goal", None, "train"), ("x", None, "test")]))


def test_an_absent_encoder_is_told(task_directory: Path):
    with pytest.raises(contract.ContractError, match="encoder_directory is null"):
        _ = contract.read(task_directory).encoder


def test_a_result_has_every_class_in_order(task_directory: Path, tmp_path: Path):
    facts = contract.Facts(1.5, 6, 6, 24, ("numpy",), {"C": 1.0}, note="a note")
    found = contract.one_hot(np.array([0, 1, 0, 1]), 2)
    contract.write(tmp_path / "out", contract.read(task_directory), found, facts)
    probabilities, told = told_of(tmp_path / "out")
    assert probabilities.dtype == np.float32
    assert probabilities.tolist() == [[1, 0, 0], [0, 0, 1], [1, 0, 0], [0, 0, 1]]
    assert told == {
        "train_seconds": 1.5,
        "encode_seconds": None,
        "learned_parameters": 6,
        "total_parameters": 6,
        "size_bytes": 24,
        "latency_ms": None,
        "versions": {"numpy": np.__version__},
        "settings": {"C": 1.0},
        "note": "a note",
    }


@pytest.mark.parametrize("found", [np.ones((4, 3)), np.full((4, 2), np.nan)])
def test_a_malformed_result_is_refused(found: np.ndarray, task_directory: Path, tmp_path: Path):
    facts = contract.Facts(1.5, 6, 6, 24, ())
    with pytest.raises(contract.ContractError, match=r"not finite ones of \(4, 2\)"):
        contract.write(tmp_path / "out", contract.read(task_directory), found, facts)
    assert not list((tmp_path / "out").iterdir())


def test_the_clock_counts_down(monkeypatch: pytest.MonkeyPatch):
    now = [100.0]
    monkeypatch.setattr(contract.time, "monotonic", lambda: now[0])
    clock = contract.Clock(10.0)
    now[0] = 107.0
    assert clock.seconds == 7.0
    assert clock.has(2.5)
    assert not clock.has(3.0)


def test_latency_is_of_one_text_at_a_time():
    asked: list[str] = []
    assert contract.latency_ms(asked.append, [str(at) for at in range(50)]) >= 0
    assert asked == ["0", *(str(at) for at in range(20))]


def test_a_short_budget_still_gives_a_classifier(task_directory: Path):
    task = contract.read(task_directory)
    x = task.features()
    found = linear.chosen(
        linear.logistic, lambda _: lambda rows: x[rows], task, contract.Clock(0.0), (5.0, 9.0)
    )
    assert "budget" in found.note
    assert found.model.coef_.shape == (1, 3)


@pytest.mark.parametrize("kind", ["logistic", "svc"])
@pytest.mark.parametrize("chinese", [False, True])
def test_the_tfidf_peer_runs_as_a_program(kind: str, chinese: bool, task_directory: Path, tmp_path: Path):
    told = json.loads((task_directory / "task.json").read_text())
    (task_directory / "task.json").write_text(json.dumps(told | {"chinese": chinese}))
    ended = called(kind, task_directory, tmp_path / "out")
    assert (ended.returncode, ended.stderr) == (0, "")
    probabilities, told = told_of(tmp_path / "out")
    assert probabilities.shape == (4, 3)
    assert probabilities.argmax(axis=1).tolist() == [0, 2, 0, 2]
    assert (probabilities[:, 1] == 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    assert told["settings"]["analyzer"] == ("char" if chinese else "word")
    assert told["train_seconds"] > 0
    assert told["latency_ms"] > 0
    assert told["size_bytes"] > 0
    assert told["total_parameters"] == told["learned_parameters"] > 0
    assert set(told["versions"]) == {"scikit-learn", "numpy", "scipy"}


@pytest.mark.parametrize("argument", ["forest", None])
def test_a_wrong_call_says_the_right_one(argument: str | None, tmp_path: Path):
    ended = called(argument, tmp_path, tmp_path)
    assert ended.returncode == 1
    assert ended.stderr == "usage: tfidf_linear.py logistic|svc TASK_DIR OUT_DIR\n"


def test_an_error_is_one_line(tmp_path: Path):
    ended = called("svc", tmp_path / "absent", tmp_path)
    assert ended.returncode == 1
    assert re.fullmatch(r"FileNotFoundError: [^\n]+\n", ended.stderr)


def called(argument: str | None, *places: Path) -> subprocess.CompletedProcess:
    given = [*([] if argument is None else [argument]), *map(str, places)]
    command = [sys.executable, str(PEERS / "tfidf_linear.py"), *given]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_methods_are_scripts_that_are_there():
    methods = tomllib.loads((PEERS / "methods.toml").read_text(encoding="utf-8"))["method"]
    assert len({one["name"] for one in methods}) == len(methods)
    for one in methods:
        assert set(one) == {"name", "family", "command"}
        assert one["family"] == "peer"
        interpreter, script, *argument = one["command"]
        assert interpreter in {".venv/bin/python", ".venv-fastfit/bin/python"}
        text = (PEERS / script).read_text(encoding="utf-8")
        assert "contract.main(run" in text
        assert all(f'"{choice}"' in text for choice in argument)
    named = {one["command"][1] for one in methods}
    assert named == {path.name for path in PEERS.glob("*.py") if "__main__" in path.read_text()}


def test_no_peer_imports_graphtune():
    for path in PEERS.glob("*.py"):
        assert not re.search(r"^\s*(import|from) graphtune", path.read_text(), flags=re.MULTILINE), path.name


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-fastfit.txt"])
def test_every_requirement_is_pinned(name: str):
    lines = [line for line in (PEERS / name).read_text().splitlines() if not line.startswith("#")]
    assert lines
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []
    assert [line for line in lines if re.match(r"nvidia|cuda|triton", line)] == []


def test_the_documents_name_every_peer():
    methods = tomllib.loads((PEERS / "methods.toml").read_text(encoding="utf-8"))["method"]
    for name in ("README.md", "README.zh-CN.md"):
        text = (PEERS / name).read_text(encoding="utf-8")
        assert [one["name"] for one in methods if one["command"][1] not in text] == []


METHODS = tomllib.loads((PEERS / "methods.toml").read_text(encoding="utf-8"))["method"]


# What rows judge is told by `contract` alone, which has tests of its own: half of the programs have val rows.
@pytest.mark.parametrize(
    ("method", "val"),
    [(one, at % 2 == 0) for at, one in enumerate(METHODS)],
    ids=[m["name"] for m in METHODS],
)
def test_every_peer_that_is_installed_keeps_the_contract(method: dict, val: bool, tmp_path: Path):
    from transformers import AutoTokenizer

    from tiny_bert import write_tiny_bert

    python, script, *argument = method["command"]
    if not (PEERS / python).is_file():
        pytest.skip(f"{python} is not there: make peers")
    encoder = tmp_path / "encoder"
    write_tiny_bert(encoder)
    AutoTokenizer.from_pretrained(encoder).save_pretrained(encoder)  # with tokenizer.json, whose size counts
    rows = [(" ".join(w[at % 4 :] + w[: at % 3]), name) for name, w in WORDS.items() for at in range(8)]
    table = [(*row, "val" if val and at % 8 > 5 else "train") for at, row in enumerate(rows)]
    table += [("goal bread", None, "train"), ("team coach", None, "test"), ("soup plate", None, "test")]
    place = written(
        tmp_path,
        sorted(table, key=lambda row: ["train", "val", "test"].index(row[2])),
        encoder_directory=str(encoder),
        encoder_parameters=1000,
        budget_seconds=8.0,
    )
    command = [str(PEERS / python), script, *argument, str(place), str(tmp_path / "out")]
    ended = subprocess.run(command, cwd=PEERS, capture_output=True, text=True, check=False, timeout=200)
    assert ended.returncode == 0, ended.stderr
    probabilities, told = told_of(tmp_path / "out")
    assert probabilities.shape == (2, 3)
    assert (probabilities[:, 1] == 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-3)
    assert 0 < told["train_seconds"] < 2 * 8.0
    assert told["total_parameters"] >= told["learned_parameters"] > 0
    assert told["size_bytes"] > 0
    assert told["versions"]
