"""What is printed at the end of a fit."""

import io
import re

import pytest
from outcomes import many, outcome, untested
from rich.console import Console

from graphtune.report import console
from graphtune.select import Scored, Verdict


def _printed(made, width=160) -> str:
    stream = io.StringIO()
    console(made, Console(file=stream, width=width, highlight=False, soft_wrap=True))
    return stream.getvalue()


def test_the_summary_has_the_figures_and_the_verdict():
    said = _printed(outcome())
    for part in (
        *("84.4% of 3,081 test texts are labelled right", "95% interval 83.1% to 85.6%", "85.8% ± 0.8"),
        *(
            "The graph helps",
            "+4.9 points",
            "+3.7 points",
            "1 given up as worse, 1 left out",
            "macro-F1 82.7%",
        ),
        *(
            "hardest classes: عربي | `x` **b** (F1 63%)",
            "time: 1 min 5 s (read 0.2 s",
            "73% join equal labels",
        ),
    ):
        assert part in said, part


def test_names_that_look_like_markup_are_printed_as_they_are():
    assert "saved model: [red]x[/red]" in _printed(outcome(chosen="[red]x[/red]"))


def test_without_test_rows_there_are_no_test_figures():
    said = _printed(untested())
    assert "test: accuracy" not in said
    assert "no labelled test rows" in said


def test_of_many_candidates_the_best_are_shown():
    made = many(3)
    said = _printed(outcome(candidates=made.candidates * 4))
    assert "4 given up as worse, 4 left out for want of time: see the report" in said
    said = _printed(outcome(candidates=made.candidates[:2] * 5))
    assert "2 more: see the report" in said


def test_a_mean_is_named_by_the_places_of_its_members():
    names = ("first of all", "second [b]", "third")
    singles = [Scored(name, "graph", 0.9 - at / 10, 0.01, 0.5, 5, 1.0) for at, name in enumerate(names)]
    long = "mean of " + " and ".join(names[::2])
    mean = Scored(long, "graph", 0.85, 0.01, 0.5, 5, 1.0, members=names[::2])
    said = _printed(outcome(candidates=(*singles, mean), chosen=long))
    assert long not in said
    assert "saved model: the mean of 2 models\n  first of all\n  third\n" in said
    assert re.search(r"^ *2 +mean of 1 and 4 +graph", said, re.MULTILINE)


def test_a_mean_whose_members_are_not_shown_keeps_its_name_unless_they_stand_above():
    mean = Scored("mean of unseen", "graph", 0.85, 0.01, 0.5, 5, 1.0, members=("unseen", "other"))
    candidates = (*outcome().candidates, mean)
    assert "mean of unseen" in _printed(outcome(candidates=candidates))
    said = _printed(outcome(candidates=candidates, chosen=mean.name))
    assert mean.name not in said
    assert "mean of the 2 models above" in said


def test_the_saved_model_is_shown_wherever_it_stands():
    many = [Scored(f"number {at}", "graph", 0.9 - at / 100, 0.01, 0.5, 5, 1.0) for at in range(12)]
    said = _printed(outcome(candidates=tuple(many), chosen="number 10"))
    assert re.search(r"^ *11 +number 10 ", said, re.MULTILINE)
    assert "number 9 " not in said
    assert "3 more: see the report" in said


def test_why_candidates_were_not_judged_to_the_end_is_told_apart():
    notes = ("not among the best after 1 of 6 parts", "given up after 1 of 6 parts", "left out: no time")
    ended = [Scored(note, "graph", 0.5, 0.01, 0.5, 1, 1.0, note) for note in (*notes, notes[0])]
    said = _printed(outcome(candidates=(*outcome().candidates[:2], *ended)))
    assert "2 not among the best of the first part, 1 given up as worse, 1 left out for want of time" in said


@pytest.mark.parametrize(("helps", "low", "colour"), [(True, 0.1, 32), (True, 0.0, 33), (False, -0.7, 33)])
def test_only_a_sure_gain_is_green(helps, low, colour):
    stream = io.StringIO()
    terminal = Console(file=stream, width=160, force_terminal=True, color_system="standard", no_color=False)
    console(outcome(verdict=Verdict(helps, 0.3, low, 1.3, "The verdict.")), terminal)
    assert f"\x1b[1;{colour}mThe verdict." in stream.getvalue()
