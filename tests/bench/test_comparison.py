import json

import pytest

import comparison


@pytest.fixture
def commanded(monkeypatch):
    """Let the command leave the results it is given."""

    def leave(saved):
        def run(command, **_):
            place = comparison.Path(command[command.index("--into") + 1])
            place.mkdir()
            (place / "results.json").write_text(json.dumps(saved))
            return {"seconds": 400.0, "peak_mib": 900.0, "cores": 2}

        monkeypatch.setattr(comparison.timed, "in_own_process", run)

    return leave


def saved(low=3.0, verdict="The graph helps by 4.0", accuracy=0.8):
    interval = None if accuracy is None else {"value": accuracy, "low": 0.7, "high": 0.9}
    row = {"method": "gcn", "accuracy": interval, "seeds": 3, "train_seconds": 2.0, "note": ""}
    gains = [{"points": {"value": 4.0, "low": low, "high": 5.0}}]
    return {"table": [row], "seeds": [0, 1, 2], "gains": gains, "verdict": [verdict], "encode_seconds": 9.0}


def test_the_bar_is_met_in_time_with_every_row_and_the_right_verdict(commanded, tmp_path):
    commanded(saved())
    found = comparison.result(tmp_path / "rows.csv", "--seeds", "3")
    assert found["met"]
    assert found["command"] == "graphtune compare rows.csv --seeds 3"
    assert "400.0 s (bar 600 s: met); The graph helps by 4.0" in comparison.line(found)


def test_where_the_gain_is_unsure_the_verdict_must_say_so(commanded, tmp_path):
    commanded(saved(low=-1.0, verdict="The graph makes no sure difference with all 9 labels"))
    assert comparison.result(tmp_path / "rows.csv")["met"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"verdict": "The graph hurts by 4.0"},
        {"accuracy": None},
        {"low": -1.0},
        {"verdict": "The graph makes no sure difference"},
    ],
    ids=str,
)
def test_a_wrong_verdict_or_an_empty_row_misses_the_bar(commanded, tmp_path, wrong):
    commanded(saved(**wrong))
    assert not comparison.result(tmp_path / "rows.csv")["met"]
