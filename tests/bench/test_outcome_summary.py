"""What planted outcomes come to together: means, tests, the bar, and what counts nowhere."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "bench/structure"))

import outcome_summary
import outcomes_page

CIRCUMSTANCES = {
    "versions": {"graphtune": "1.2", "torch": "2.9"},
    "hardware": {"processor": "x86_64", "cores": 2},
}


SHARES = {"full": 1.0, "last-k": 1 / 3, "lora-uniform": 0.9}


def cell(selector: str, accuracy: float, val: float, seed: int, factor: float = 1.0) -> dict:
    level = "whole" if selector == "full" else "25%"
    return {
        **{"purpose": "tune", "selector": selector, "level": level, "seed": seed, "factor": factor},
        **{"accuracy": accuracy, "val_accuracy": val, "val_loss": 1 - val / 100},
        **{"spent": 0.2, "circumstances": "here"},
    }


def planted(tasks: int, seeds: int = 3) -> list[dict]:
    """Return tasks on which `last-k` beats LoRA by half a point."""
    found = []
    for task in range(tasks):
        own = []
        for seed in range(seeds):
            own += [
                cell("full", 90.0 + task, 90.0, seed),
                cell("last-k", 89.9 + task, 90.0, seed),
            ]
            own += [cell("lora-uniform", 89.4 + task, 95.0, seed)]
            own += [cell("random", 70.0, 60.0, seed), cell("random", 99.0, 95.0, seed, 0.5)]
        found.append(
            {
                "dataset": f"set {task}",
                "encoder": "minilm",
                "outcomes": own,
                "circumstances": {"here": CIRCUMSTANCES},
            }
        )
    return found


def test_means_tests_and_the_bar_over_tasks():
    found = outcome_summary.summary(planted(6), "tune", "25%")
    assert found is not None
    assert (len(found.tasks), found.seeds, found.best) == (6, 3, "last-k")
    by_name = {one.selector: one for one in found.means}
    assert by_name["random"].accuracy == pytest.approx(
        70.0
    )  # by the usual step size, whatever another one comes to
    assert found.factors == {}
    gain, p_value = by_name["last-k"].gains["lora-uniform"]
    assert gain == pytest.approx(0.5)
    # All six signs alike: 2 of 64 orders are as far, of three comparisons.
    assert p_value == pytest.approx(3 * 2 / 64, abs=0.02)
    bar = outcome_summary.bar(found, SHARES)
    assert bar is not None
    assert bar["met"]
    assert bar["seconds"] == SHARES["last-k"]
    assert (bar["full"], bar["lora"]) == (pytest.approx(-0.1), pytest.approx(0.5))
    for missed in (
        outcome_summary.bar(found, {**SHARES, "last-k": 0.41}),
        outcome_summary.bar(found, {}),
        outcome_summary.bar(outcome_summary.summary(planted(4), "tune", "25%"), SHARES),
    ):
        assert missed is not None
        assert not missed["met"]
    assert outcome_summary.summary(planted(4), "tune", "10%") is None


def without(result: dict, selector: str, seeds: tuple[int, ...] = (0, 1, 2)) -> None:
    result["outcomes"] = [
        one for one in result["outcomes"] if one["selector"] != selector or one["seed"] not in seeds
    ]


def shown(results: list[dict]) -> tuple[outcome_summary.Summary, list[str]]:
    found = outcome_summary.summary(results, "tune", "25%")
    assert found is not None
    return found, [one.selector for one in found.means]


def test_tasks_without_what_most_have_are_left_out_and_so_is_what_few_have():
    partial = planted(4)
    for selector in ("random", "lora-uniform"):
        without(partial[0], selector)
    found, names = shown(partial)
    assert names == ["full", "last-k", "lora-uniform", "random"]
    assert found.tasks == ("set 1", "set 2", "set 3")
    assert found.left_out.tasks == ("set 0",)
    rare = planted(4)
    for result in rare[1:]:
        without(result, "random")
    found, names = shown(rare)
    assert (len(found.tasks), found.left_out.selectors) == (4, ("random",))
    assert "random" not in names
    scattered = planted(3)  # no task has all that most tasks have
    for result, selector in zip(scattered, ("full", "last-k", "random"), strict=True):
        without(result, selector)
    found, names = shown(scattered)
    assert found.left_out.selectors
    assert found.tasks
    for words in (outcomes_page.ENGLISH, outcomes_page.CHINESE):
        assert words.tasks_left_out.format(names="set 0") in told(partial, words)
        assert words.selectors_left_out.format(names="`random`") in told(rare, words)


def test_seeds_that_all_share_count_alone_and_failed_runs_are_told():
    results = planted(5)
    for one in results[0]["outcomes"]:
        if one["selector"] == "full" and one["seed"] == 2:
            one["accuracy"] = 0.0  # the others have no such seed
    for selector in ("last-k", "random"):
        without(results[0], selector, (2,))
    failed = {"purpose": "tune", "level": "25%", "factor": 1.0, "circumstances": "here", "failed": "so it is"}
    results[0]["outcomes"].append({**failed, "selector": "last-k", "seed": 2})
    results[1]["outcomes"] += [{**failed, "selector": "random", "seed": 3, "factor": f} for f in (1.0, 0.5)]
    found, _ = shown(results)
    assert (len(found.tasks), found.seeds) == (5, 2)
    by_name = {one.selector: one for one in found.means}
    assert by_name["full"].accuracy == pytest.approx(92.0)
    assert by_name["last-k"].gains["full"][0] == pytest.approx(-0.1)
    assert found.left_out.failed == {"last-k": 1, "random": 1}
    assert "count nowhere: `last-k` 1, `random` 1." in told(results, outcomes_page.ENGLISH)
    bar = outcome_summary.bar(found, SHARES)
    assert bar is not None
    assert not bar["met"]  # for want of seeds
    for selector in ("last-k", "random", "lora-uniform"):
        without(results[4], selector, (0, 1))
    without(results[4], "full", (2,))
    assert shown(results)[0].left_out.tasks == ("set 4",)  # no seed is shared


def test_step_sizes_are_chosen_by_val_rows_among_those_that_most_trainings_have():
    results = planted(5)
    for result in results:
        for seed in range(3):
            for name, accuracy in (("full", 91.0), ("last-k", 92.0), ("lora-uniform", 80.0)):
                result["outcomes"].append(cell(name, accuracy, 96.0, seed, 2.0))
    results[0]["outcomes"] += [cell("full", 20.0, 99.0, seed, 4.0) for seed in range(3)]
    found = outcome_summary.summary(results, "tune", "25%", several=True)
    assert found is not None
    two = dict.fromkeys(("full", "last-k", "lora-uniform"), (1.0, 2.0))
    assert found.factors == {**two, "random": (0.5, 1.0)}
    by_name = {one.selector: one for one in found.means}
    accuracies = {"full": 91.0, "last-k": 92.0, "lora-uniform": 80.0, "random": 99.0}
    assert {name: one.accuracy for name, one in by_name.items()} == pytest.approx(accuracies)
    assert by_name["full"].usual == pytest.approx(92.0)
    assert by_name["full"].ends == 1.0
    for words in (outcomes_page.ENGLISH, outcomes_page.CHINESE):
        text = told(results, words)
        assert words.stepped in text
        assert "`last-k` × 1, 2 (100 %); " in text
        assert "| `full` | 91.00 | 92.00 |  |" in text
        assert text.count(words.met[False]) == 1  # the bar is of the usual step sizes
    for result in results:
        without(result, "random")
    before = planted(5)
    for result in before:
        without(result, "random")
    assert outcome_summary.summary(before, "tune", "25%", several=True) is None
    # A seed without one of the step sizes is not held beside those with all, and a task without any is told.
    short = [one for one in results[1]["outcomes"] if (one["seed"], one["factor"]) != (0, 2.0)]
    short += [cell(name, 1.0, 1.0, 0, 0.5) for name in two]
    results[1]["outcomes"] = short
    results[2]["outcomes"] = [one | {"factor": 3.0 * one["factor"]} for one in results[2]["outcomes"]]
    found = outcome_summary.summary(results, "tune", "25%", several=True)
    assert found is not None
    assert (found.tasks, found.seeds) == (("set 0", "set 1", "set 3", "set 4"), 2)
    assert found.left_out.tasks == ("set 2",)


def test_failed_trainings_were_not_tried_with_their_step_size():
    results = planted(5)
    for result in results:
        failed = {"purpose": "tune", "level": "25%", "circumstances": "here", "failed": "so it is"}
        result["outcomes"] += [{**failed, "selector": "last-k", "seed": s, "factor": 2.0} for s in range(3)]
    found = outcome_summary.summary(results, "tune", "25%", several=True)
    assert found is not None
    assert {*found.factors} == {"random"}


def test_of_a_task_one_machine_counts():
    results = planted(5)
    elsewhere = [cell("full", 0.0, 0.0, seed) | {"circumstances": "elsewhere"} for seed in range(3)]
    results[0]["outcomes"] += elsewhere
    found, _ = shown(results)
    assert {one.selector: one for one in found.means}["full"].accuracy == pytest.approx(92.0)
    assert found.left_out.elsewhere == 3
    results[0]["circumstances"]["elsewhere"] = CIRCUMSTANCES
    for words in (outcomes_page.ENGLISH, outcomes_page.CHINESE):
        assert words.elsewhere.format(count=3) in told(results, words)


def test_times_are_those_of_the_same_encoder_that_were_measured_alone():
    timed = {"share": SHARES | {"usual-quick": 0.3}, "share_of_trainer": SHARES | {"usual-quick": 0.1}}
    timed |= {"dataset": "trec6", "encoder": "minilm", **CIRCUMSTANCES}
    for words in (outcomes_page.ENGLISH, outcomes_page.CHINESE):
        for seconds in ([], [timed | {"encoder": "another"}]):
            text = outcomes_page.text(outcomes_page.Committed(planted(6), seconds), words)
            assert words.unknown in text
            assert words.met[False] in text
        text = outcomes_page.text(outcomes_page.Committed(planted(6), [timed]), words)
        assert words.met[False] not in text
        assert words.met[True] in text
        assert "| 20.0 % | 33 % |" in text
        assert "`usual-quick` 30 % (30–30)" in text
        assert "`usual-quick` 10 % (10–10)" in text


def test_few_tasks_have_no_p_values():
    assert "(p = " not in told(planted(4), outcomes_page.ENGLISH)
    assert "(p = " in told(planted(5), outcomes_page.ENGLISH)


def told(results: list[dict], words: outcomes_page.Words) -> str:
    return outcomes_page.text(outcomes_page.Committed(results), words)


def test_networks_that_learned_from_something_else_are_kept_apart():
    results = planted(5)
    for number, result in enumerate(results):
        for seed in range(3):
            learned = {**cell("learned", 80.0, 50.0, seed), "learned_from": "much"}
            result["outcomes"].append(learned)
            if number == 0:
                result["outcomes"].append(
                    {**learned, "learned_from": "little", "accuracy": 0.0, "val_loss": 0.0}
                )
    found, _ = shown(results)
    assert {one.selector: one.accuracy for one in found.means}["learned"] == pytest.approx(80.0)
    assert found.left_out.apart == 3
    for words in (outcomes_page.ENGLISH, outcomes_page.CHINESE):
        assert words.apart.format(count=3) in told(results, words)


def test_tables_stand_in_both_languages():
    for words in (outcomes_page.ENGLISH, outcomes_page.CHINESE):
        text = told(planted(6), words)
        assert "| `last-k` | 92.40 | -0.10 (p = " in text
        assert words.best["tune"].format(name="last-k") in text
        assert "2 × x86_64" in text
        assert told([], words) == words.none
