from types import SimpleNamespace

import pytest

import against_setfit
from graphtune.metric import Interval


class Rows(list):
    def __init__(self, name: str):
        super().__init__("text")
        self.name = name


def found(name: str, ours: float, theirs: float | None):
    def row(method: str, share: float | None):
        accuracy = None if share is None else Interval(share, share - 0.02, share + 0.02, 0.95)
        return SimpleNamespace(method=method, accuracy=accuracy, train_seconds=60.0, note=f"{name}'s")

    table = (row("SetFit", theirs), row("graphtune-tuned", ours))
    return SimpleNamespace(
        table=table,
        protocol="inductive",
        seeds=(0, 1, 2),
        encode_seconds=20.0,
        rows={"test": 100},
        labelled={"8": 48},
    )


@pytest.fixture
def compared(monkeypatch):
    asked = {}
    shares = {"banking77": (0.86, 0.8), "trec6": (0.8, 0.78), "agnews_test7600": (0.85, 0.855)}

    def read(protocol, seed):
        asked[protocol.dataset] = {"protocol": protocol}
        return Rows(protocol.dataset), None

    def compare(table, methods, into, settings):
        asked[table.name] |= {"methods": [one.name for one in methods], "settings": settings}
        return found(table.name, *shares[table.name])

    monkeypatch.setattr("protocols.read", read)
    monkeypatch.setattr(against_setfit, "Offer", lambda *_, **__: against_setfit.NAME)
    monkeypatch.setattr(
        against_setfit,
        "methods",
        lambda *_: [SimpleNamespace(name=n) for n in ("FastFit", "SetFit", "graphtune-tuned")],
    )
    monkeypatch.setattr(against_setfit, "compare", compare)
    return asked, shares


def test_both_have_the_same_rows_and_time(compared, tmp_path, capsys):
    asked, _ = compared
    against_setfit.run(tmp_path)
    assert asked["banking77"]["protocol"].flagged == "few5"
    assert asked["trec6"]["protocol"].flagged is None
    for name, told in asked.items():
        assert told["methods"] == ["SetFit", "graphtune-tuned"]
        assert told["settings"].labels == (against_setfit.SETS[name],)
        assert (told["settings"].seeds, told["settings"].limit_seconds) == (3, 120.0)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "banking77: fit 86.0, SetFit 80.0: +6.00 points"
    # (6 + 2 - 0.5) / 3, none behind by more than half a point
    assert said[-1] == "mean lead +2.50 (bar +3.0, none under -0.5): NOT met"
    assert (tmp_path / "setfit/trec6.json").is_file()


def test_a_set_that_is_behind_by_more_misses_the_bar(compared, tmp_path, capsys):
    _, shares = compared
    shares |= {"banking77": (0.95, 0.8), "trec6": (0.79, 0.8)}
    against_setfit.run(tmp_path)
    assert capsys.readouterr().out.splitlines()[-1].endswith("NOT met")
    shares["trec6"] = (0.8, 0.8)
    against_setfit.run(tmp_path)
    assert capsys.readouterr().out.splitlines()[-1].endswith(": met")


def test_what_was_not_run_is_no_lead(compared, tmp_path):
    _, shares = compared
    shares["trec6"] = (0.8, None)
    with pytest.raises(RuntimeError, match="SetFit was not run on trec6: trec6's"):
        against_setfit.run(tmp_path, ("trec6",))
    assert not (tmp_path / "setfit").exists()
