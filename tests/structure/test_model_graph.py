import pytest

from graphtune.errors import PlanError
from graphtune.structure import ModelEdge, ModelGraph, ModuleNode

GRAPH = ModelGraph(
    "bert",
    depth=1,
    width=4,
    tokens=8,
    traced="module tree",
    nodes=(
        ModuleNode("embeddings.word", "embedding", 0, (10, 4), 40, 0, 128),
        ModuleNode("head", "head", 2, (2, 4), 10, 16, 8),
    ),
    edges=(ModelEdge(0, 1, residual=False),),
)


def test_sums_are_of_all_modules():
    assert (GRAPH.parameters, GRAPH.flops) == (50, 16)
    assert GRAPH.positions == {"embeddings.word": 0, "head": 1}


def test_columns_are_added_to_another_graph():
    found = GRAPH.with_columns({"gain": (1.0, 2.0)}).with_columns({"loss": (3.0, 4.0), "gain": (5.0, 6.0)})
    assert found.column("gain") == (5.0, 6.0)
    assert found.column("loss") == (3.0, 4.0)
    assert not GRAPH.columns


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(PlanError, match="no column 'gain'") as caught:
        GRAPH.with_columns({"loss": (1.0, 2.0)}).column("gain")
    assert "loss" in caught.value.fix


def test_a_column_has_one_number_a_node():
    with pytest.raises(ValueError, match="1 numbers for 2 nodes"):
        GRAPH.with_columns({"gain": (1.0,)})
