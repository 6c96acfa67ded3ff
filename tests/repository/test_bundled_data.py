"""The demo's table is the published problem: five labels a class, and a test set that is whole."""

from collections import Counter
from importlib.resources import files
from pathlib import Path

import pyarrow.parquet as pq
import pytest

FOLDER = files("graphtune.cli") / "banking77"


@pytest.fixture(scope="module")
def rows():
    with (FOLDER / "banking77.parquet").open("rb") as stream:
        return pq.read_table(stream).to_pylist()


def test_five_labelled_rows_of_each_class(rows):
    labelled = Counter(row["label"] for row in rows if row["split"] == "train" and row["label"] is not None)
    assert len(labelled) == 77
    assert set(labelled.values()) == {5}


def test_splits_have_the_published_sizes(rows):
    assert Counter(row["split"] for row in rows) == {"train": 10003, "test": 3080}
    assert all(row["label"] is not None for row in rows if row["split"] == "test")
    assert len({row["id"] for row in rows}) == len(rows)


def test_small_enough_to_bundle_and_attributed():
    assert Path(str(FOLDER / "banking77.parquet")).stat().st_size < 400_000
    attribution = (FOLDER / "ATTRIBUTION.md").read_text(encoding="utf-8")
    assert "Casanueva" in attribution
    assert "CC BY 4.0" in attribution
    assert "What was changed" in attribution
