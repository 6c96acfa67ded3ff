"""What a search leaves out because the table is too large for it."""

from dataclasses import replace
from typing import get_args

import pytest
from corpus import setting

from graphtune.select import FeatureMaker, Probe, View
from graphtune.select.extent import MANY_NODES, Extent
from graphtune.select.graphs import usual

SMALL = Extent(labelled=1000, nodes=5000, classes=20, terms=10_000, width=384)
EVERY = [
    Probe("meaning"),
    Probe("both"),
    Probe("words"),
    Probe("all"),
    Probe("words", 1.0, "squared hinge"),
    Probe("all", 1.0, "squared hinge"),
]


def left_out(extent: Extent) -> list[Probe]:
    return [probe for probe in EVERY if not extent.allows(probe)]


def test_a_usual_table_is_tried_whole():
    assert left_out(SMALL) == []


@pytest.mark.parametrize(
    ("larger", "without"),
    [
        ({"terms": 250_000}, [EVERY[2], EVERY[3]]),  # five million weights of single words
        ({"classes": 500}, [EVERY[2], EVERY[3]]),
        ({"nodes": 150_000}, [EVERY[3], EVERY[5]]),  # sparse copies of dense rows
        ({"labelled": 1_200_000}, [EVERY[4], EVERY[5]]),
        ({"nodes": MANY_NODES}, [EVERY[1], EVERY[3], EVERY[5]]),
    ],
    ids=str,
)
def test_what_would_take_too_long_or_too_much_is_left_out(larger, without):
    assert left_out(replace(SMALL, **larger)) == without


def test_is_measured_from_the_data():
    data, _ = setting()
    words = data.features.maker.words
    assert Extent.of(data) == Extent(45, 45, 3, len(words.vocabulary), 8)
    alone = FeatureMaker(words, words).features(data.features.texts)
    assert Extent.of(replace(data, features=alone)).width == 0


@pytest.mark.parametrize("links", [False, True])
def test_many_nodes_are_compared_in_one_view(links):
    every = get_args(View)
    few, many = (usual(links=links, views=every, nodes=nodes) for nodes in (MANY_NODES - 1, MANY_NODES))
    assert {graph.view for graph in many} == {"meaning"}
    assert len({graph.view for graph in few}) > 1
    assert many == usual(links=links, views={"meaning"}, nodes=100)
