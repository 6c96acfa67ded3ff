import smaller
import smaller_page as page


def planted(dataset: str, lost: float, fast: float) -> dict:
    own = {"points_lost": lost, "same_label": 99.0, "times_smaller": 3.6}
    ways = dict.fromkeys(smaller.WAYS, own)
    timed = {name: {"median": fast} for name in page.BARS}
    return {
        "dataset": dataset,
        "seeds": [{}, {}],
        "rows": {"train": 50, "test": 100},
        "means": {"accuracy": 90.0, **ways},
        "times_as_fast": timed,
        "versions": {"graphtune": "1", "torch": "2"},
        "hardware": {"cores": 2, "processor": "x86_64"},
    }


def test_means_and_the_worst_set_are_told_and_bars_judged_by_means():
    results = [planted("cr", 0.2, 2.5), planted("trec6", 0.6, 3.5)]
    told = page.text(results, page.ENGLISH)
    assert "+0.40 (+0.60)" in told
    assert "3.00 (2.50)" in told
    rows = {line.split("|")[1].strip(): line for line in told.splitlines() if line.startswith("| ")}
    assert "points lost ≤ 0.3: **missed**" in rows["int8"]
    assert "times as fast ≥ 2: met" in rows["int8"]
    assert "points lost ≤ 0.5: met" in rows[smaller.PRUNED]
    assert "times as fast ≥ 3.5: **missed**" in rows[smaller.BOTH]
    assert "same label, % ≥ 100: **missed**" in rows["onnx"]
    assert "whole" in rows
    assert "+0.20 |" in page.text(results[:1], page.ENGLISH)
    assert "≥ 3.5：**未达到**" in page.text(results, page.CHINESE)
    assert "未达到" in page.text(results, page.CHINESE)
    assert "make bench" in page.text([], page.ENGLISH)


def test_the_documents_hold_what_is_committed():
    assert page.main(["--check"]) == 0
