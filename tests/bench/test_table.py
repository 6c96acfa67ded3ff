import re

import pytest

import rewriting
import table

SEED = {"family": "graph"}
CIRCUMSTANCES = {
    "versions": {"graphtune": "1.2", "torch": "2.9", "python": "3.11.1"},
    "hardware": {"features": ["avx2"], "processor": "x86_64", "cores": 2, "encoding_in": "float32"},
}
ACCURACY = {
    "row": "r8-5",
    "kind": "accuracy",
    "protocol": "inductive",
    "rows": {"labelled": 1040},
    "accuracy": 94.256,
    "deviation": 0.5,
    "bar": 94.2,
    "met": True,
    "graph_free_accuracy": 90.0,
    "test_gain": [4.256, -1.0, 5.5],
    "baselines": {"tfidf": 80.0, "embeddings": 88.126},
    "seconds": 61.4,
    "seeds": [SEED, SEED],
    **CIRCUMSTANCES,
}
NEVER_WORSE = ACCURACY | {
    "row": "cr",
    "kind": "never-worse",
    "deviation": None,
    "bar": 87.826,
    "met": False,
    "test_gain": None,
    "seeds": [SEED, {"family": "graph-free"}],
}
RESOURCES = {
    "row": "banking77-few5-wall",
    "kind": "resources",
    "command": "graphtune fit T --into M",
    "cores": 2,
    "seconds": 71.6,
    "peak_mib": 1300.2,
    "bar": {"seconds": 90.0, "peak_mib": 2048.0},
    "accuracy": 85.91,
    "met": True,
    **CIRCUMSTANCES,
}


def test_a_line_shows_every_figure():
    text = table.table([ACCURACY], table.ENGLISH)
    line = next(line for line in text.splitlines() if line.startswith("| r8-5"))
    assert line == (
        "| r8-5 | inductive | 1,040 | **94.26** ± 0.50 | ≥ 94.2 | yes | with a graph | 90.00 "
        "| +4.26 (-1.00 … +5.50) | 80.00 | 88.13 | 61 |"
    )


def test_a_bar_that_is_not_met_is_said_in_both_languages():
    english, chinese = (table.table([NEVER_WORSE], words) for words in (table.ENGLISH, table.CHINESE))
    assert "| ≥ 87.83 (better baseline − 0.3) | **no** | varies | 90.00 |  |" in english
    assert "| ≥ 87.83（较好的基线 − 0.3） | **否** | 不一 | 90.00 |  |" in chinese


def test_every_line_has_as_many_cells_as_the_heading():
    for words in (table.ENGLISH, table.CHINESE):
        lines = [line for line in table.table([ACCURACY, NEVER_WORSE], words).splitlines() if line[:1] == "|"]
        assert len(lines) == 4
        assert {line.count("|") for line in lines} == {len(words.columns) + 1}


def test_seconds_and_memory_come_below_the_table():
    text = table.table([ACCURACY, RESOURCES], table.ENGLISH)
    assert (
        "72 s (bar 90 s), at most 1300 MiB of memory (bar 2048 MiB), accuracy 85.91 %. Bars met: yes." in text
    )
    assert text.count("2 × x86_64 (avx2, float32)") == 1


def test_both_languages_hold_the_same_figures():
    texts = [
        table.table([ACCURACY, NEVER_WORSE, RESOURCES], words) for words in (table.ENGLISH, table.CHINESE)
    ]
    english, chinese = (re.findall(r"\d[\d.,]*\d", text) for text in texts)
    assert sorted(english) == sorted(chinese)


def test_only_what_is_between_the_markers_is_replaced():
    before = f"# One\n\n{table.BEGIN}\nold\n{table.END}\n\nrest\n"
    after = rewriting.replaced(before, "new", table.BEGIN, table.END)
    assert after == f"# One\n\n{table.BEGIN}\n\nnew\n\n{table.END}\n\nrest\n"
    assert rewriting.replaced(after, "new", table.BEGIN, table.END) == after


@pytest.mark.parametrize("text", ["", f"{table.END} {table.BEGIN}", f"{table.BEGIN}{table.END}{table.BEGIN}"])
def test_markers_that_are_not_there_are_refused(text):
    with pytest.raises(ValueError, match="once each"):
        rewriting.replaced(text, "new", table.BEGIN, table.END)


def test_readmes_show_the_committed_results():
    assert table.main(["--check"]) == 0
