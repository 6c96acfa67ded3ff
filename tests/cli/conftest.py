"""A small table of three classes, a model fitted on it once, and a cache that is nobody else's."""

import shutil
from pathlib import Path

import pytest
from small_table import COLUMNS, PLAN, listing, rows, write_csv


@pytest.fixture(autouse=True)
def own_places(tmp_path, tmp_path_factory, monkeypatch) -> None:
    (tmp_path / "quick.toml").write_text(PLAN)
    monkeypatch.setenv("GRAPHTUNE_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def table(tmp_path) -> Path:
    return write_csv(tmp_path / "rows.csv", rows())


@pytest.fixture(scope="session")
def fitted_once(tmp_path_factory) -> Path:
    from graphtune.cli.app import main

    folder = tmp_path_factory.mktemp("fitted")
    path = write_csv(folder / "rows.csv", rows())
    model = folder / "model"
    (folder / "plan.toml").write_text(PLAN)
    assert main(["fit", str(path), *COLUMNS, "--plan", str(folder / "plan.toml"), "--into", str(model)]) == 0
    return model


@pytest.fixture
def model(fitted_once, tmp_path) -> Path:
    """Return a copy of the model that a test may spoil."""
    return Path(shutil.copytree(fitted_once, tmp_path / "model"))


@pytest.fixture
def refused(capsys):
    """Run a command that must end in one message, without a traceback, and leave the folder as it was."""

    def run(*arguments, folder: Path) -> tuple[str, str]:
        from graphtune.cli.app import main

        before = listing(folder)
        status = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert status == 2, err
        assert out == ""
        assert "Traceback" not in err
        assert err.count("error: ") == 1
        assert listing(folder) == before
        problem, found, fix = err[err.index("error: ") :].partition("\nfix: ")
        assert found
        return problem, fix

    return run
