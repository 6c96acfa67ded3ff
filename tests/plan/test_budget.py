"""How much time a fit may take."""

import pytest

from graphtune.errors import PlanError
from graphtune.plan.budget import seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90", 90.0),
        ("90s", 90.0),
        ("5m", 300.0),
        ("1h", 3600.0),
        ("1h30m", 5400.0),
        ("1h30m5s", 5405.0),
        ("1m30", 90.0),
        ("0.5m", 30.0),
        (" 2 M ", 120.0),
    ],
)
def test_a_time_is_read_as_people_write_it(text, expected):
    assert seconds(text) == expected


@pytest.mark.parametrize(
    "text", ["", "five", "5x", "-5", "5m1h", "1.2.3", ".", "inf", "nan", "5d", "h", "٥m"]
)
def test_anything_else_is_refused_with_what_was_seen(text):
    with pytest.raises(PlanError, match="is no time") as refused:
        seconds(text)
    assert repr(text) in refused.value.problem
    assert "5m, 1h" in refused.value.fix


@pytest.mark.parametrize("text", ["0", "0m", "0h0m0s", "9" * 400])
def test_a_budget_without_time_is_refused(text):
    with pytest.raises(PlanError, match="no time to do anything"):
        seconds(text)
