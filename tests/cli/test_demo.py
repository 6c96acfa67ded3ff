"""``graphtune demo``, on a part of its table so that it is quick."""

import pytest
from small_table import PLAN

from graphtune.cli import demo
from graphtune.cli.app import main
from graphtune.plan import Plan
from graphtune.table import Columns, read_table

CLASSES = 4


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Put a few classes of the bundled table in its place, and TF-IDF in the encoder's."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from graphtune.encoder import Tfidf

    table = pq.read_table(demo._TABLE)
    names = pc.unique(table["label"].drop_null()).to_pylist()[:CLASSES]
    labelled = table.filter(pc.is_in(table["label"], value_set=pa.array(names)))
    pq.write_table(labelled, tmp_path / "small.parquet")
    monkeypatch.setattr(demo, "_TABLE", tmp_path / "small.parquet")
    monkeypatch.setattr(demo, "_plan", lambda: Plan.from_text(PLAN))
    monkeypatch.setattr(
        demo, "_embedded", lambda table: Tfidf(width=32).fit(table.texts).encode(table.texts).numpy()
    )
    return names


def test_the_demo_compares_explains_and_ends_with_the_paths(small, tmp_path, capsys):
    assert main(["demo", "--into", "made"]) == 0
    out = capsys.readouterr().out
    for part in (
        *("TF-IDF + logistic regression", "frozen embeddings + logistic regression", "graphtune"),
        *("the neighbours that decided", "95% interval", "seconds", "20 labelled training questions"),
        *("160 test questions", "4 classes"),
    ):
        assert part in out, part
    assert "report: made/report.html" in out
    assert out.rstrip().endswith("next: graphtune predict made your-questions.csv")
    assert (tmp_path / "made" / "report.html").is_file()
    assert (tmp_path / "made" / "manifest.json").is_file()


def test_the_bundled_table_is_what_the_demo_says(capsys):
    table = read_table(demo._TABLE, Columns("text", "label", "split", "id"), purpose="fit")
    assert len(demo._rows(table, "train")) == 385
    assert len(demo._rows(table, "test")) == 3080
    assert len(table.classes) == 77
    assert len(table) == 13_083


def test_a_place_of_somebody_elses_is_refused(tmp_path, refused):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    problem, _ = refused("demo", "--into", "mine", folder=tmp_path)
    assert "mine has files in it that are no graphtune model" in problem
