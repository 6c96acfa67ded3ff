import json
import math
from dataclasses import replace

import pytest
from small_models import TwoBlocks, graph_of

from graphtune.errors import MissingExtraError, ModelError, OutputError
from graphtune.structure import KINDS, read, read_structure, to_pyg, weight_columns, write_structure


@pytest.fixture(scope="module")
def graph():
    model = TwoBlocks()
    found = read(model, 4)
    columns = weight_columns(model, found)
    return found.with_columns({**columns, "gain": (math.inf, *columns["kurtosis"][1:])})


def test_a_graph_comes_back_as_it_was(graph, tmp_path):
    write_structure(graph, tmp_path / "structure.json")
    back = read_structure(tmp_path / "structure.json")
    assert replace(back, columns={}) == replace(graph, columns={})
    assert list(back.columns) == list(graph.columns)
    for name, values in graph.columns.items():
        expected = [value if math.isfinite(value) else math.nan for value in values]
        assert back.columns[name] == pytest.approx(expected, nan_ok=True)


def test_the_file_is_plain_json(graph, tmp_path):
    write_structure(graph, tmp_path / "structure.json")

    def refused(name):
        raise ValueError(name)

    said = json.loads((tmp_path / "structure.json").read_text(), parse_constant=refused)
    assert said["format"] == 1
    assert said["columns"]["gain"][0] is None


def _with(**more):
    return lambda said: said | more


BROKEN = {
    "no format": lambda said: {k: v for k, v in said.items() if k != "format"},
    "a list": lambda said: [said],
    "no nodes": lambda said: {k: v for k, v in said.items() if k != "nodes"},
    "kind": lambda said: said | {"nodes": [said["nodes"][0] | {"kind": "magic"}, *said["nodes"][1:]]},
    "count": lambda said: said | {"nodes": [said["nodes"][0] | {"flops": -1}, *said["nodes"][1:]]},
    "name twice": lambda said: said | {"nodes": [*said["nodes"], said["nodes"][0]]},
    "edge": _with(edges=[[0, 99, False]]),
    "edge of two": _with(edges=[[0, 1]]),
    "edge of text": _with(edges=[["words", 1, False]]),
    "traced": _with(traced="guess"),
    "depth": _with(depth=2.5),
    "column length": _with(columns={"gain": [1.0]}),
    "column of text": _with(columns={"gain": ["much"] * 10}),
    "columns": _with(columns=3),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_was_altered_is_refused(what, graph, tmp_path):
    path = tmp_path / "structure.json"
    write_structure(graph, path)
    path.write_text(json.dumps(BROKEN[what](json.loads(path.read_text()))))
    with pytest.raises(ModelError, match=r"was altered|no model graph"):
        read_structure(path)


def test_files_that_are_none_are_refused(graph, tmp_path):
    with pytest.raises(ModelError, match="There is no model graph"):
        read_structure(tmp_path / "absent.json")
    (tmp_path / "cut.json").write_text('{"format": 1, "nod')
    with pytest.raises(ModelError, match="cut short"):
        read_structure(tmp_path / "cut.json")
    (tmp_path / "new.json").write_text('{"format": 99}')
    with pytest.raises(ModelError, match="newer graphtune"):
        read_structure(tmp_path / "new.json")
    with pytest.raises(OutputError):
        write_structure(graph, tmp_path / "cut.json" / "structure.json")


def test_pyg_has_every_edge_and_named_features(graph):
    pytest.importorskip("torch_geometric")
    data = to_pyg(graph)
    assert data.num_nodes == len(graph.nodes) == len(data.names)
    assert data.x.shape == (len(graph.nodes), len(data.x_names)) == (10, 4 + len(KINDS) + 7)
    assert data.x.isfinite().all()
    ends = [(edge.source, edge.target) for edge in graph.edges]
    assert [tuple(pair) for pair in data.edge_index.T.tolist()] == ends
    assert data.edge_attr.flatten().tolist() == [float(edge.residual) for edge in graph.edges]
    row = dict(zip(data.x_names, data.x[3].tolist(), strict=True))
    assert row["parameters"] == pytest.approx(math.log1p(40))
    assert (row["feed-forward in"], row["norm"]) == (1.0, 0.0)
    assert row["block"] == pytest.approx(1 / 3)
    bare = to_pyg(graph_of("Bert"))
    assert bare.x.shape[1] == 4 + len(KINDS)


def test_pyg_is_asked_for(graph, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch_geometric.data", None)
    with pytest.raises(MissingExtraError, match="pyg"):
        to_pyg(graph)
