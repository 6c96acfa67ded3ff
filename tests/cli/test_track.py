"""``--track``: what a fit tells, and how a tracker that is none ends."""

import pytest
from small_table import COLUMNS, metrics

from graphtune.cli.app import main

QUICK = (*COLUMNS, "--plan", "quick.toml")


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
def test_a_fit_is_in_tensorboard_too(table, tmp_path):
    pytest.importorskip("tensorboard")
    assert main(["fit", str(table), *QUICK, "--track", "tensorboard:board", "--into", "made"]) == 0
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (run,) = (tmp_path / "board").iterdir()
    found = EventAccumulator(str(run)).Reload()
    (accuracy,) = found.Scalars("test/accuracy")
    assert accuracy.value == pytest.approx(metrics(tmp_path / "made")["test"]["accuracy"])


def test_a_tracker_that_fails_is_a_warning_and_the_model_is_there(table, tmp_path, capsys):
    pytest.importorskip("tensorboard")
    (tmp_path / "board").write_text("a file, where a folder should be")
    assert main(["fit", str(table), *QUICK, "--track", "tensorboard:board", "--into", "made"]) == 0
    assert capsys.readouterr().err.count("warning: TensorBoard failed") == 1
    assert metrics(tmp_path / "made")["test"]


@pytest.mark.parametrize("command", ["fit", "search", "compare"])
@pytest.mark.parametrize("track", ["wandb:x", "tensorboard"])
def test_what_is_no_tracker_is_refused(command, track, table, tmp_path, refused):
    problem, fix = refused(command, table, *COLUMNS, "--track", track, folder=tmp_path)
    assert f"--track {track} names no" in problem
    assert "tensorboard:DIR" in fix


@pytest.mark.parametrize("command", ["fit", "search", "compare"])
def test_a_missing_extra_is_said_before_any_work(command, table, tmp_path, refused, monkeypatch):
    def found(name):
        return None if name == "mlflow" else object()

    monkeypatch.setattr("graphtune.tracking.mlflow.importlib.util.find_spec", found)
    problem, fix = refused(command, table, *COLUMNS, "--track", "mlflow:runs", folder=tmp_path)
    assert "needs the extra 'mlflow'" in problem
    assert "graphtune[mlflow]" in fix
