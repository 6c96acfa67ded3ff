import pytest

from graphtune import progress


@pytest.mark.parametrize(("done", "rate"), [(40.0, "20/s"), (1.0, "0.5/s"), (0.3, "0.15/s")])
def test_a_line_says_how_fast_slow_work_is_too(monkeypatch, capsys, done, rate):
    clock = iter((0.0, 2.0))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", 1.0)
    with progress.shown(), progress.bar("encoder", 80.0, "epochs") as bar:
        bar.advance(done)
    assert f" epochs, {rate}, " in capsys.readouterr().err
