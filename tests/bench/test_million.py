import json
from collections import defaultdict

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import million
from graphtune.table import Columns, read_table

WORDS = ("amber", "basil", "cedar", "delta", "ember", "fennel", "ginger", "hazel", "indigo", "juniper")
CORPORA = (
    million.Corpus("near", "near"),
    million.Corpus("far", "far", label="place", titled=True, no_class="nowhere"),
)


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Two corpora of 40 originals, each with three sentences of its own and one that all share."""
    root = tmp_path / "data"
    root.mkdir()
    for name, label in (("near", "label"), ("far", "place")):
        texts = [
            f"A title of {name} {_word(at)}\n"
            + " ".join(f"The {name} sentence on {_word(at)} and {other} ends." for other in WORDS[:3])
            + " We all share this sentence."
            for at in range(40)
        ]
        labels = [("one", "two", "nowhere")[min(at % 10, 2) if at % 10 == 9 else at % 2] for at in range(40)]
        columns = {"id": list(range(40)), "text": texts, label: labels}
        pq.write_table(pa.table(columns), root / f"{name}.parquet")
    monkeypatch.setenv("GRAPHTUNE_DATA", str(root))
    monkeypatch.setattr(million, "_TEST", 0.2)
    monkeypatch.setattr(million, "_LABELLED", 0.5)
    monkeypatch.setattr(million, "_RARE", 5)
    return root


def _word(at):
    return f"{WORDS[at // 10]}{WORDS[at % 10]}"


def test_a_text_is_cut_at_paragraphs_and_sentence_ends():
    text = (
        "Mr. Bell went to the\nU.S. Senate on Friday. He said (so we heard): it is done!\n\n"
        "A second paragraph without an end\n  * an item of a list here\nToo short."
    )
    assert million.pieces(text) == [
        "Mr. Bell went to the U.S. Senate on Friday.",
        "He said (so we heard): it is done!",
        "A second paragraph without an end",
        "an item of a list here Too short.",
    ]


def test_a_title_is_a_paragraph_only_where_the_corpus_has_titles():
    text = "Gold prices rise once more\nin London and elsewhere today"
    assert million.pieces(text) == ["Gold prices rise once more in London and elsewhere today"]
    assert million.pieces(text, titled=True) == [
        "Gold prices rise once more",
        "in London and elsewhere today",
    ]


def test_chinese_is_cut_at_its_own_sentence_ends():
    text = "房间很干净服务也好。早餐的种类实在太少了！下次还会再来住这里吗？不会"
    assert million.pieces(text) == [
        "房间很干净服务也好。",
        "早餐的种类实在太少了！",
        "下次还会再来住这里吗？",
    ]


def test_long_sentences_are_cut_at_commas_where_both_sides_are_long_enough():
    sentence = (
        "when the rain had stopped at last, she, of course, went down to the old harbour again, "
        "and nobody ever asked her why she did so"
    )
    assert million.pieces(sentence) == [
        "when the rain had stopped at last",
        "she, of course, went down to the old harbour again",
        "and nobody ever asked her why she did so",
    ]
    assert million.pieces("one two, three four, five six and seven") == [
        "one two, three four, five six and seven"
    ]
    chinese = "酒店的位置非常方便离车站很近，房间打扫得很干净床也很舒服，就是早餐的种类实在是太少了一些"
    assert million.pieces(chinese) == chinese.split("，")


@pytest.mark.parametrize(
    "text",
    [
        "far too short",
        "房间很干净",
        "12 + 34 = 46, 56 + 78 = 134 is what it says",
        "see " + 3 * "averylongaddress/" + " for more of the same",
        "word " * 61,
    ],
)
def test_what_is_short_or_long_or_no_prose_is_left_out(text):
    assert million.pieces(text) == []


def test_entities_are_read_even_where_their_ampersand_is_lost():
    assert million.pieces("Delta #39;s cash &amp; the bank of Spain") == ["Delta's cash & the bank of Spain"]


def test_texts_that_differ_in_case_digits_and_punctuation_are_one():
    seen = set()
    texts = [
        "Shr 56 cts vs 42 cts",
        "shr 7 CTS, vs.  8 cts!",
        "Shr cts and cts",
        "价格是100元。",
        "价格是２元",
    ]
    assert list(million.distinct(texts, seen)) == [texts[0], texts[2], texts[3]]
    assert list(million.distinct(["SHR CTS AND CTS", "a new one"], seen)) == ["a new one"]


def test_an_original_keeps_only_pieces_of_its_own(data):
    found = list(million.originals(CORPORA))
    shared = [text for one in found for text in one.texts if "share" in text]
    assert shared == ["We all share this sentence."]
    assert {one.label for one in found} == {"near/one", "near/two", "near/nowhere", "far/one", "far/two"}
    texts = [text for one in found for text in one.texts]
    assert len(texts) == len(set(texts))


def test_no_original_is_in_both_parts_or_labelled_in_part(data):
    rows = million.dealt(million.originals(CORPORA), seed=0)
    parts = defaultdict(set)
    for row in rows:
        parts[row.id.rpartition("-")[0]].add((row.split, row.shown))
    assert all(len(one) == 1 for one in parts.values())
    assert {next(iter(one)) for one in parts.values()} == {("train", False), ("train", True), ("test", True)}
    assert rows == million.dealt(million.originals(CORPORA), seed=0)
    assert rows != million.dealt(million.originals(CORPORA), seed=1)


def test_one_original_gives_so_many_pieces_at_most(data, monkeypatch):
    monkeypatch.setattr(million, "_MOST_OF_ONE", 2)
    assert max(len(one.texts) for one in million.originals(CORPORA)) == 2


def test_rare_classes_are_left_out_and_others_fill_their_place():
    rows = [
        million.Row(str(at), "text", "rare" if at % 20 == 0 else "common", "train", shown=True)
        for at in range(400)
    ]
    kept = million.chosen(rows, 300)
    assert len(kept) == 300
    assert {row.label for row in kept} == {"common"}
    with pytest.raises(million.TooFewError, match="400 pieces were asked for, and the corpora yield 380"):
        million.chosen(rows, 400)


def test_classes_that_nothing_teaches_are_left_out():
    def row(at, label, shown):
        return million.Row(str(at), "text", label, "train", shown)

    rows = [row(at, "known", at < 2) for at in range(60)] + [row(at, "once", at < 1) for at in range(60)]
    assert {one.label for one in million.chosen(rows, 60)} == {"known"}
    with pytest.raises(million.TooFewError):
        million.chosen(rows, 120)


def test_corpora_are_tables_of_their_size_and_the_smaller_lies_in_the_larger(data, tmp_path):
    million.build((60, 150), tmp_path / "work", CORPORA)
    columns = Columns("text", "label", "split", "id")
    small, large = (
        read_table(tmp_path / f"work/{size}.parquet", columns, purpose="fit") for size in (60, 150)
    )
    assert (len(small), len(large)) == (60, 150)
    assert set(small.ids) < set(large.ids)
    assert not [note for note in large.notes if "texts stand" in note.text]
    held = json.loads((tmp_path / "work/150.json").read_text())
    assert held["rows"]["test"] == large.split.count("test")
    assert held["rows"]["unlabelled"] == int((large.labels < 0).sum())
    assert sum(held["rows"].values()) == sum(held["pieces"].values()) == 150
    assert (held["classes"], held["chinese"]) == (len(large.classes), 0)


def test_the_exponent_is_the_slope_of_the_logarithms():
    rows = (10_000, 100_000, 1_000_000)
    assert million.exponent(rows, [3 * count**1.25 for count in rows]) == 1.25
    assert million.exponent(rows, [7.0, 7.0, 7.0]) == 0
    assert million.exponent(rows, [1, 10, 1000]) == 1.5


@pytest.mark.parametrize(("seconds", "met"), [(899.0, True), (901.0, False)])
def test_a_whole_run_says_whether_the_bars_are_met(seconds, met, tmp_path, monkeypatch, capsys):
    built = []
    monkeypatch.setattr(million, "build", lambda sizes, work: built.append(sizes))
    monkeypatch.setattr(
        million, "sized", lambda size, budget: {"rows": size, "seconds": seconds, "peak_mib": 2.0 * size**0.5}
    )
    million.run(tmp_path)
    result = json.loads((tmp_path / "million/static.json").read_text())
    assert built == [(10_000, 100_000, 1_000_000)]
    assert result["met"] is met
    assert result["exponent"] == {"seconds": 0, "peak_mib": 0.5}
    assert ("NOT met" in capsys.readouterr().out) is not met


def test_data_that_are_absent_are_skipped_and_said(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GRAPHTUNE_DATA", str(tmp_path))
    million.run(tmp_path / "results")
    assert "skipped million: 20ng_body.parquet is not in" in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_smoke_runs_write_no_result(monkeypatch):
    asked = []
    monkeypatch.setattr(million, "sized", lambda size, budget: asked.append((size, budget)))
    monkeypatch.setattr(million, "run", lambda out: pytest.fail("a result would be written"))
    assert million.main(["--sizes", "2000", "100000"]) == 0
    assert million.main(["--budget", "5"]) == 0
    assert asked == [(2000, 30.0), (100_000, 80.0), (10_000, 5.0), (100_000, 5.0), (1_000_000, 5.0)]


def test_only_the_corpus_can_be_asked_for(monkeypatch):
    built = []
    monkeypatch.setattr(million, "build", lambda sizes, work: built.append(sizes))
    assert million.main(["--only-corpus", "--sizes", "500"]) == 0
    assert million.main(["--only-corpus"]) == 0
    assert built == [(500,), (10_000, 100_000, 1_000_000)]
