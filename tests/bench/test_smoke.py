import sys

import pytest

import smoke


@pytest.fixture
def asked(monkeypatch):
    """Return what is called, whatever arguments are set by the function beside it."""
    calls = []

    def main(arguments: list[str], names: tuple[str, ...] = ()) -> list:
        calls.clear()
        monkeypatch.setattr(sys, "argv", ["bench.py", *arguments])
        tried = lambda *given: calls.append(("tried", *given)) or "a line"  # noqa: E731
        run = lambda *given: calls.append(("run", *given))  # noqa: E731
        sizes = {"rows": "on few"} | smoke.TURNS
        assert smoke.main("About.", run, tried, sizes=sizes, named="dataset", names=names) == 0
        return calls

    return main


def test_without_options_results_are_written_and_with_one_only_a_line_is_printed(asked, capsys):
    assert asked([]) == [("run", smoke.RESULTS)]
    assert capsys.readouterr().out == ""
    assert asked(["--rows", "7"]) == [("tried", 7, None)]
    assert asked(["--turns", "2"]) == [("tried", None, 2)]
    assert capsys.readouterr().out == "a line\n" * 2


def test_names_are_those_that_are_asked_for_or_all(asked):
    assert asked([], ("a", "b")) == [("run", smoke.RESULTS, ("a", "b"))]
    assert asked(["b"], ("a", "b")) == [("run", smoke.RESULTS, ("b",))]
    assert asked(["--rows", "7"], ("a", "b")) == [("tried", "a", 7, None), ("tried", "b", 7, None)]
    with pytest.raises(SystemExit):
        asked(["c"], ("a", "b"))
