"""Axes with round ends that hold what they are made for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphtune.report.axis import Axis


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_every_value_stands_on_the_axis_where_it_belongs(values):
    axis = Axis.over(values)
    assert axis.low < axis.high
    for value in values:
        assert axis.low - 1e-9 <= value <= axis.high + 1e-9
        assert axis.low + axis.at(value) / 100 * (axis.high - axis.low) == pytest.approx(value, abs=1e-4)
    assert 2 <= len(axis.ticks()) <= 6


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([0.8, 0.86], ["80%", "82%", "84%", "86%"]),
        ([0.85, 0.85], ["85.0%", "85.5%"]),
        ([1.0], ["99.5%", "100.0%"]),
        ([0.0, 1.0], ["0%", "20%", "40%", "60%", "80%", "100%"]),
        ([], ["0%", "20%", "40%", "60%", "80%", "100%"]),
        ([-0.1, 0.02], ["0.0%", "0.5%", "1.0%", "1.5%", "2.0%"]),
    ],
)
def test_ticks_are_round(values, names):
    assert [name for _, name in Axis.over(values).ticks()] == names
