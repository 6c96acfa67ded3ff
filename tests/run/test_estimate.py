"""What a fit is said to take, before it is begun: what that is made of, and what it leads to."""

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np
import pytest
import torch
from subjects import linked, plan, table, texts
from torch import Tensor

from graphtune.encoder import Tfidf, cached_encode
from graphtune.errors import GraphtuneError
from graphtune.graph import Given, Neighbours
from graphtune.plan.budget import seconds
from graphtune.run import fit_table
from graphtune.run import room as memory
from graphtune.run.estimate import _written, estimate
from graphtune.run.pace import drawn, word_pace
from graphtune.run.room import Sizes, available_bytes, most, room
from graphtune.run.work import work
from graphtune.select import NamedGraph, Probe, Propagated
from graphtune.table import from_lists

EVERY = texts()[0]
SEARCHED = {"graphs": (), "candidates": ()}  # nothing named: what a fit tries by itself
SIZES = Sizes(
    rows=2000,
    letters=100_000,
    nodes=1500,
    new=500,
    judged=300,
    classes=5,
    encoder=10**8,
    distilling=10**7,
    width=384,
    topics=256,
    fused=1,
    blocks=1536,
    terms=9000,
    kept=8000,
    dense_terms=8000,
    entries=30_000,
    edges=90_000,
    found=40_000,
    words=False,
    sparse=False,
)


@dataclass(frozen=True, eq=False)
class Slow:
    """An encoder that takes its time for every text, and remembers which it was given."""

    pause: float = 0.0  # seconds a text
    width: int = 4
    depth: int = 1
    fingerprint: str = "s" * 64
    parameters: int = 0
    number_format: str = "float32"
    seen: list[str] = field(default_factory=list)

    def fit(self, texts: Sequence[str]) -> "Slow":
        return self

    def describe(self) -> dict[str, str]:
        return {"kind": "Slow"}

    def encode(self, texts: Sequence[str]) -> Tensor:
        self.seen.extend(texts)
        time.sleep(self.pause * len(texts))
        return torch.ones(len(texts), self.width) / 2

    def batches(
        self, texts: Sequence[str], blocks: Sequence[int]
    ) -> Iterator[tuple[Tensor, dict[int, Tensor]]]:
        yield torch.arange(len(texts)), {block: self.encode(texts) for block in blocks}


@pytest.fixture
def encoders(monkeypatch, tmp_path):
    """Let names stand for these encoders, and any other for a quick one."""
    named: dict[str, Slow] = {}
    monkeypatch.setenv("GRAPHTUNE_CACHE", str(tmp_path / "cache"))
    for place in ("ready", "work", "estimate"):
        monkeypatch.setattr(f"graphtune.run.{place}.from_name", lambda name: named.get(name, Slow(width=2)))
    monkeypatch.setattr("graphtune.run.estimate.Transformer", Slow)
    monkeypatch.setattr("graphtune.plan.plan.encoder.from_name", lambda _name: None)
    return named


def test_it_adds_up_and_fits():
    found = estimate(table(labelled=3), plan())
    assert found.rows == {"labelled": 9, "unlabelled": 63, "val": 0, "test": 24}
    assert (found.classes, found.to_encode, found.cached) == (3, 96, 0)
    assert list(found.seconds) == ["encode", "graphs", "select", "final + evaluate", "total"]
    *stages, total = found.seconds.values()
    assert total == pytest.approx(sum(stages))
    assert min(stages) > 0
    assert found.peak_bytes == sum(found.memory.values()) > 400 * memory.MEBIBYTE
    assert found.fits
    assert found.search_ends
    assert found.advice == ()


def test_test_texts_are_encoded_with_the_others_where_they_join_the_graph():
    rows = table(labelled=3, val=4)
    apart, joined = (work(rows, plan(transductive=way), None) for way in (False, True))
    assert [len(part) for part in apart.texts] == [60, 12, 24]
    assert [len(part) for part in joined.texts] == [96, 0, 0]
    assert sum(apart.encoder.texts) == sum(joined.encoder.texts) == 96


def test_what_is_cached_is_told_and_the_cache_is_left_alone(encoders, tmp_path):
    encoders["slow"] = Slow()
    cached_encode(encoders["slow"], EVERY[:40])
    encoders["slow"].seen.clear()
    before = {path: path.read_bytes() for path in (tmp_path / "cache").rglob("*") if path.is_file()}
    assert before
    found = estimate(table(), plan(encoder="slow"))
    assert (found.to_encode, found.cached) == (56, 40)
    assert set(encoders["slow"].seen) <= set(EVERY[40:])
    assert {path: path.read_bytes() for path in (tmp_path / "cache").rglob("*") if path.is_file()} == before


