"""What is told comes back from MLflow and TensorBoard, and no tracker costs what it tracks."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from graphtune.errors import MissingExtraError, PlanError
from graphtune.tracking import Guarded, MLflow, TensorBoard, Tracker, trackers


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def no_network(monkeypatch):
    """Refuse every connection but those of this process with itself."""

    def refuse(self, address):
        raise AssertionError(f"a connection to {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def tell(tracker: Tracker, file: Path) -> None:
    tracker.begin("fit", {"graphs.0.k": "15", "empty": ""}, {"verdict": "helps: +4 (α)"})
    tracker.figures({"test/accuracy": 0.5, "nothing": float("nan")})
    for step in range(3):
        tracker.figures({"best (value)": 1.0 - step / 10}, step)
    tracker.begin("GCN(α=0.3, 2×64)", {"width": "64"}, {})
    tracker.figures({"accuracy": 0.25})
    tracker.end("finished")
    tracker.file(file)
    tracker.end("killed")


@pytest.fixture
def file(tmp_path) -> Path:
    (tmp_path / "report.html").write_text("<p>0.5</p>")
    return tmp_path / "report.html"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("no_network")
def test_mlflow_gives_back_what_it_was_told(file, tmp_path):
    pytest.importorskip("mlflow")
    tracker = MLflow(str(tmp_path / "runs"))
    assert isinstance(tracker, Tracker)
    assert not (tmp_path / "runs").exists()
    tell(tracker, file)
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{tmp_path}/runs/mlflow.db")
    (experiment,) = [one for one in client.search_experiments() if one.name == "graphtune"]
    nested, whole = client.search_runs([experiment.experiment_id])
    assert whole.info.run_name == "fit"
    assert whole.info.status == "KILLED"
    assert whole.data.params == {"graphs.0.k": "15", "empty": ""}
    assert whole.data.metrics == {"test/accuracy": 0.5, "best _value_": 0.8}
    assert whole.data.tags["verdict"] == "helps: +4 (α)"
    history = client.get_metric_history(whole.info.run_id, "best _value_")
    assert [(one.step, one.value) for one in history] == [(0, 1.0), (1, 0.9), (2, 0.8)]
    assert nested.info.run_name == "GCN(α=0.3, 2×64)"
    assert nested.data.tags["mlflow.parentRunId"] == whole.info.run_id
    assert nested.data.metrics == {"accuracy": 0.25}
    assert (tmp_path / "runs").resolve() in Path(whole.info.artifact_uri.removeprefix("file://")).parents
    (artefact,) = client.list_artifacts(whole.info.run_id)
    assert artefact.path == "report.html"
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
def test_tensorboard_gives_back_what_it_was_told(file, tmp_path):
    pytest.importorskip("tensorboard")
    tracker = TensorBoard(str(tmp_path / "board"))
    assert isinstance(tracker, Tracker)
    tell(tracker, file)
    tell(tracker, file)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    first, *_ = runs = sorted((tmp_path / "board").iterdir())
    assert len(runs) == 2
    whole = EventAccumulator(str(first)).Reload()
    assert [(one.step, round(one.value, 6)) for one in whole.Scalars("best (value)")] == [
        (0, 1.0),
        (1, 0.9),
        (2, 0.8),
    ]
    assert whole.Scalars("test/accuracy")[0].value == 0.5
    assert "nothing" not in whole.Tags()["scalars"]
    texts = {
        tag: whole.Tensors(tag)[0].tensor_proto.string_val[0].decode() for tag in whole.Tags()["tensors"]
    }
    assert "| graphs.0.k | 15 |" in texts["settings/text_summary"]
    assert "helps: +4 (α)" in texts["tags/text_summary"]
    assert texts["status/text_summary"] == "killed"
    (folder,) = [path for path in first.iterdir() if path.is_dir()]
    nested = EventAccumulator(str(folder)).Reload()
    assert nested.Scalars("accuracy")[0].value == 0.25


def test_the_users_own_places_are_honoured(monkeypatch, tmp_path):
    pytest.importorskip("mlflow")
    assert MLflow().uri == f"sqlite:///{tmp_path}/mlruns/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://tracking.example")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "ours")
    assert (MLflow().uri, MLflow().experiment, MLflow().directory) == (
        "https://tracking.example",
        "ours",
        None,
    )
    assert MLflow("runs").uri == f"sqlite:///{tmp_path}/runs/mlflow.db"
    assert MLflow("sqlite:///a.db").uri == "sqlite:///a.db"


class Failing:
    def __init__(self) -> None:
        self.calls: list[str] = []

    def begin(self, name, settings, tags) -> None:
        self.calls.append(name)

    def figures(self, figures, step=0) -> None:
        self.calls.append("figures")
        raise ConnectionError("no answer\nfrom the server")

    def file(self, path) -> None:
        self.calls.append("file")

    def end(self, status) -> None:
        self.calls.append(status)


def test_an_error_is_one_warning_and_the_others_are_told_on(file):
    failing, other = Failing(), Failing()
    other.figures = lambda *_: other.calls.append("figures")  # type: ignore[method-assign]
    with pytest.warns(RuntimeWarning, match="Failing failed and is told nothing more.*: no answer$") as told:
        tell(Guarded((failing, other)), file)
    assert len(told) == 1
    assert failing.calls == ["fit", "figures", "failed"]  # so that it is not left as running
    assert other.calls[-1] == "killed"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("tensorboard", "names no folder"),
        ("wandb:here", "names no tracker"),
        ("", "names no tracker"),
        ("mlflow:file:///old", "no longer writes to plain files"),
    ],
)
def test_what_is_no_tracker_is_refused(name, problem):
    with pytest.raises(PlanError, match=problem) as caught:
        trackers([name])
    assert "mlflow:DIR" in caught.value.fix


@pytest.mark.parametrize("name", ["mlflow:runs", "tensorboard:runs"])
def test_a_missing_extra_is_said(name, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=name.partition(":")[0]):
        trackers([name])


def test_nothing_is_imported_before_it_is_needed():
    code = (
        "import sys, graphtune.tracking; sys.exit(any(m in sys.modules for m in ('mlflow', 'tensorboard')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
