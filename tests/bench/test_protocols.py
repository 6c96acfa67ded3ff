import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_results import write_data

import protocols
from graphtune.errors import TableError

LABELS = ["b", "a", "b", "c", "a", "b", "a", "b", "a", "b"]


@pytest.fixture
def data(tmp_path, monkeypatch):
    write_data(tmp_path)
    monkeypatch.setenv("GRAPHTUNE_DATA", str(tmp_path))


def test_a_draw_has_so_many_rows_of_each_class_and_all_of_a_smaller_one():
    rows = np.arange(1, 10)  # row 0 is none of those to draw from
    drawn = protocols.drawn(LABELS, rows, 2, seed=3)
    assert sorted(LABELS[row] for row in drawn) == ["a", "a", "b", "b", "c"]
    assert set(drawn) <= set(rows)
    assert list(drawn) == sorted(set(drawn))


def test_the_seed_alone_decides_a_draw():
    rows = np.arange(len(LABELS))
    draws = [tuple(protocols.drawn(LABELS, rows, 2, seed)) for seed in range(5)]
    assert draws == [tuple(protocols.drawn(LABELS, rows, 2, seed)) for seed in range(5)]
    assert len(set(draws)) > 1


def test_a_draw_is_the_generators_own():
    random = np.random.default_rng(7)
    rows = np.arange(len(LABELS))
    expected = []
    for name in "abc":
        expected += list(random.permutation([row for row in rows if LABELS[row] == name])[:2])
    assert list(protocols.drawn(LABELS, rows, 2, seed=7)) == sorted(expected)


@pytest.mark.usefixtures("data")
def test_rows_that_were_not_drawn_stay_as_unlabelled_training_rows():
    table, links = protocols.read(protocols.Protocol("cr", per_class=5), seed=1)
    known, parts = table.labels >= 0, np.array(table.split)
    assert links is None
    assert np.bincount(table.labels[known & (parts == "train")]).tolist() == [5, 5, 5]
    assert int((~known).sum()) == 21
    assert set(parts[~known]) == {"train"}
    assert int(known[parts == "test"].sum()) == 12


@pytest.mark.usefixtures("data")
def test_rows_outside_a_split_are_unlabelled_training_rows_and_links_come_along():
    table, links = protocols.read(protocols.Protocol("cora", split="split_planetoid"), seed=0)
    parts = np.array(table.split)
    assert len(table) == 60
    assert int((parts == "train").sum()) == 36
    assert int((table.labels[parts == "train"] < 0).sum()) == 18
    assert links is not None
    assert len(links) == 59


@pytest.mark.usefixtures("data")
def test_a_smoke_run_has_few_rows_and_no_link_to_rows_left_out():
    table, links = protocols.read(protocols.Protocol("cora"), 0, smoke_rows=8)
    assert [table.split.count(part) for part in ("train", "val", "test")] == [8, 4, 4]
    assert links is not None
    assert {*links.source, *links.target} <= set(table.ids)


def test_a_class_with_one_labelled_row_stays_where_it_is_to(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPHTUNE_DATA", str(tmp_path))
    rows = [
        {"id": at, "text": f"text {at}", "label": "rare" if at == 0 else "ab"[at % 2], "split": "train"}
        for at in range(9)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "r52.parquet")
    with pytest.raises(TableError, match="one training row only: 'rare'"):
        protocols.read(protocols.Protocol("r52"), 0)
    table, _ = protocols.read(protocols.Protocol("r52", keep_rare=True), 0)
    assert np.bincount(table.labels).tolist() == [4, 4, 1]


@pytest.mark.usefixtures("data")
def test_what_is_not_there_is_named():
    with pytest.raises(protocols.AbsentDataError, match=r"r8\.parquet.*GRAPHTUNE_DATA"):
        protocols.read(protocols.Protocol("r8"), 0)


def test_published_few_shot_rows_of_the_real_table():
    protocol = protocols.Protocol("banking77", flagged="few5")
    if not (protocols.data_root() / "banking77.parquet").is_file():
        pytest.skip("banking77 is not in GRAPHTUNE_DATA")
    table, _ = protocols.read(protocol, 0)
    assert set(np.bincount(table.labels[protocols.labelled(table, "train")])) == {5}
    assert len(protocols.labelled(table, "test")) == 3080
    assert int((table.labels < 0).sum()) == 9618
