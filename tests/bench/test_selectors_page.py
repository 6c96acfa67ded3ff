import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "bench/structure"))

import selectors_page as page

SETS = ("trec6", "trec50", "cr", "banking77", "snips", "atis", "clinc150")


def row(dataset: str, own: float, bare: float | None) -> dict:
    probed = {"StructureGNN": own, "StructureGNN, 8 probes": own, "without edges, 8 probes": bare}
    by_score = {name: dict.fromkeys(page.PURPOSES, value) for name, value in probed.items()}
    by_score["GradientNorm, beside 8 probes"] = dict.fromkeys(page.PURPOSES, 0.1)
    return {"dataset": dataset, "encoder": "minilm", "correlations": by_score}


def test_gains_are_paired_over_what_texts_are_from():
    rows = [row(name, 0.9 if name == "trec50" else 0.7, 0.5) for name in SETS]
    gain, chance = page.paired(rows, "StructureGNN", "without edges, 8 probes", "tune")
    # Both sets of trec count once, by their mean.
    assert gain == pytest.approx((0.3 + 5 * 0.2) / 6)
    assert chance == pytest.approx(2 / 2**6)
    few = [row(name, 0.7, 0.5 if name == "cr" else None) for name in SETS]
    assert page.paired(few, "StructureGNN", "without edges, 8 probes", "tune") == (pytest.approx(0.2), None)


def test_the_table_says_which_bars_are_met_in_both_languages():
    rows = [row(name, 0.75, 0.5) for name in SETS]
    means = {name: rows[0]["correlations"][name] for name in rows[0]["correlations"]}
    result = {
        "sets": list(SETS),
        "encoders": ["minilm"],
        "probes": 8,
        "held_out_sets": means,
        "held_out_encoders": means,
        "cases": {"sets": rows, "encoders": []},
    }
    told = page.text(result, page.ENGLISH)
    assert "tuning 0.750 (0.7): met; pruning 0.750 (0.8): not met; quantising 0.750 (0.7): met" in told
    assert told.index("| `StructureGNN` |") < told.index("| `GradientNorm, beside 8 probes` |")
    assert "+0.25 (p = 0.031)" in told
    assert "未达到" in page.text(result, page.CHINESE)
    times = [
        {"encoder": "minilm", "few": 8, "probes": {"share": share}, "whole": {"share": 0.234}}
        for share in (0.121, 0.125)
    ]
    english, chinese = (page.text(result, words, times) for words in (page.ENGLISH, page.CHINESE))
    assert "8 probes of minilm take 12.3% of the time" in english
    assert "(the median of 2 sets; bar 15%: met); with head and statistics in both, 23.4%" in english
    assert "探测其全部模块的 12.3%" in chinese
    times[0]["probes"] = {"share": 0.3}
    assert "(the median of 2 sets; bar 15%: not met)" in page.text(result, page.ENGLISH, times)


def test_what_was_not_measured_is_neither_met_nor_missed():
    rows = [row(name, 0.75, None) for name in SETS]
    for one in rows:
        for by_purpose in one["correlations"].values():
            by_purpose["prune"] = None
    means = rows[0]["correlations"]
    known = {"sets": list(SETS), "encoders": ["minilm"], "probes": 8, "cases": {"sets": rows}}
    result = {**known, "held_out_sets": means, "held_out_encoders": means}
    told = page.text(result, page.ENGLISH)
    assert "pruning: not measured" in told
    assert "`without edges, 8 probes`, paired over sets: not measured." in told
    assert "还没有" in page.text(None, page.CHINESE)


def test_the_documents_hold_what_is_committed():
    assert page.main(["--check"]) == 0
