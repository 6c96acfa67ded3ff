"""From predictions to figures."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from small import FREE, MAJORITY, NETWORK, WHOLE, WORDS

from graphtune.compare.judge import Judge, homophily
from graphtune.compare.method import Method
from graphtune.compare.scores import Facts, Scores
from graphtune.compare.verdict import verdict

RANDOM = np.random.default_rng(0)
TRUTH = RANDOM.integers(0, 3, 600)


def scores(accuracy: float, seed: int, seconds: float = 1.0, alone: bool = True) -> Scores:
    random = np.random.default_rng(seed)
    right = random.random(len(TRUTH)) < accuracy
    predicted = np.where(right, TRUTH, (TRUTH + 1) % 3)
    facts = Facts(seconds, seconds + 1, 1 << 28, 10, 20, 1 << 16, 2.0, "x", alone)
    return Scores(predicted, np.full(len(TRUTH), 0.9, np.float32), facts)


JUDGE = Judge(TRUTH, 3)
BY = {
    "majority": {seed: scores(0.4, seed) for seed in range(3)},
    "words": {seed: scores(0.7, 10 + seed, 2.0) for seed in range(3)},
    "network": {seed: scores(0.71, 20 + seed, 30.0) for seed in range(3)},
    "graphtune": {seed: scores(0.85, 30 + seed, 9.0) for seed in range(3)},
    "graphtune-no-graph": {seed: scores(0.7, 10 + seed, 4.0) for seed in range(3)},
}
METHODS = (MAJORITY, WORDS, NETWORK, WHOLE, FREE)


def rows():
    return [JUDGE.row(method, 5, BY[method.name], "") for method in METHODS]


def test_means_over_seeds_and_the_seconds_of_what_ran_alone():
    by_seed = {0: scores(0.6, 1, 5.0), 1: scores(0.8, 2, 50.0, alone=False)}
    row = JUDGE.row(WORDS, 5, by_seed, "")
    means = [(one.predicted == TRUTH).mean() for one in by_seed.values()]
    assert row.accuracy.value == pytest.approx(np.mean(means))
    assert row.accuracy.low < row.accuracy.value < row.accuracy.high
    assert row.ece.value == pytest.approx(np.mean([abs(0.9 - mean) for mean in means]), abs=1e-6)
    assert (row.train_seconds, row.seeds) == (5.0, 2)


def test_what_a_network_took_is_the_median_of_the_seeds_that_say_so():
    def took(seed: int, epochs: int | None, seconds: float | None, alone: bool = True) -> Scores:
        one = scores(0.6, seed, alone=alone)
        return replace(one, facts=replace(one.facts, best_epochs=epochs, best_seconds=seconds))

    by_seed = {0: took(0, 4, 2.0), 1: took(1, 9, 3.0), 2: took(2, None, None), 3: took(3, 30, 99.0, False)}
    row = JUDGE.row(NETWORK, 5, by_seed, "")
    assert (row.best_epochs, row.best_seconds) == (9.0, 2.5)
    assert JUDGE.row(WORDS, 5, BY["words"], "").best_epochs is None


def test_the_difference_is_paired_and_its_p_value_is_scipys():
    first, second = BY["words"], BY["network"]
    interval, p_value = JUDGE.difference(first, second)
    gaps = np.mean([JUDGE.right(first[s]) - JUDGE.right(second[s]) for s in range(3)], axis=0)
    assert interval.value == pytest.approx(100 * gaps.mean())
    oracle = stats.permutation_test(
        (gaps,), np.mean, permutation_type="samples", n_resamples=20_000, rng=np.random.default_rng(1)
    )
    assert p_value == pytest.approx(oracle.pvalue, abs=0.02)


def test_the_best_baseline_is_held_against_all_and_p_values_are_adjusted():
    told, best = JUDGE.compared(rows(), BY)
    by_name = {row.method: row for row in told}
    assert best == "words"
    assert by_name["words"].difference is None
    assert by_name["graphtune"].p_value < 0.01
    alone = JUDGE.difference(BY["network"], BY["words"])[1]
    assert by_name["network"].p_value >= alone
    assert by_name["graphtune-no-graph"].p_value == 1.0
    assert by_name["graphtune-no-graph"].difference.value == 0.0


def test_the_front_is_what_nothing_beats_in_both():
    told, _ = JUDGE.compared(rows(), BY)
    assert {row.method for row in told if row.on_front} == {"majority", "words", "graphtune"}


def test_the_verdict_says_what_the_graph_is_worth_and_what_is_best():
    told, best = JUDGE.compared(rows(), BY)
    gain = JUDGE.gain(5, BY)
    said = verdict([told], [gain], [best], {"5": 15})
    expected = 100 * (gain.with_graph - gain.without)
    assert gain.points.value == pytest.approx(expected)
    assert said[0].startswith(f"The graph helps by {expected:.1f} ± ")
    assert "with 5 labels a class" in said[0]
    assert "graphtune is the most accurate" in said[1]
    assert "surely better than the best baseline, words" in said[1]


@pytest.mark.parametrize(
    ("ours", "free", "said"),
    [
        ({0: scores(0.6, 1)}, {0: scores(0.8, 2)}, "hurts by"),
        ({0: scores(0.7, 1)}, {0: scores(0.7, 2)}, "makes no sure difference"),
        ({0: scores(0.7, 1)}, {0: scores(0.7, 1)}, "does not help at all"),
    ],
)
def test_the_verdict_is_honest_where_the_graph_does_not_help(ours, free, said):
    by = {"graphtune": ours, "graphtune-no-graph": free}
    own = [JUDGE.row(method, None, by[method.name], "") for method in (WHOLE, FREE)]
    told, best = JUDGE.compared(own, by)
    found = verdict([told], [JUDGE.gain(None, by)], [best], {"all": 385})
    assert said in found[0]
    assert "with all 385 labels" in found[0]
    assert best == ""


def test_what_was_not_run_has_no_figures():
    row = JUDGE.row(NETWORK, 5, {}, "failed (1): it broke")
    assert row.accuracy is None
    told, _ = JUDGE.compared([row, *rows()[:2]], {**BY, "network": {}})
    assert told[0].p_value is None
    assert told[0].note == "failed (1): it broke"


def test_a_peer_that_is_better_is_named():
    own = {seed: scores(0.95, 40 + seed) for seed in range(3)}
    peer = JUDGE.row(Method("SetFit", "peer", NETWORK.how), 5, own, "")
    told, best = JUDGE.compared([*rows(), peer], {**BY, "SetFit": own})
    said = verdict([told], [], [best], {"5": 15})
    assert any("better than graphtune" in line and "SetFit" in line for line in said)


def test_what_was_spared_some_seeds_is_not_ranked():
    lucky = {0: scores(0.99, 50, 0.1)}
    spared = JUDGE.row(Method("lucky", "baseline", MAJORITY.how), 5, lucky, "")
    told, best = JUDGE.compared([*rows(), spared], {**BY, "lucky": lucky})
    assert best == "words"
    row = next(row for row in told if row.method == "lucky")
    assert not row.on_front
    assert row.difference is not None
    said = verdict([told], [], [best], {"5": 15})
    assert "graphtune is the most accurate" in said[0]
    assert "not every seed was run of lucky: they are not ranked" in said[1]


def test_a_lead_that_other_labels_may_undo_is_not_sure():
    """Rows alone would call it sure: of four draws of the labels two lead by far, and two lag a little."""
    shares = (0.95, 0.95, 0.66, 0.66)
    uneven = {seed: scores(share, 60 + seed) for seed, share in enumerate(shares)}
    even = {seed: scores(0.7, 70 + seed) for seed in range(4)}
    by = {"words": even, "network": uneven}
    own = [JUDGE.row(method, 5, by[method.name], "") for method in (WORDS, NETWORK)]
    told, best = JUDGE.compared(own, by)
    row = told[1]
    assert row.p_value < 0.01
    assert row.difference.low < 0 < row.difference.value
    assert "not surely better than the best baseline" in verdict([told], [], [best], {"5": 15})[0]


def test_latency_is_that_of_what_ran_alone():
    by_seed = {0: scores(0.6, 1), 1: scores(0.6, 2, alone=False)}
    by_seed[1] = replace(by_seed[1], facts=replace(by_seed[1].facts, latency_ms=90.0))
    assert JUDGE.row(WORDS, 5, by_seed, "").latency_ms == 2.0


def test_what_is_always_sure_has_no_calibration_error():
    sure = replace(scores(0.6, 1), confidence=np.ones(len(TRUTH), np.float32))
    assert JUDGE.row(WORDS, 5, {0: sure}, "").ece is None


def test_homophily_is_the_mean_over_the_trainings_that_know_it():
    def of(share: float | None) -> Scores:
        graph = {"name": "meaning", "edges": 10, "homophily": share, "expected": 0.5}
        return replace(scores(0.5, 0), facts=replace(scores(0.5, 0).facts, graphs=(graph,)))

    (found,) = homophily(5, [of(0.6), of(None), of(0.8), scores(0.5, 0)])
    assert found.share == pytest.approx(0.7)
    assert found.expected == 0.5
