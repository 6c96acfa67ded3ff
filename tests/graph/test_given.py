import numpy as np
import pytest
import torch

from graphtune.errors import GraphError
from graphtune.graph import BuiltGraph, GraphBuilder, Rows
from graphtune.graph.given import Given, GivenReport
from graphtune.table import Links


def rows(ids, links=None):
    return Rows(tuple(ids), tuple(f"text {i}" for i in ids), torch.zeros(len(ids), 2), links)


def links(*pairs, weight=None, kind=None, directed=False):
    source, target = tuple(p[0] for p in pairs), tuple(p[1] for p in pairs)
    weight = None if weight is None else np.array(weight, np.float32)
    return Links(source, target, weight, kind, directed)


def dense(matrix):
    return matrix.toarray().tolist()


def test_undirected_links_go_both_ways_with_the_larger_weight():
    built = Given().build(rows("abcd", links("ab", "ba", "ab", "bc", weight=[1.0, 3.0, 2.0, 0.5])))
    assert dense(built.graph.scipy()) == [[0, 3, 0, 0], [3, 0, 0.5, 0], [0, 0.5, 0, 0], [0, 0, 0, 0]]
    assert built.report == GivenReport(4, 2, 0, 2, 0, 0, 0, 1)
    assert isinstance(built, BuiltGraph)
    assert isinstance(Given(), GraphBuilder)


def test_directed_links_let_the_target_receive():
    some = links("ab", "ba", "ab", "bc", weight=[1.0, 3.0, 2.0, 0.5], directed=True)
    built = Given().build(rows("abc", some))
    assert dense(built.graph.scipy()) == [[0, 3, 0], [2, 0, 0], [0, 0.5, 0]]
    assert built.report is not None
    assert (built.report.used, built.report.duplicates) == (3, 1)
    # The setting goes before what the links say.
    assert Given(directed=False).build(rows("abc", some)).graph.edges == 4


def test_everything_left_out_is_counted():
    some = links(*["aa", "ab", "ax", "xx", "xy", "bc", "ba", "ac"], weight=[1, 1, 1, 1, 1, 0, 1, 1])
    built = Given().build(rows("abcde", some))
    assert built.report == GivenReport(8, 2, 1, 1, 1, 3, 0, 2)
    assert str(built.report) == (
        "2 of 8 links used; 1 self-loops dropped; 1 duplicates merged; 1 of weight 0 dropped; "
        "3 with an end that is not among the rows left out; 2 rows without a link"
    )


def test_kinds_are_chosen():
    some = links("ab", "bc", "ac", kind=("cites", "replies", "cites"))
    built = Given(kinds=("cites",)).build(rows("abc", some))
    assert dense(built.graph.scipy()) == [[0, 1, 1], [1, 0, 0], [1, 0, 0]]
    assert built.report is not None
    assert built.report.other_kinds == 1
    attached = built.attach(rows("xy", links("xa", "yb", kind=("cites", "replies"))))
    assert dense(attached.stored) == [[1, 0, 0], [0, 0, 0]]
    assert built.attach(rows("xy", links("xa"))).stored.nnz == 0


def test_new_rows_receive_and_stored_nodes_do_not():
    built = Given().build(rows("abc", links("ab", "ax", "xy", "yx")))
    assert built.graph.edges == 2
    new = rows("xy", links("ax", "xb", "bc", "xy", "yx", "xx", "cz", "bx", weight=[1, 2, 1, 4, 3, 1, 1, 5]))
    attached = built.attach(new)
    assert dense(attached.stored) == [[1, 5, 0], [0, 0, 0]]
    assert dense(attached.among) == [[0, 4], [4, 0]]
    extended = attached.extend(built.graph)
    assert dense(extended.scipy()[:3, :3]) == dense(built.graph.scipy())
    assert extended.scipy()[:3, 3:].nnz == 0