def test_nothing_is_encoded_where_all_is_cached(encoders):
    encoders["slow"] = Slow()
    cached_encode(encoders["slow"], EVERY)
    encoders["slow"].seen.clear()
    assert estimate(table(), plan(encoder="slow")).to_encode == 0
    assert encoders["slow"].seen == []


def test_seconds_of_encoding_are_those_of_the_encoder(encoders):
    encoders["slow"] = Slow(pause=1e-3)
    found = work(table(), plan(encoder="slow"), None).encoder
    assert found.a_text == pytest.approx(1e-3, rel=0.5)
    assert found.seconds > 96e-3


def test_a_slow_encoder_leads_to_the_static_one(encoders):
    encoders["slow"] = Slow(pause=2e-3)
    found = estimate(table(), plan(encoder="slow", budget_seconds=0.05, **SEARCHED))
    assert not found.fits
    first, second = found.advice
    assert first.startswith("--encoder static:slow, less accurate, takes about 0.0 s to encode instead of")
    assert seconds(re.findall(r"--budget (\w+)", second)[0]) >= found.seconds["total"]


def test_one_that_is_to_be_tuned_leads_there_too_but_not_where_it_serves_by_itself(encoders):
    encoders["slow"] = Slow(pause=2e-3)
    asked = plan(encoder="slow", budget_seconds=0.05, tune=True, **SEARCHED)
    assert estimate(table(), asked).advice[0].startswith("--encoder static:slow --frozen, less accurate")
    assert replace(asked, encoder="static:slow", tune=False)
    alone = estimate(table(), replace(asked, serve_as="encoder")).advice
    assert not any("static" in one for one in alone)


@pytest.mark.parametrize("settings", [{}, SEARCHED], ids=["named", "searched"])
def test_a_tiny_budget_leads_to_one_that_is_enough(settings):
    rows = table()
    found = estimate(rows, plan(budget_seconds=1e-3, **settings))
    assert not found.fits
    budget = seconds(re.findall(r"--budget (\w+)", found.advice[-1])[0])
    assert estimate(rows, plan(budget_seconds=budget, **settings)).fits


