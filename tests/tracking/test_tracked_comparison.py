"""A comparison that is tracked: one run, and one nested in it for each row of its table."""

import pytest
from listening import Failing, Listening
from test_comparison_page import comparison

from graphtune.compare.files import write
from graphtune.compare.tracked import track_comparison
from graphtune.tracking import Guarded


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    directory = tmp_path_factory.mktemp("comparison")
    write(comparison(), directory)
    return directory


def test_every_row_is_told(place):
    told, found = Listening(), comparison()
    with pytest.warns(RuntimeWarning, match="no such server"):
        track_comparison(Guarded([Failing(), told]), found, place)
    whole, *rows = told.runs
    assert not told.open
    assert whole["settings"]["labels"] == "5,all"
    assert [name for name, _ in whole["files"]] == ["results.json", "results.csv", "report.html"]
    gain = found.gains[0].points
    assert whole["figures"]["gain/5/points"] == gain.value
    assert len(rows) == len(found.table)
    for run, row in zip(rows, found.table, strict=True):
        assert run["settings"] == {"method": row.method, "labels": "all" if row.labels is None else "5"}
        assert row.accuracy is not None
        assert run["figures"]["accuracy"] == row.accuracy.value
        assert run["figures"]["accuracy/low"] == row.accuracy.low
        assert ("difference" in run["figures"]) == (row.difference is not None)
        assert run["status"] == "finished"