def test_directed_attachment_follows_the_direction():
    built = Given(directed=True).build(rows("ab", links("ab")))
    attached = built.attach(rows("xy", links("ax", "xb", "xy")))
    assert dense(attached.stored) == [[1, 0], [0, 0]]
    assert dense(attached.among) == [[0, 0], [1, 0]]


def test_attaching_left_out_rows_gives_the_edges_of_the_whole_graph():
    generator = np.random.default_rng(0)
    ids = [f"id-{i}" for i in range(40)]
    ends = generator.integers(0, 45, (200, 2))
    pairs = [(f"id-{s}", f"id-{t}") for s, t in ends]
    some = links(*pairs, weight=generator.random(200) + 0.5)
    whole = Given().build(rows(ids, some)).graph.scipy().toarray()
    attached = Given().build(rows(ids[:30], some)).attach(rows(ids[30:], some))
    np.testing.assert_array_equal(attached.stored.toarray(), whole[30:, :30])
    np.testing.assert_array_equal(attached.among.toarray(), whole[30:, 30:])


def test_a_copy_of_a_stored_row_receives_what_the_stored_one_does():
    built = Given().build(rows("abc", links("ab", "ac")))
    attached = built.attach(rows("ab", links("ab", "ac", "aa")))
    assert dense(attached.stored) == [[0, 1, 1], [1, 0, 0]]
    assert attached.among.nnz == 0


@pytest.mark.parametrize("some", [links(), links("xy", "xz"), links("aa")])
def test_links_to_nobody_leave_every_row_isolated(some):
    built = Given().build(rows("abc", some))
    assert (built.graph.nodes, built.graph.edges) == (3, 0)
    assert built.report is not None
    assert (built.report.used, built.report.isolated) == (0, 3)
    attached = built.attach(rows("xy", some))
    assert attached.stored.shape == (2, 3)


def test_new_rows_without_links_and_no_new_rows():
    built = Given().build(rows("abc", links("ab")))
    for new in (rows("xy"), rows("xy", links()), rows(""), rows("", links("ab"))):
        attached = built.attach(new)
        assert attached.stored.shape == (len(new), 3)
        assert attached.among.shape == (len(new), len(new))
        assert attached.stored.nnz + attached.among.nnz == 0
        assert attached.extend(built.graph).nodes == 3 + len(new)


def test_saved_and_restored():
    built = Given(directed=True).build(rows("abc", links("ab", "bc")))
    again = Given(directed=True).restored(built.graph, built.ids, built.tensors())
    new = rows("x", links("ax", "xb"))
    assert dense(again.attach(new).stored) == dense(built.attach(new).stored) == [[1, 0, 0]]


@pytest.mark.parametrize(
    ("builder", "some", "problem"),
    [
        (Given(), None, "no links were given"),
        (Given(), links("ab", "bc", weight=[1.0, -2.0]), "b → c has weight -2.0"),
        (Given(), links("ab", "bc", weight=[np.nan, np.inf]), "a → b has weight nan, and 1 more"),
        (Given(kinds=("cite",)), links("ab", kind=("cites",)), "use 'cites'"),
        (Given(kinds=("cites",)), links("ab"), "column of kinds"),
    ],
)
def test_what_makes_no_graph(builder, some, problem):
    with pytest.raises(GraphError, match=problem):
        builder.build(rows("abc", some))


def test_many_links_are_quick_and_right():
    generator = np.random.default_rng(1)
    nodes, edges = 20_000, 100_000
    ids = [f"doc/{i}" for i in range(nodes)]
    ends = generator.integers(0, nodes, (edges, 2))
    some = Links(tuple(ids[i] for i in ends[:, 0]), tuple(ids[i] for i in ends[:, 1]))
    graph = Given().build(rows(ids, some)).graph
    different = ends[ends[:, 0] != ends[:, 1]]
    assert graph.edges == 2 * len(np.unique(np.sort(different, axis=1), axis=0))
