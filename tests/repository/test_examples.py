"""The examples run as they stand."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
# What tunes an encoder takes minutes; it is run by hand.
QUICK = {"chinese.py": "退款", "given_links.py": "with links"}


@pytest.mark.e2e
@pytest.mark.parametrize("name", QUICK)
def test_an_example_runs_and_says_what_it_shows(name, tmp_path):
    ran = subprocess.run(
        [sys.executable, EXAMPLES / name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert QUICK[name] in ran.stdout


def test_every_example_is_told_of_in_both_languages():
    scripts = {path.name for path in EXAMPLES.glob("*.py")}
    assert set(QUICK) <= scripts
    for name in ("README.md", "README.zh-CN.md"):
        told = (EXAMPLES / name).read_text(encoding="utf-8")
        assert all(f"({script})" in told for script in scripts)


def test_an_example_without_a_seed_is_refused(monkeypatch, capsys):
    pytest.importorskip("torch_geometric")
    monkeypatch.setattr(sys, "argv", ["molecules.py", "--seeds", "0"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(EXAMPLES / "molecules.py"), run_name="__main__")
    assert ended.value.code == 2
    assert "--seeds must be 1 or more" in capsys.readouterr().err


def test_without_molecules_that_example_says_so(tmp_path, monkeypatch, capsys):
    pytest.importorskip("torch_geometric")
    monkeypatch.setenv("GRAPHTUNE_DATA", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["molecules.py"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(EXAMPLES / "molecules.py"), run_name="__main__")
    assert ended.value.code == 0
    assert "GRAPHTUNE_DATA" in capsys.readouterr().err
