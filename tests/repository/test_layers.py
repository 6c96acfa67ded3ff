"""The import layers hold, and what a layer may be called."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src/graphtune"
CONTRACT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
    "contracts"
][0]
FORBIDDEN = {"util", "utils", "helper", "helpers", "common", "base", "manager", "managers", "misc"}


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [command, "--no-cache"], cwd=folder, capture_output=True, encoding="utf-8", timeout=60, check=False
    )


def names(layers: list[str]) -> list[str]:
    return [name.strip() for layer in layers for name in layer.split("|")]


def test_contract_holds():
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "1 kept, 0 broken" in result.stdout


def test_every_module_has_its_layer():
    there = {path.stem for path in SOURCE.glob("*.py")} | {
        path.parent.name for path in SOURCE.glob("*/__init__.py")
    }
    assert CONTRACT["exhaustive"]
    assert sorted(names(CONTRACT["layers"])) == sorted(there - {"__init__"})


@pytest.mark.parametrize(
    ("lower", "line"),
    [
        ("layer/gcn.py", "from graphtune.strategy import ALL"),
        ("metric/f1.py", "from graphtune.loss import ALL"),
        ("errors.py", "import graphtune.shapes"),
    ],
)
def test_contract_sees_an_import_that_points_up_or_aside(tmp_path, lower, line):
    package = tmp_path / "src" / "graphtune"
    shutil.copytree(SOURCE, package, ignore=shutil.ignore_patterns("__pycache__", "*.parquet"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    changed = package / lower
    changed.write_text(f"{line}\n{changed.read_text(encoding='utf-8')}", encoding="utf-8")
    program = (
        "import sys; sys.path.insert(0, 'src');"
        "from importlinter.cli import lint_imports;"
        "sys.exit(lint_imports(cache_dir=None))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, encoding="utf-8", check=False
    )
    assert result.returncode == 1, result.stdout + result.stderr
    assert "0 kept, 1 broken" in result.stdout
    assert lower.removesuffix(".py").replace("/", ".") in result.stdout


def test_no_module_is_a_drawer_for_anything():
    # Not those of other people's, in the environments of bench/peers.
    bench = (file for file in (ROOT / "bench").rglob("*.py") if "site-packages" not in file.parts)
    files = [*SOURCE.rglob("*.py"), *(ROOT / "tests").rglob("*.py"), *bench]
    assert len(files) > 100
    words = {file: set(re.split(r"[_\W]+", str(file.relative_to(ROOT)))) for file in files}
    assert [file for file, parts in words.items() if parts & FORBIDDEN] == []
