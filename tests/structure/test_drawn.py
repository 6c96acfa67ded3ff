"""Drawings of model graphs: complete, readable, and of what was asked for."""

import importlib.util
import math
import re
from xml.etree import ElementTree

import pytest
from small_models import MAKERS, TwoBlocks, graph_of
from torch import nn

from graphtune.errors import MissingExtraError, PlanError
from graphtune.layer import GCN
from graphtune.model import Model
from graphtune.structure import coloured_by, drawn, png, read
from graphtune.structure.colours import Shades, said
from graphtune.structure.layout import BOX_HEIGHT, BOX_WIDTH, Layout

SVG = "{http://www.w3.org/2000/svg}"


def boxes(svg: str) -> list[ElementTree.Element]:
    return [one for one in ElementTree.fromstring(svg).iter(f"{SVG}rect") if one.get("class") == "box"]


@pytest.mark.parametrize("name", MAKERS)
def test_every_module_and_edge_is_drawn_within_and_no_box_lies_on_another(name):
    graph = graph_of(name)
    svg = drawn(graph)
    root = ElementTree.fromstring(svg)
    paths = [one for one in root.iter(f"{SVG}path") if one.get("class") in ("flow", "past")]
    assert len(boxes(svg)) == len(graph.nodes)
    assert len(paths) == len(graph.edges)
    assert sum(one.get("class") == "past" for one in paths) == sum(edge.residual for edge in graph.edges)
    wide, high = float(root.get("width", 0)), float(root.get("height", 0))
    places = Layout(graph).places
    for at, (x, y) in enumerate(places):
        assert BOX_WIDTH / 2 <= x <= wide - BOX_WIDTH / 2
        assert 90 <= y <= high - BOX_HEIGHT / 2
        for a, b in places[:at]:
            assert abs(a - x) >= BOX_WIDTH or abs(b - y) >= BOX_HEIGHT
    for path in paths:
        numbers = [float(number) for number in re.findall(r"-?[\d.]+", str(path.get("d")))]
        assert all(0 <= x <= wide for x in numbers[::2])
        assert all(0 <= y <= high for y in numbers[1::2])


def test_it_stands_by_itself_and_says_what_it_is():
    svg = drawn(graph_of("Bert"), "FLOPs")
    assert "bert: 2 blocks of width 32, 21.2 k parameters" in svg
    assert all(f">block {number}<" in svg for number in (1, 2))
    assert ">FLOPs<" in svg
    assert "encoder.layer.0.attention.self.query (query)" in svg
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")


def test_colours_are_those_of_the_column():
    graph = read(TwoBlocks(), 4)
    values = [float(number) for number in range(len(graph.nodes) - 1)]
    found = [box.get("fill") for box in boxes(drawn(graph.with_columns({"a<b": (*values, math.nan)}), "a<b"))]
    assert found[-1] == "#e4e4e4"
    assert (found[0], found[-2]) == ("#edf6fa", "#083c78")
    assert len(set(found)) == len(found)


def test_a_column_that_is_not_there_is_refused_by_name():
    with pytest.raises(PlanError, match="no column 'colour'") as caught:
        drawn(read(TwoBlocks(), 4), "colour")
    assert "parameters, FLOPs, activation bytes" in caught.value.fix


def test_a_network_over_a_graph_and_a_single_module_are_drawn():
    network = read(Model((GCN(6, 8), GCN(8, 8)), nn.Linear(8, 3)))
    assert len(boxes(drawn(network))) == 3
    single = read(nn.Sequential(nn.Linear(3, 3)), 2)
    for column in coloured_by(single):
        assert len(boxes(drawn(single, column))) == 1


def test_shades_of_far_apart_and_of_equal_and_of_no_values():
    far = Shades.of((1.0, 100.0, 10.0, 0.0, math.nan))
    assert far.logarithmic
    assert (far.share(10.0), far.share(0.0)) == (pytest.approx(0.5), 0.0)
    assert [name.strip() for _, name in far.ticks()] == ["1", "10", "100"]
    assert not Shades.of((-1.0, 100.0)).logarithmic
    assert Shades.of((2.0, 2.0)).ticks() == [(0.5, "2 ")]
    assert Shades.of((math.nan,)).colour(math.nan)[0] == "#e4e4e4"


@pytest.mark.parametrize(
    ("value", "name"),
    [(0.1234, "0.123"), (1234.0, "1234"), (56789.0, "56.8 k"), (2.9e9, "2.9 G"), (math.nan, "—")],
)
def test_numbers_are_told_shortly(value, name):
    assert said(value).strip() == name


def test_a_png_is_a_png():
    pytest.importorskip("resvg_py")
    made = png(drawn(read(TwoBlocks(), 4)), zoom=0.5)
    assert made.startswith(b"\x89PNG")
    assert len(made) > 1000


def test_without_the_extra_a_png_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=re.escape("pip install 'graphtune[draw]'")):
        png("<svg/>")