def test_of_many_labels_the_search_takes_at_most_what_is_left():
    words = [f"{a} {b}" for a in EVERY for b in ("now", "then")]
    rows = from_lists(words, ["a", "b"] * (len(words) // 2), split=["train"] * len(words))
    found = estimate(rows, plan(**SEARCHED))
    assert found.rows["test"] == 0
    assert not found.search_ends
    spent = found.seconds["encode"] + found.seconds["graphs"] + found.seconds["select"]
    assert spent == pytest.approx(0.8 * found.budget_seconds)


def test_short_memory_leads_to_fewer_rows(monkeypatch):
    rows = table()
    done = work(rows, plan(), None)
    least, whole = (sum(room(done.sizes(unlabelled=some)).values()) for some in (0, 60))
    assert least < whole
    monkeypatch.setattr("graphtune.run.estimate.available_bytes", lambda: (least + whole) // 2)
    found = estimate(rows, plan())
    assert not found.fits
    fitting = int(re.findall(r"With (\d+) of the 60 unlabelled rows", found.advice[-1])[0])
    assert sum(room(done.sizes(unlabelled=fitting)).values()) <= (found.available_bytes or 0)
    monkeypatch.setattr("graphtune.run.estimate.available_bytes", lambda: least - 1)
    assert "Leaving out unlabelled rows is not enough" in estimate(rows, plan()).advice[-1]
    monkeypatch.setattr("graphtune.run.estimate.available_bytes", lambda: None)
    assert estimate(rows, plan()).fits


def test_a_large_vocabulary_leads_to_a_smaller_one(monkeypatch):
    asked = plan(Probe("words"), words=Tfidf(max_features=4_000_000))
    done = work(table(), asked, None)
    many = replace(done.words, found=10_000_000)
    available = sum(room(replace(done, words=many).sizes(most_terms=512_345)).values())
    monkeypatch.setattr("graphtune.run.work.word_pace", lambda *_: many)
    monkeypatch.setattr("graphtune.run.estimate.available_bytes", lambda: available)
    assert "words = { max_features = 510000 }" in estimate(table(), asked).advice[0]


def test_only_what_is_read_takes_memory():
    rows = table()
    meaning = work(rows, plan(Probe(), Propagated("meaning", "meaning")), None)
    assert not meaning.sizes().words
    assert work(rows, plan(**SEARCHED), None).sizes().words
    # A search that has no time for words learns no model of them.
    short = work(rows, plan(budget_seconds=1e-3, **SEARCHED), None)
    assert not short.sizes().words
    assert short.sizes(whole=True).words


@pytest.mark.parametrize("name", [one.name for one in fields(Sizes)])
def test_memory_grows_with_everything(name):
    value = getattr(SIZES, name)
    more = replace(SIZES, **{name: True if isinstance(value, bool) else 3 * value})
    before, after = room(SIZES), room(more)
    assert sum(after.values()) >= sum(before.values())
    assert all(count >= 0 for count in after.values())


def test_a_model_of_words_takes_a_weight_a_class_and_of_two_classes_one():
    free, learned = (sum(room(replace(SIZES, kept=10**6, words=words)).values()) for words in (False, True))
    assert learned > free
    two, five = (room(replace(SIZES, kept=10**6, classes=n, words=True))["models"] for n in (2, 5))
    assert five / two == pytest.approx(5, rel=0.1)


@pytest.mark.parametrize("limit", [0, 1, 7, 1000])
def test_the_largest_able_number(limit):
    for largest in {0, 1, limit // 2, limit}:
        assert most(lambda n, largest=largest: n <= largest, limit) == min(largest, limit)
    assert most(lambda _n: False, limit) is None


def test_a_share_of_the_machine_counts_where_it_is_less(monkeypatch, tmp_path):
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "open").write_text("max\n")
    monkeypatch.setattr(memory, "_limit_files", lambda: [tmp_path / "absent", tmp_path / "open"])
    free = available_bytes()
    assert free is None or free > 10 * memory.MEBIBYTE
    monkeypatch.setattr(memory, "_limit_files", lambda: [tmp_path / "open", tmp_path / "memory.max"])
    assert available_bytes() == 1000


def test_a_sample_has_all_lengths():
    made = ["x" * length for length in range(100, 0, -1)]
    assert [len(text) for text in drawn(made, 4)] == [13, 38, 63, 88]
    assert sorted(drawn(made, 500)) == sorted(made)
    assert drawn([], 4) == []


def test_of_a_table_that_is_looked_at_whole_the_words_are_exact():
    pace, fitted = word_pace(Tfidf(), EVERY), Tfidf().fit(EVERY)
    assert pace.terms(len(EVERY)) == len(fitted.vocabulary)
    assert pace.entries(len(EVERY)) == fitted.sparse(EVERY).nnz
    assert pace.terms(10 * len(EVERY)) >= len(fitted.vocabulary)
    assert pace.learning(10 * len(EVERY)) > pace.learning(len(EVERY)) > 0


def test_words_that_no_sampled_text_has_are_found_all_the_same(monkeypatch):
    monkeypatch.setattr("graphtune.run.pace._COUNTED", 2)
    monkeypatch.setattr("graphtune.run.pace._FIRST", 2)
    assert word_pace(Tfidf(), ["!", "?", ".", ",", ";", "here are some words"]).found > 0


def test_the_users_links_are_counted():
    rows, links, *_ = linked()
    given = plan(graphs=(NamedGraph("meaning", Given()),))
    built = fit_table(rows, plan=given, into=None, links=links).data.graphs["meaning"].graph
    assert work(rows, given, links).given == built.edges


@pytest.mark.parametrize(
    ("rows", "settings"),
    [
        (replace(table(), labels=np.minimum(table().labels, 0)), {}),
        (from_lists(["?"] * 4 + ["!"] * 4, list("abababab")), {}),
        (table(), {"candidates": (Propagated("meaning", "likeness"),), "graphs": ()}),
        (table(), {"graphs": (NamedGraph("meaning", Given()),)}),
        (table(), {"words": Tfidf(min_df=50)}),
    ],
    ids=["one class", "no words", "no such graph", "no links", "rare words"],
)
def test_it_refuses_what_a_fit_refuses(rows, settings):
    said = []
    for way in (lambda asked: estimate(rows, asked), lambda asked: fit_table(rows, plan=asked, into=None)):
        with pytest.raises(GraphtuneError) as error:
            way(plan(**settings))
        said.append((type(error.value), error.value.problem, error.value.fix))
    assert said[0] == said[1]


def test_a_graph_is_searched_once_a_view():
    once = plan(graphs=(NamedGraph("meaning", Neighbours(5)), NamedGraph("again", Neighbours(9, 2.0))))
    found = work(table(), once, None).sizes()
    assert found.found == 9 * found.nodes
    assert found.edges == round(1.4 * 5 * found.nodes) + round(1.4 * 9 * found.nodes)


@pytest.mark.parametrize(
    ("needed", "written"),
    [
        (3.0, "10s"),
        (71.0, "80s"),
        (91.0, "2m"),
        (1190.0, "20m"),
        (1300.0, "25m"),
        (3600.0, "1h"),
        (5000.0, "1h25m"),
    ],
)
def test_a_budget_is_written_as_people_write_it(needed, written):
    assert _written(needed) == written
    assert seconds(written) >= needed
