import numpy as np
import pandas
import pytest

from graphtune.errors import TableError
from graphtune.table import read_links

KNOWN = frozenset({"1", "2", "3"})


def test_ids_of_any_type_become_those_of_the_table(tmp_path):
    path = tmp_path / "edges.tsv"
    path.write_text("weight\tdst\tsrc\ttype\n0.5\t2\t1\tcites\n\t3\t3\t\n")
    links = read_links(path, KNOWN, directed=True)
    assert (links.source, links.target) == (("1", "3"), ("2", "3"))
    assert links.kind == ("cites", "")
    assert links.directed
    np.testing.assert_array_equal(links.weight, np.array([0.5, 1], np.float32))
    frame = pandas.DataFrame({"from": [1.0, 2.0], "to": [2, 3]})
    links = read_links(frame, KNOWN)
    assert (links.source, links.target, links.weight, links.kind) == (("1", "2"), ("2", "3"), None, None)


def test_without_known_names_the_first_two_columns_are_the_ends():
    links = read_links(pandas.DataFrame({"paper": ["1"], "other": ["2"], "year": [1999]}), KNOWN)
    assert (links.source, links.target) == (("1",), ("2",))


def test_named_columns_are_taken():
    frame = pandas.DataFrame({"a": ["1"], "b": ["2"], "c": ["3"]})
    links = read_links(frame, KNOWN, source_column="c", target_column="a")
    assert (links.source, links.target) == (("3",), ("1",))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (
            "source,target\n1,2\n1,9\n8,3\n",
            "2 ends of edges not among the ids of the table: row 2: '9'; row 3: '8'",
        ),
        ("source,target\n1,\n", "edges without a usable end: row 1: empty"),
        ("source,target,weight\n1,2,much\n2,3,-1\n", "no numbers from 0 up: row 1: 'much'; row 2: -1"),
        ("source,target\n1,2,3\n", "1 row does not have the header's 2 fields: row 1: line 2, 3 fields"),
        ("1,2\n2,3\n", "the first line holds ids, not column names: '1' and '2'"),
        ("source\n1\n", "edges need two columns, here is 'source'"),
        ("source,target\n", "has no edges"),
        ("", "is empty"),
    ],
)
def test_edges_that_cannot_be_used(content, problem, tmp_path):
    (tmp_path / "edges.csv").write_text(content)
    with pytest.raises(TableError) as caught:
        read_links(tmp_path / "edges.csv", KNOWN)
    assert problem in caught.value.problem


@pytest.mark.parametrize("content", ["", "source,target\n"])
def test_prediction_may_have_no_edges(content, tmp_path):
    (tmp_path / "edges.csv").write_text(content)
    assert len(read_links(tmp_path / "edges.csv", KNOWN, purpose="predict")) == 0
