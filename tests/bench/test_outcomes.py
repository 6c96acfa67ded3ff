"""Plans are carried out, judged and kept; what they come to together is told."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "bench/structure"))

import known_modules
import lessons
import meta
import outcome_summary
import outcomes_page
import plan_outcomes
import rivals
import sensitivities
from carried_out import Corpus, Cutting, Rounding, Size, Tuning
from levels import LEVELS

import protocols
import rewriting
import surroundings
from graphtune.structure.plans import BitPlan
from graphtune.structure.plans.tuning_cost import TuningCost
from graphtune.structure.scores import MEASURED_COLUMNS
from graphtune.table import from_lists
from small_structure import graph_of
from text_tasks import texts, tiny
from tiny_bert import VOCABULARY

SMALL = Size(24, 9, 12, epochs=1)
ASKED = plan_outcomes.Asked(
    "tune", ("25%",), ("full", "last-k", "usual", "lora-uniform", "fisher", "random-ranks"), size=SMALL
)
BLOCK = 4 * (32 * 32 + 32) + 2 * 32 * 64 + 96 + 2 * 64
PARAMETERS = (len(VOCABULARY) + 64 + 2 + 2) * 32 + 3 * BLOCK
SHARE = 0.4  # a quarter of so small an encoder is less than a block


@pytest.fixture(autouse=True)
def _small(tmp_path, monkeypatch):
    found, labels = texts()
    split = ["train"] * 36 + ["test"] * 12
    table = from_lists(found, [f"class {label}" for label in labels.tolist()], split=split)
    monkeypatch.setattr(protocols, "read", lambda *_: (table, None))
    monkeypatch.setattr(sensitivities, "graph_of", graph_of_encoder)
    monkeypatch.setattr(meta, "cases", list)
    monkeypatch.setitem(LEVELS["tune"], "25%", SHARE)
    monkeypatch.setenv("GRAPHTUNE_CACHE", str(tmp_path / "cache"))


def graph_of_encoder(model):
    whole = graph_of(model)
    return replace(whole, nodes=tuple(node for node in whole.nodes if node.kind != "head"))


def figures_of_nothing(*_):
    return {"accuracy": 50.0, "val_accuracy": 50.0, "val_loss": 0.5, "learned": 1}


def known_of() -> known_modules.Known:
    return known_modules.Known("small", Corpus.read("small", tiny().name, 0, SMALL), None)


def run(asked: plan_outcomes.Asked, place: Path) -> dict:
    asked = replace(asked, encoder=tiny().name)
    assert plan_outcomes.run("small", [asked], place / "out", place / "work")
    (file,) = (place / "out").glob("outcomes-small-*.json")
    return json.loads(file.read_text())


def test_every_plan_is_tuned_counted_and_not_run_again(tmp_path, monkeypatch, capsys):
    result = run(ASKED, tmp_path)
    assert result["rows"] == {"train": 24, "val": 9, "test": 12}
    found = {cell["selector"]: cell for cell in result["outcomes"]}
    assert list(found) == [name for name in rivals.SELECTORS["tune"] if name in ASKED.selectors]
    assert found["full"]["level"] == "whole"
    assert found["full"]["learned"] == PARAMETERS
    assert found["last-k"]["learned"] == BLOCK
    assert (found["last-k"]["blocks"], found["full"]["blocks"]) == (1, 3)
    assert found["usual"]["accuracy"] == found["last-k"]["accuracy"]  # one plan, trained once
    for name in set(found) - {"full"}:
        assert 0 < found[name]["learned"] <= SHARE * PARAMETERS
        assert found[name]["spent"] == pytest.approx(found[name]["learned"] / PARAMETERS, abs=1e-4)
    # The least that one more rank of a map takes is 64 numbers.
    assert found["lora-uniform"]["learned"] > SHARE * PARAMETERS - 64
    said = capsys.readouterr().out
    monkeypatch.setattr(plan_outcomes, "carried_out", lambda *_: pytest.fail("it was run again"))
    monkeypatch.setattr(Corpus, "read", lambda *_: pytest.fail("it was read again"))
    again = run(ASKED, tmp_path)
    (under,) = result["circumstances"]
    assert {cell["circumstances"] for cell in result["outcomes"]} == {under}
    assert "torch" in result["circumstances"][under]["versions"]
    assert (again["outcomes"], capsys.readouterr().out) == (result["outcomes"], "")
    assert said.count("tune 25%") == 5


def test_uniform_updates_have_nearly_one_rank_within_the_budget():
    asked = known_of()
    for level, share in (("10%", 0.1), ("25%", SHARE)):
        work = rivals.chosen("lora-uniform", "tune", level, asked).work
        assert isinstance(work, Tuning)
        plan = work.strategy.plan
        assert len(plan.modules) == 3 * 6  # every map of the blocks
        ranks = [one.rank for one in plan.modules]
        each = 3 * (4 * (32 + 32) + 2 * (32 + 64))  # numbers that one rank of all takes
        assert {*ranks} <= {*range(int(share * PARAMETERS / each), int(share * PARAMETERS / each) + 3)}
        assert share * PARAMETERS - 64 < plan.cost(asked.bare, "parameters") <= share * PARAMETERS
        assert work.strategy.scale == pytest.approx(16 / sorted(ranks)[len(ranks) // 2], rel=0.1)


def test_quick_choices_keep_to_a_share_of_the_time():
    asked = known_of()
    plain, quick = (
        rivals.chosen(name, "tune", "25%", asked).work.strategy.plan for name in ("fisher", "fisher-quick")
    )
    whole = TuningCost(asked.bare, "flops").all()
    assert quick.cost(asked.bare, "flops") <= 0.4 * whole < plain.cost(asked.bare, "flops")
    assert quick.blocks(asked.bare) < plain.blocks(asked.bare)


def test_step_sizes_are_multiplied_and_full_tuning_takes_all_blocks():
    for selector in ("full", "lora-uniform", "last-k"):
        one, half = (
            rivals.chosen(selector, "tune", "25%", known_of(), factor=f).work.strategy for f in (1, 0.5)
        )
        assert half.rate == 0.5 * one.rate
        assert getattr(half, "update_rate", 0.0) == 0.5 * getattr(one, "update_rate", 0.0)


def test_encoders_are_pruned_and_rounded_as_planned(tmp_path):
    cut = replace(ASKED, purpose="prune", levels=("30%",), selectors=("whole", "groups", "uniform", "usual"))
    found = {cell["selector"]: cell for cell in run(cut, tmp_path)["outcomes"]}
    assert set(found) == set(cut.selectors)
    assert all(found[name]["spent"] <= 0.72 for name in ("groups", "uniform", "usual"))
    rounded = replace(ASKED, purpose="quantise", levels=("int8", "8-4"), selectors=("alike", "random"))
    every = run(rounded, tmp_path)["outcomes"]
    assert {cell["purpose"] for cell in every} == {"prune", "quantise"}  # what was there before stays
    shares = {(cell["selector"], cell["level"]): cell["spent"] for cell in every if "work" not in cell}
    assert shares["random", "int8"] <= shares["alike", "int8"] < 0.28
    assert shares["random", "8-4"] < shares["alike", "int8"]
    assert ("alike", "8-4") not in shares
    assert all(0 <= cell["accuracy"] <= 100 for cell in every)


def test_bytes_and_flops_of_levels():
    asked = known_of()
    matrices = PARAMETERS - 3 * (4 * 32 + 96 + 2 * 64) - 64
    choice = rivals.chosen("alike", "quantise", "int8", asked)
    assert isinstance(choice.work, Rounding)
    assert choice.work.plan.bytes(asked.bare) == matrices + 4 * (PARAMETERS - matrices)
    mixed = rivals.chosen("random", "quantise", "8-4", asked).work.plan.bytes(asked.bare)
    limit = 0.75 * matrices + 4 * (PARAMETERS - matrices)
    assert limit / 2 < mixed <= limit
    work = rivals.chosen("last", "prune", "50%", asked).work
    assert isinstance(work, Cutting)
    assert work.plan.cost(asked.bare, "flops") <= LEVELS["prune"]["50%"] * asked.bare.flops
    assert rivals.chosen("whole", "prune", "whole", asked).work == Rounding(BitPlan())


def test_what_cannot_be_chosen_or_carried_out_is_told(tmp_path, capsys):
    assert plan_outcomes.run(
        "small", [replace(ASKED, selectors=("learned",), encoder=tiny().name)], None, tmp_path / "work"
    )
    assert "learned is left out: no sensitivities of other texts" in capsys.readouterr().err
    assert not list((tmp_path / "work").rglob("*.json"))
    found = run(replace(ASKED, levels=("10%",), selectors=("last-k",)), tmp_path)
    assert "Nothing that is worth tuning fits" in found["outcomes"][0]["failed"]
    assert outcome_summary.summary([found], "tune", "10%") is None
    assert plan_outcomes.main(["small", "--selectors", "nobody"]) == 2
    assert "nobody is none of the selectors" in capsys.readouterr().err
    assert plan_outcomes.main(["small", "--levels", "30%"]) == 2
    assert "fix: use some of 25%, 10%" in capsys.readouterr().err


def test_networks_learn_from_other_sets_alone_and_ask_for_probes(tmp_path, monkeypatch):
    asked = known_modules.Known("small", Corpus.read("small", tiny().name, 0, SMALL), tmp_path)
    graph = asked.told.graph
    order = [float(at) for at in range(len(graph.nodes))]
    truth = dict.fromkeys(MEASURED_COLUMNS.values(), order)
    case = meta.Case("another", "tiny", graph.with_columns(truth))
    same = replace(case, dataset="small")
    monkeypatch.setattr(lessons, "EPOCHS", 2)
    for name, value in (("MEMBERS", 1), ("PROBES", 2)):
        monkeypatch.setattr(meta, name, value)
    learned_from = []
    usual = meta.learned
    monkeypatch.setattr(
        meta, "learned", lambda rest, **more: learned_from.extend(rest) or usual(rest, **more)
    )
    monkeypatch.setattr(meta, "cases", lambda: [same])
    with pytest.raises(known_modules.Skipped):
        asked.scored("learned", "tune")
    monkeypatch.setattr(meta, "cases", lambda: [case, same])
    plain, probed = (asked.scored(name, "prune") for name in ("learned", "learned-probed"))
    assert learned_from == [case]  # once for both
    assert all(value > 0 for value in plain[1])
    known_of_probes = [value == value for value in probed[0].column("pruning loss")]
    assert sum(known_of_probes) == len(list((tmp_path / "probes").rglob("*.json"))) - 1 == 2
    assert asked.scored("learned-without-edges", "prune")[1] != plain[1]


def test_sets_of_the_same_texts_teach_nothing(tmp_path, monkeypatch):
    asked = known_modules.Known("trec6", Corpus.read("trec6", tiny().name, 0, SMALL), tmp_path)
    names = ("trec50", "trec6", "cr")
    every = [meta.Case(name, "tiny", asked.bare) for name in names]
    monkeypatch.setattr(meta, "cases", lambda: every)
    assert [one.dataset for one in asked.others] == ["cr"]
    monkeypatch.setattr(meta, "cases", lambda: every[:2])
    with pytest.raises(known_modules.Skipped):
        asked.scored("learned", "tune")


def test_networks_that_can_learn_from_more_are_asked_again(tmp_path, monkeypatch):
    graph = known_of().told.graph
    worth = [float(at) for at in range(len(graph.nodes))]
    first = meta.Case("another", "tiny", graph.with_columns(dict.fromkeys(MEASURED_COLUMNS.values(), worth)))
    monkeypatch.setattr(lessons, "EPOCHS", 2)
    monkeypatch.setattr(meta, "MEMBERS", 1)
    monkeypatch.setattr(plan_outcomes, "carried_out", figures_of_nothing)
    monkeypatch.setattr(meta, "cases", lambda: [first])
    asked = replace(ASKED, selectors=("last-k", "learned"))
    before, _ = learned_and_rest(run(asked, tmp_path))
    assert before["learned_sets"] == "another"
    assert learned_and_rest(run(asked, tmp_path))[0] == before
    monkeypatch.setattr(meta, "cases", lambda: [first, replace(first, dataset="third")])
    after, rest = learned_and_rest(run(asked, tmp_path))
    assert after["learned_sets"] == "another, third"
    assert after["learned_from"] != before["learned_from"]
    assert [cell["selector"] for cell in rest] == ["last-k"]
    assert len(list((tmp_path / "work").rglob("tune-*-learned-*.json"))) == 2


def learned_and_rest(result: dict) -> tuple[dict, list[dict]]:
    (found,) = [cell for cell in result["outcomes"] if cell["selector"] == "learned"]
    return found, [cell for cell in result["outcomes"] if cell["selector"] != "learned"]


def test_every_outcome_keeps_its_own_circumstances(tmp_path, monkeypatch):
    monkeypatch.setattr(plan_outcomes, "carried_out", figures_of_nothing)
    run(replace(ASKED, selectors=("last-k",)), tmp_path)
    now = surroundings.circumstances()
    other = {**now, "hardware": {**now["hardware"], "cores": 99}}
    monkeypatch.setattr(surroundings, "circumstances", lambda: other)
    # The plan of both is one, but what it comes to elsewhere is not what it comes to here.
    calls = []
    monkeypatch.setattr(plan_outcomes, "carried_out", lambda *_: calls.append(1) or figures_of_nothing())
    result = run(replace(ASKED, selectors=("last-k", "usual")), tmp_path)
    assert len(calls) == 1
    cores = {
        cell["selector"]: result["circumstances"][cell["circumstances"]]["hardware"]["cores"]
        for cell in result["outcomes"]
    }
    assert cores == {"last-k": now["hardware"]["cores"], "usual": 99}


def test_a_smoke_run_writes_nothing(tmp_path, monkeypatch, capsys):
    for name in ("RESULTS", "WORK"):
        monkeypatch.setattr(plan_outcomes, name, tmp_path / name)
    monkeypatch.setattr(outcomes_page, "main", lambda *_: pytest.fail("documents were touched"))
    assert plan_outcomes.main(["small", "--rows", "12", "--selectors", "head", "--encoder", tiny().name]) == 0
    assert "small, seed 0, tune whole, head: " in capsys.readouterr().out
    assert not (tmp_path / "RESULTS").exists()
    assert not (tmp_path / "WORK").exists()


def test_the_documents_hold_the_tables():
    assert plan_outcomes.main(["--check"]) == 0


def test_documents_show_the_command_and_what_it_takes_by_itself():
    lines = set()
    for name, _ in outcomes_page.DOCUMENTS:
        document = (rewriting.DOCS / name).read_text(encoding="utf-8")
        (line,) = [
            one for one in document.splitlines() if one.startswith("python bench/structure/plan_outcomes.py ")
        ]
        lines.add(line)
        for selector in {one for every in rivals.DEFAULT.values() for one in every}:
            assert f"`{selector}`" in document
    (line,) = lines
    every = plan_outcomes._asked(plan_outcomes._parser().parse_args(line.split()[2:]))
    assert {asked.purpose: asked.levels for asked in every} == {
        name: tuple(own) for name, own in LEVELS.items()
    }
    assert {asked.selectors for asked in every} == {*rivals.DEFAULT.values()}
    (alone,) = plan_outcomes._asked(plan_outcomes._parser().parse_args(["small"]))
    assert (alone.purpose, alone.levels, alone.seeds) == ("tune", ("25%",), 1)
