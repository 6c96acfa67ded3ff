"""The model card: Markdown that shows names as they are, with every figure."""

import re

import pytest
from outcomes import many, outcome, untested

from graphtune.report import card
from graphtune.report.card import escaped


def test_names_are_escaped_everywhere():
    written = card(outcome())
    outside_code = re.sub(r"`[^`\n]*`", "", re.sub(r"```.*?```", "", written, flags=re.S).replace("\\`", ""))
    assert not re.search(r"(?<!\\)<", outside_code)
    assert "عربي ǀ ˋxˋ **b**" in written
    assert "退款 😀" in written


def test_every_row_of_a_table_has_as_many_cells():
    lines = card(outcome()).splitlines()
    tables, current = [], []
    for line in [*lines, ""]:
        if line.startswith("|"):
            current.append(len(re.findall(r"(?<!\\)\|", line)))
        elif current:
            tables.append(current)
            current = []
    assert len(tables) == 4
    assert all(len(set(counts)) == 1 for counts in tables)


def test_figures_protocol_limits_and_use_are_there():
    written = card(outcome())
    for part in (
        *("84.4% of 3,081 test texts", "83.1% to 85.6%", "82.7%", "80.7%", "temperature 1.37", "63.4%"),
        *("| labelled training rows | 385 |", "5 stratified folds, once", "Inductive", "+3.7 points"),
        *("graphtune predict MODEL", "TextClassifier.load", "## Limits", "twice", "12 edges"),
        *("85.8%", "(saved)", "given up after 1 of 5 parts", "not run"),
    ):
        assert part in written, part


def test_a_model_without_test_rows_says_so():
    written = card(untested(chosen="linear(enc)"))
    assert "It was never measured on test rows." in written
    assert "Figures on the test rows" not in written
    assert "folder holds texts" not in written


def test_of_many_classes_the_first_are_named():
    assert "and 50 more." in card(many(150))


def test_a_transductive_model_says_that_new_texts_may_do_worse():
    assert "new texts may do a little worse" in card(outcome(protocol="transductive"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a|b", r"a\|b"),
        ("# no heading", r"\# no heading"),
        ("- no list", r"\- no list"),
        ("a-b #c", "a-b #c"),
        ("two\nlines", "two lines"),
        ("[x](javascript:y)", r"\[x\](javascript:y)"),
        ("&lt;", r"\&lt;"),
        ("\\", "\\\\"),
    ],
)
def test_markup_is_escaped(text, shown):
    assert escaped(text) == shown
