"""The page holds every figure, escapes every name, and asks for nothing from outside."""

import html as markup
import re
from html.parser import HTMLParser

import pytest
from outcomes import CLASSES, many, outcome, untested

from graphtune.report import html

_VOID = {"meta", "br", "img", "link", "input", "hr"}


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.met: list[tuple[str, dict]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.met.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def _read(written: str) -> _Page:
    page = _Page()
    page.feed(written)
    page.close()
    assert page.open == []
    return page


@pytest.mark.parametrize("made", [outcome(), many(2), many(150), untested()])
def test_the_page_is_whole_and_loads_nothing(made):
    page = _read(html(made))
    tags = {tag for tag, _ in page.met}
    assert not tags & {"script", "img", "link", "iframe", "em", "i>", "object"}
    assert not any({"src", "href", "onerror", "onclick"} & set(attrs) for _, attrs in page.met)
    assert "url(" not in html(made)
    assert "@import" not in html(made)
    assert "prefers-color-scheme: dark" in html(made)


def test_names_of_the_user_are_shown_as_they_are():
    written = html(outcome())
    assert "<script>alert" not in written
    assert "<img src=x" not in written
    assert "49" not in re.findall(r"退款 😀 &amp; (.*?)<", written)[0]
    text = _read(written).text
    for name in CLASSES:
        assert name in text
    assert "GAT(<b>enc</b>)" in text
    assert "given <i>" in text
    assert "2 texts <img src=x onerror=alert(2)> twice" in text


def test_every_figure_is_there():
    text = _read(html(outcome())).text
    expected = (
        *("84.4% of 3,081 test texts are labelled right", "83.1% to 85.6%", "82.7%", "3.9%", "0.613"),
        *("80.7%", "79.4% to 82.1%", "5.2%"),
        *("+3.7", "+2.7 to +4.6", "+4.9", "+3.6 to +6.2", "The graph helps"),
        *("propagated(enc, meaning15, hops 2) + smooth", "85.8% ± 0.8", "0.594", "4.4 s"),
        *("84.7% ± 1.1", "0.665", "1 min 24 s", "given up after 1 of 5 parts"),
        *("80.8% ± 0.9", "0.721", "1.3 s", "not run", "no time"),
        *("10,003", "118,714", "1,906", "73.4%", "1.3%", "12 of 15 links used"),
        *("93.3%", "91.1%", "92.2%", "1,001", "63.4%", "61.1%", "62.2%", "1,037"),
        *("73.6%", "71.1%", "72.3%", "1,043", "291", "28%", "201", "temperature 1.37"),
        *("385", "9,618", "41", "5 stratified folds, once", "Inductive", "seed 17", "minilm"),
        *("0.2 s", "38 s", "3.3 s", "22 s", "0.5 s", "1 min 5 s"),
    )
    missing = [figure for figure in expected if figure not in text]
    assert missing == []


def test_the_hardest_class_and_the_most_frequent_error_come_first():
    text = _read(html(outcome())).text
    by_class = text[text.index("Class by class") :]
    assert by_class.index("63.4%") < by_class.index("73.6%") < by_class.index("93.3%")
    errors = text[text.index("What is taken for what") :]
    assert errors.index("291") < errors.index("201")


def test_the_best_candidate_comes_first_and_the_saved_one_is_marked():
    written = html(outcome())
    table = written[written.index("What was compared") :]
    assert table.index("85.8%") < table.index("80.8%") < table.index("84.7%") < table.index("not run")
    assert len(re.findall(r'class="badge">saved', written)) == 1


def test_dots_stand_where_their_axis_says():
    written = html(outcome())
    ticks = re.findall(r'<span style="left:([\d.]+)%">(\d+)%</span>', written)
    place = {int(value): float(at) for at, value in ticks}
    low, high = min(place), max(place)
    dots = re.findall(
        r'<span class="dot (graph|network|graph-free)" style="left:([\d.]+)%"></span></div></td>', written
    )
    read_off = {family: low + float(at) / 100 * (high - low) for family, at in dots}
    assert read_off == pytest.approx({"graph": 85.77, "network": 84.68, "graph-free": 80.85}, abs=0.01)


def test_without_test_rows_the_page_says_so():
    text = _read(html(untested())).text
    assert "85.8% of held-out texts are labelled right" in text
    assert "over 5 held-out parts; there were no labelled test rows" in text
    assert "What is taken for what" not in text
    assert "On the test texts" not in text


def test_many_classes_are_folded_away_but_none_is_lost():
    made = many(150)
    written = html(made)
    text = _read(written).text
    assert "the other 135 classes" in text
    assert all(name in text for name in made.classes)
    assert 'class="matrix"' not in written


def test_of_many_candidates_the_best_stand_open_and_those_given_up_come_later():
    from dataclasses import replace

    made = outcome()
    more = [replace(made.candidates[0], name=f"candidate {n}", accuracy=0.5 + n / 1000) for n in range(20)]
    given_up = replace(made.candidates[0], name="lucky", accuracy=0.99, note="given up after 1 of 5 parts")
    everything = (given_up, *made.candidates, *more)
    text = _read(html(outcome(candidates=everything, chosen="candidate 3"))).text
    assert "the other 9 candidates" in text
    assert text.index("candidate 3 saved") < text.index("the other 9 candidates") < text.index("candidate 4 ")
    assert text.index("candidate 19") < text.index("candidate 0 ") < text.index("lucky") < text.index("GAT(")


def test_a_graph_that_does_not_help_is_said():
    from graphtune.select import Verdict

    verdict = Verdict(False, -0.42, -1.31, 0.47, "The graph gains nothing.")
    made = outcome(verdict=verdict, chosen="linear(enc)", test_gain=None)
    text = _read(html(made)).text
    assert "The graph does not help here. The graph-free model was saved." in text
    assert "Gain by the graph, held-out texts −0.4 points; −1.3 to +0.5" in text


@pytest.mark.parametrize(
    ("helps", "low", "style", "title"),
    [
        (True, 0.1, "verdict helps", "The graph helps"),
        (True, 0.0, "verdict unsure", "The graph is used, though not sure to help"),
        (True, -0.7, "verdict unsure", "The graph is used, though not sure to help"),
        (False, -0.7, "verdict", "The graph does not help here."),
    ],
)
def test_only_a_sure_gain_is_shown_as_one(helps, low, style, title):
    from graphtune.select import Verdict

    page = _read(html(outcome(verdict=Verdict(helps, 0.3, low, 1.3, "The verdict."))))
    assert [attrs["class"] for tag, attrs in page.met if "verdict" in attrs.get("class", "")] == [style]
    assert f" {title} The verdict." in page.text


def test_both_rules_of_the_choice_are_told():
    from graphtune.select.grid import FEW

    text = _read(html(outcome())).text
    assert f"With more than {FEW} labelled texts a class" in text
    assert "by more than one standard error" in text
    assert f"With {FEW} or fewer" in text
    assert "by more than two standard errors" in text


def test_held_out_rows_need_not_be_of_folds():
    text = _read(html(outcome(selection="the table's validation rows, attached as new texts"))).text
    assert "Accuracy on held-out rows (the table's validation rows, attached as new texts)" in text
    assert "calibrated on held-out rows (temperature 1.37)" in text


def test_a_label_that_training_never_saw_has_a_name_in_the_matrix():
    from graphtune.select.outcome import ClassFigures

    unseen = ClassFigures("nie gesehen", precision=0.0, recall=0.0, f1=0.0, support=4)
    made = outcome()
    confusion = (*((*row, 0) for row in made.confusion), (0, 3, 1, 0))
    text = _read(html(outcome(per_class=(*made.per_class, unseen), confusion=confusion))).text
    assert text.count("nie gesehen") >= 3


def test_nothing_measured_is_no_error():
    from graphtune.select import Verdict

    nan = float("nan")
    verdict = Verdict(False, nan, nan, nan, "There was no graph.")
    made = untested(candidates=(), graphs=(), verdict=verdict, seconds={}, notes=(), chosen="mean")
    text = _read(html(made)).text
    assert "nan" not in text.lower().replace("mean", "")
    assert "No graph was built." in text


def test_a_transductive_page_says_who_saw_the_test_texts():
    text = markup.unescape(html(outcome(protocol="transductive")))
    assert "their labels were not" in text
    assert "none of their labels was used" in text
