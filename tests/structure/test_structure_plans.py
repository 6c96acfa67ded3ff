"""Plans within a budget: by hand on a graph of two blocks, exactly kept, whole after a trip through TOML."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from typing import Any

import pytest

from graphtune.errors import PlanError
from graphtune.plan.toml import from_toml, to_toml
from graphtune.structure import ModelGraph, ModuleNode
from graphtune.structure.plans import (
    BitPlan,
    BlockShares,
    Budget,
    ModuleBits,
    ModuleTuning,
    PruningPlan,
    TuningPlan,
    planned_bits,
    planned_pruning,
    planned_tuning,
    planned_updates,
)
from graphtune.structure.scores import LastBlocks, Random, Uniform
from small_structure import graph_of
from text_tasks import small_text_model

SHARES = (0.05, 0.25, 0.75)
UNITS = ("parameters", "flops", "bytes", "seconds")


def two_blocks() -> ModelGraph:
    nodes = [ModuleNode("words", "embedding", 0, (100, 4), 400, 0, 16)]
    for block in (1, 2):
        nodes += [
            ModuleNode(f"{block}.query", "query", block, (4, 4), 20, 32, 16),
            ModuleNode(f"{block}.join", "attention output", block, (4, 4), 20, 32, 16),
            ModuleNode(f"{block}.in", "feed-forward in", block, (32, 4), 160, 256, 128),
            ModuleNode(f"{block}.out", "feed-forward out", block, (4, 32), 132, 256, 16),
            ModuleNode(f"{block}.norm", "norm", block, (4,), 8, 0, 16),
        ]
    nodes.append(ModuleNode("head", "head", 3, (2, 4), 10, 16, 8))
    return ModelGraph("two", 2, 4, 1, "module tree", tuple(nodes), ())


GRAPH = two_blocks()


@lru_cache(maxsize=1)
def tiny_graph() -> ModelGraph:
    return graph_of(small_text_model(0))


def scores(graph: ModelGraph = GRAPH, **named: float) -> tuple[float, ...]:
    by_name = {name.replace("_", ".").lstrip("b"): value for name, value in named.items()}
    return tuple(by_name.get(node.name, math.nan) for node in graph.nodes)


def names(plan: TuningPlan) -> set[str]:
    return {one.name for one in plan.modules}


def whole(graph: ModelGraph, unit: str) -> float:
    """Return what tuning all takes, counted plainly."""
    body = [node for node in graph.nodes if node.kind != "head"]
    if unit in ("flops", "seconds"):
        return 3.0 * sum(node.flops for node in body)
    return sum(node.parameters for node in body) * (12.0 if unit == "bytes" else 1.0)


def test_the_highest_score_for_its_cost_is_chosen_first():
    own = scores(b2_query=4.0, b2_in=16.0, b1_query=1.0, b2_norm=0.1, b1_join=-5.0)
    # By parameter: 0.2, 0.1, 0.05, 0.0125.
    assert names(planned_tuning(GRAPH, own, Budget(amount=20.0))) == {"2.query"}
    assert names(planned_tuning(GRAPH, own, Budget(amount=48.0))) == {"2.query", "1.query", "2.norm"}
    assert names(planned_tuning(GRAPH, own, Budget(amount=180.0))) == {"2.query", "2.in"}
    everything = planned_tuning(GRAPH, own, Budget(share=1.0))
    assert names(everything) == {"2.query", "2.in", "1.query", "2.norm"}


def test_flops_count_what_lies_above_the_lowest_that_learns():
    # Forward and back through block 2, and the gradient of one map of it.
    assert TuningPlan((ModuleTuning("2.query"),)).cost(GRAPH, "flops") == 2 * 576 + 32
    assert TuningPlan((ModuleTuning("1.query"),)).cost(GRAPH, "flops") == 2 * 1152 + 32
    assert TuningPlan(top=1).cost(GRAPH, "flops") == 3 * 576
    assert TuningPlan().cost(GRAPH, "flops") == 0
    own = scores(b2_query=1.0, b2_in=1.0, b1_query=100.0)
    found = planned_tuning(GRAPH, own, Budget("flops", amount=2.0 * 576 + 32 + 256))
    assert names(found) == {"2.query", "2.in"}
    assert names(planned_tuning(GRAPH, own, Budget("flops", share=1.0))) == {"2.query", "2.in", "1.query"}


def planned(make: Callable[[], Any], refusal: str) -> list[Any]:
    """Return the plan in a list, which is empty where it is refused because nothing fits."""
    try:
        return [make()]
    except PlanError as error:
        if refusal in error.problem:
            return []
        raise


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("score", [Uniform(), LastBlocks(), Random(3)], ids=str)
def test_no_plan_costs_more_than_its_budget(unit, share, score):
    graph, budget = tiny_graph(), Budget(unit, share)
    gain, harm, limit = score.of(graph, "tune"), score.of(graph, "prune"), share * (1 + 1e-9)
    every = whole(graph, unit)
    chosen = planned(lambda: planned_tuning(graph, gain, budget), "worth tuning fits")
    ranks = planned(lambda: planned_updates(graph, gain, budget, most=4), "worth tuning fits")
    # Not even one block is read forward and back.
    assert (chosen and ranks) or (unit in ("flops", "seconds") and share == SHARES[0])
    assert all(0 < plan.cost(graph, unit) <= limit * every for plan in (*chosen, *ranks))
    found = planned(lambda: planned_tuning(graph, gain, budget, contiguous=True), "worth tuning fits")
    top = found[0].top if found else 0
    assert top == 0 or TuningPlan(top=top).cost(graph, unit) <= limit * every
    assert top == 3 or TuningPlan(top=top + 1).cost(graph, unit) > limit * every
    cuts = planned(lambda: planned_pruning(graph, harm, budget, heads=4), "cannot be pruned")
    assert all(plan.cost(graph, unit) <= limit * PruningPlan().cost(graph, unit) for plan in cuts)
    assert cuts or share < 0.75
    if unit == "bytes":
        bits = planned(lambda: planned_bits(graph, harm, budget), "do not fit")
        assert all(plan.bytes(graph) <= limit * BitPlan().bytes(graph) for plan in bits)
        assert bits or share < 0.25


def test_a_contiguous_top_is_as_many_blocks_as_are_worth_it():
    own = scores(b2_query=1.0, b1_query=2.0)
    assert planned_tuning(GRAPH, own, Budget(share=1.0), contiguous=True) == TuningPlan(top=2)
    assert planned_tuning(GRAPH, own, Budget(amount=340.0), contiguous=True) == TuningPlan(top=1)
    worthless = scores(b2_query=1.0, b1_query=-2.0)
    assert planned_tuning(GRAPH, worthless, Budget(share=1.0), contiguous=True) == TuningPlan(top=1)
    with pytest.raises(PlanError, match="fits in 339 parameters") as told:
        planned_tuning(GRAPH, own, Budget(amount=339.0), contiguous=True)
    assert "340" in told.value.fix


def test_a_second_budget_is_kept_as_well():
    """A step that reaches block 2 costs 2 · 576 FLOPs, and what learns there as much as it takes once."""
    own, every = scores(b2_query=1.0, b2_in=1.0, b1_query=100.0), Budget(share=1.0)
    time = Budget("flops", amount=2.0 * 576 + 32 + 256)
    assert names(planned_tuning(GRAPH, own, every)) == {"2.query", "2.in", "1.query"}
    assert names(planned_tuning(GRAPH, own, every, within=time)) == {"2.query", "2.in"}
    less = planned_tuning(GRAPH, own, every, within=Budget("flops", amount=2.0 * 576 + 255))
    assert names(less) == {"2.query"}
    for amount, top in ((3.0 * 576, 1), (6.0 * 576 - 1, 1), (6.0 * 576, 2)):
        found = planned_tuning(GRAPH, own, every, contiguous=True, within=Budget("flops", amount=amount))
        assert found == TuningPlan(top=top)
    # A rank of the update beside a 4 × 4 map of 32 FLOPs takes half as many, forward and for two gradients.
    ranks = planned_updates(GRAPH, own, every, within=Budget("flops", amount=2.0 * 576 + 2 * 48))
    assert ranks.modules == (ModuleTuning("2.query", 2),)
    with pytest.raises(PlanError, match="fits in 100 % of the parameters and 5 flops") as told:
        planned_tuning(GRAPH, own, every, within=Budget("flops", amount=5.0))
    assert "more of the other budget" in told.value.fix


def test_what_may_be_frozen_below_a_plan():
    assert TuningPlan((ModuleTuning("2.query"),)).blocks(GRAPH) == 1
    assert TuningPlan((ModuleTuning("2.query"), ModuleTuning("1.in", 4))).blocks(GRAPH) == 2
    assert TuningPlan((ModuleTuning("words"),)).blocks(GRAPH) == 3
    assert TuningPlan(top=2).blocks(GRAPH) == 2
    assert TuningPlan().blocks(GRAPH) == 0


def test_ranks_go_with_the_scores_and_equal_scores_have_equal_ranks():
    # A rank costs 8 of a query, and 36 of a feed-forward map.
    own = scores(b1_query=1.0, b2_query=3.0)
    found = planned_updates(GRAPH, own, Budget(amount=32.0))
    assert found.modules == (ModuleTuning("1.query", 1), ModuleTuning("2.query", 3))
    even = planned_updates(GRAPH, Uniform().of(GRAPH, "tune"), Budget(amount=2.0 * (8 + 8 + 36 + 36) * 2))
    assert {one.rank for one in even.modules} == {2}
    assert len(even.modules) == 8
    capped = planned_updates(GRAPH, own, Budget(share=1.0), most=2)
    assert {one.rank for one in capped.modules} == {2}


def test_heads_and_units_are_cut_where_it_harms_least():
    own = scores(**{f"b{b}_{n}": v for b, v in ((1, 1.0), (2, 4.0)) for n in ("query", "join", "in", "out")})
    found = planned_pruning(GRAPH, own, Budget(share=0.9), heads=4)
    first, second = (next((o for o in found.blocks if o.block == b), BlockShares(b)) for b in (1, 2))
    assert first.units < second.units
    assert (first.heads, second.heads) == (1.0, 1.0)  # a head saves little
    # A sixteenth of the units: two rows of five numbers, and two columns of four.
    one = PruningPlan((BlockShares(1, units=15 / 16),))
    assert one.cost(GRAPH, "parameters") == 1080 - 18
    # A head: a row of five, and a column of four.
    assert PruningPlan((BlockShares(2, heads=0.75),)).cost(GRAPH, "parameters") == 1080 - 9
    assert PruningPlan((BlockShares(2, heads=0.75),)).cost(GRAPH, "bytes") == 4 * (1080 - 9)
    assert PruningPlan((BlockShares(1, units=0.5),)).cost(GRAPH, "seconds") == 1152 - 256


def test_what_is_not_known_is_neither_cut_nor_rounded():
    own = scores(b1_query=0.0, b1_join=0.0, b1_in=0.0, b1_out=math.nan, b2_in=0.0)
    found = planned_pruning(GRAPH, own, Budget(amount=1080.0 - 18), heads=4)
    assert [(one.block, one.units) for one in found.blocks] == [(1, 1.0)]
    bits = planned_bits(GRAPH, own, Budget("bytes", amount=4 * 1080.0 - 16))
    assert {one.name for one in bits.modules} <= {"1.query", "1.join", "1.in", "2.in"}


def test_bits_are_halved_where_it_harms_least():
    own = scores(words=1.0, b1_in=100.0)
    assert BitPlan().bytes(GRAPH) == 4320
    # 16 bits of the embedding save 800.
    assert planned_bits(GRAPH, own, Budget("bytes", amount=3520.0)) == BitPlan((ModuleBits("words", 16),))
    fewer = planned_bits(GRAPH, own, Budget("bytes", amount=3120.0))
    assert fewer.modules[0] == ModuleBits("words", 8)
    # Biases stay: 128 of the 160 numbers are the matrix.
    assert BitPlan((ModuleBits("1.in", 4),)).bytes(GRAPH) == 4320 - 128 * 3.5
    with pytest.raises(PlanError, match="do not fit") as told:
        planned_bits(GRAPH, own, Budget("bytes", share=0.2), fewest=8)
    assert "allow 4 bits" in told.value.fix


@pytest.mark.parametrize("seed", [0, 1])
def test_more_budget_never_cuts_or_rounds_more_nor_frees_fewer_blocks(seed):
    graph = tiny_graph()
    harm, gain = (Random(seed).of(graph, purpose) for purpose in ("prune", "tune"))
    kept = [planned_pruning(graph, harm, Budget("flops", s), heads=4) for s in (0.4, 0.6, 0.8, 1.0)]
    bits = [planned_bits(graph, harm, Budget("bytes", s)) for s in (0.2, 0.4, 0.6, 0.8, 1.0)]
    tops = [planned_tuning(graph, gain, Budget(share=s), contiguous=True).top for s in (0.3, 0.5, 0.7, 1.0)]
    for less, more in pairwise(kept):
        assert all(less.share(node) <= more.share(node) for node in graph.nodes)
    for less, more in pairwise(bits):
        few, many = ({one.name: one.bits for one in plan.modules} for plan in (less, more))
        assert all(few[name] <= own for name, own in many.items())
    assert tops == sorted(tops)
    assert kept[-1] == PruningPlan()
    assert bits[-1] == BitPlan()


@pytest.mark.parametrize(
    "plan",
    [
        TuningPlan(top=3),
        TuningPlan(),
        TuningPlan((ModuleTuning("a.b"), ModuleTuning("a.c", 8, 1e-3))),
        PruningPlan((BlockShares(1, 0.75), BlockShares(2, units=0.5))),
        BitPlan((ModuleBits("a.b", 8), ModuleBits("a.c", 4))),
    ],
    ids=lambda plan: type(plan).__name__,
)
def test_round_trip_through_toml(plan):
    assert from_toml(type(plan), to_toml(plan), kinds={}) == plan


def test_a_plan_with_mistakes_tells_them_all():
    text = '[[modules]]\nname = "a"\nrank = -1\n[[modules]]\nnome = "b"\nrank = 1'
    with pytest.raises(PlanError, match="3 mistakes") as told:
        from_toml(TuningPlan, text, kinds={})
    assert "rank = -1" in told.value.problem
    assert "did you mean 'name'" in told.value.problem


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"share": 0.0}, "0 % is out of range"),
        ({"share": 1.5}, "150 % is out of range"),
        ({"share": -0.1}, "-10 % is out of range"),
        ({"amount": 0.0}, "leaves nothing"),
        ({}, "one of both"),
        ({"share": 0.5, "amount": 3.0}, "one of both"),
        ({"unit": "seconds", "amount": 3.0}, "not known"),
    ],
)
def test_a_budget_that_is_none_is_refused(given, said):
    with pytest.raises(PlanError, match=said):
        Budget(**given)


def test_a_budget_over_the_whole_is_refused_with_what_there_is():
    with pytest.raises(PlanError, match="over 100 %: the whole takes 1080") as told:
        planned_tuning(GRAPH, Uniform().of(GRAPH, "tune"), Budget(amount=1081.0))
    assert "at most 1080" in told.value.fix


def test_seconds_go_with_the_flops():
    half = Budget("seconds", amount=5.0, whole_seconds=10.0)
    assert half.limit(3456.0) == pytest.approx(1728.0)
    own = Uniform().of(GRAPH, "tune")
    assert planned_tuning(GRAPH, own, half) == planned_tuning(GRAPH, own, Budget("flops", share=0.5))


def test_names_that_are_not_there_are_told_with_the_nearest():
    with pytest.raises(PlanError, match=r"no module '2\.qery'") as told:
        TuningPlan((ModuleTuning("2.qery"),)).cost(GRAPH, "parameters")
    assert "2.query" in told.value.fix
    with pytest.raises(PlanError, match="no module 'word'"):
        BitPlan((ModuleBits("word", 8),)).bytes(GRAPH)
    with pytest.raises(PlanError, match="block 3 of 2"):
        PruningPlan((BlockShares(3),)).cost(GRAPH, "parameters")
    with pytest.raises(PlanError, match="top 3 blocks of 2"):
        TuningPlan(top=3).cost(GRAPH, "parameters")


@pytest.mark.parametrize(
    "make",
    [
        lambda: ModuleTuning("a", -1),
        lambda: ModuleTuning("a", rate=0.0),
        lambda: TuningPlan(top=-1),
        lambda: TuningPlan((ModuleTuning("a"),), top=1),
        lambda: TuningPlan((ModuleTuning("a"), ModuleTuning("a", 2))),
        lambda: BlockShares(0),
        lambda: BlockShares(1, heads=0.0),
        lambda: BlockShares(1, units=1.5),
        lambda: PruningPlan((BlockShares(1), BlockShares(1))),
        lambda: BitPlan((ModuleBits("a", 4), ModuleBits("a", 8))),
        lambda: planned_pruning(GRAPH, scores(), Budget(share=0.5), heads=0),
        lambda: planned_updates(GRAPH, scores(), Budget(share=0.5), most=0),
        lambda: planned_bits(GRAPH, scores(), Budget("flops", share=0.5)),
        lambda: planned_bits(GRAPH, scores(), Budget("bytes", share=0.5)),
        lambda: planned_pruning(GRAPH, scores(), Budget(share=0.5), heads=2),
        lambda: planned_tuning(GRAPH, scores(), Budget(share=0.5)),
        lambda: planned_tuning(GRAPH, scores(b2_query=-1.0), Budget(share=0.5), contiguous=True),
        lambda: planned_updates(GRAPH, scores(b2_query=1.0), Budget(amount=7.0)),
    ],
)
def test_what_makes_no_plan_is_refused(make):
    with pytest.raises(PlanError):
        make()


def test_the_head_is_never_planned():
    found = planned_tuning(GRAPH, Uniform().of(GRAPH, "tune"), Budget(share=1.0))
    assert names(found) == {node.name for node in GRAPH.nodes} - {"head"}
    shared = replace(
        GRAPH, nodes=tuple(replace(n, parameters=0) if n.name == "1.in" else n for n in GRAPH.nodes)
    )
    assert "1.in" not in names(planned_tuning(shared, Uniform().of(shared, "tune"), Budget(share=1.0)))
