"""A plan and its TOML."""

import inspect
import subprocess
import sys

import pytest

from graphtune import layer
from graphtune.encoder import Tfidf
from graphtune.errors import PlanError
from graphtune.graph import Fuse, Given, Hops, Neighbours, Words
from graphtune.plan import Plan, tunes
from graphtune.select import Mean, NamedGraph, Network, Probe, Propagated, Smoothed
from graphtune.strategy import LinearProbe

FULL = Plan(
    encoder="tfidf",
    words=Tfidf(width=32, min_df=2),
    graphs=(
        NamedGraph("meaning", Neighbours(7, 4.0, "both")),
        NamedGraph("links", Given(directed=True, kinds=("cites", "replies")), "both"),
        NamedGraph("sum", Fuse((Given(), Neighbours(3)), (1.0, 0.5))),
        NamedGraph("words", Words(window=10, word_edges=False)),
    ),
    candidates=(
        Probe("words", 5.0, "squared hinge"),
        Propagated("both", "links", Hops(6, 0.2), 1.0),
        Smoothed(Smoothed(Probe(), "sum"), "meaning", Hops(1, 0.0), 0.5),
        Mean((Probe(), Network(layer.GATv2, "both", "meaning", 32, 3, 0.1, LinearProbe(0.001, 0.0, 9)))),
    ),
    budget_seconds=12.5,
    seed=7,
    transductive=True,
    class_shares="labelled",
    keep_rare=True,
)


@pytest.mark.parametrize("plan", [Plan(), FULL], ids=["default", "full"])
def test_comes_back_from_its_text(plan, tmp_path):
    assert Plan.from_text(plan.to_text()) == plan
    (tmp_path / "plan.toml").write_text(plan.to_text(), encoding="utf-8")
    assert Plan.read(tmp_path / "plan.toml") == plan


@pytest.mark.parametrize("kind", layer.ALL)
def test_every_layer_can_be_planned(kind):
    plan = Plan(candidates=(Network(kind),))
    assert Plan.from_text(plan.to_text()) == plan


@pytest.mark.parametrize("kind", layer.ALL)
@pytest.mark.parametrize("name", ["heads", "hops"])
def test_a_layer_is_told_only_what_it_takes(kind, name):
    if name in inspect.signature(kind).parameters:
        plan = Plan(candidates=(Network(kind, **{name: 2}),))
        assert f"{name} = 2" in plan.to_text()
        assert Plan.from_text(plan.to_text()) == plan
        assert f"2 {name}" in str(plan.candidates[0])
        return
    with pytest.raises(PlanError, match=f"{kind.__name__} has no {name}"):
        Network(kind, **{name: 2})


def test_what_a_layer_cannot_do_is_a_mistake_of_the_plan():
    for wrong in ("heads = 3", "heads = 0", "hops = 2"):
        with pytest.raises(PlanError, match=r"heads|hops"):
            Plan.from_text(f'[[candidates]]\nkind = "Network"\nlayer = "GAT"\nwidth = 16\n{wrong}\n')


def test_what_is_left_out_takes_its_default():
    assert Plan.from_text("") == Plan()
    found = Plan.from_text('seed = 3\n[[candidates]]\nkind = "Propagated"\nhops = { count = 4 }\n')
    assert found == Plan(seed=3, candidates=(Propagated(hops=Hops(4)),))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("sed = 3", ["sed", "did you mean 'seed'?"]),
        ("seed = 1.5", ["seed", "1.5", "a whole number"]),
        ("budget_seconds = 0", ["budget_seconds = 0.0"]),
        ('encoder = "minlim"', ["minlim"]),
        ('[[candidates]]\nkind = "Prob"', ["candidates[0].kind", "did you mean 'Probe'?"]),
        ('[[candidates]]\nkind = "Probe"\nview = "meanings"', ["candidates[0].view", "'meaning'"]),
        (
            '[[candidates]]\nkind = "Propagated"\nview = "words"',
            ["candidates[0].view", "'words'", "'meaning' or 'both'"],
        ),
        (
            '[[candidates]]\nkind = "Smoothed"\nbase = { kind = "Network", view = "all" }',
            ["candidates[0].base", "'all'", "'meaning' or 'both'"],
        ),
        (
            '[[graphs]]\nname = "a"\nbuilder = "Neighbours"\nview = "words"',
            ["graphs[0].view", "'words'", "'meaning' or 'both'"],
        ),
        (
            '[[candidates]]\nkind = "Network"\nlayer = "GATv3"',
            ["candidates[0].layer", "did you mean 'GATv2'?"],
        ),
        ('[[graphs]]\nname = "a"\nbuilder = { kind = "Neighbours", k = 0 }', ["graphs[0].builder", "k = 0"]),
        ('[[graphs]]\nname = "a"', ["graphs[0].builder", "is missing"]),
        ("seed = ", ["not TOML"]),
    ],
)
def test_a_mistake_is_named_with_its_place(text, named):
    with pytest.raises(PlanError) as refused:
        Plan.from_text(text)
    for part in named:
        assert part in str(refused.value)


def test_all_mistakes_are_told_at_once():
    with pytest.raises(PlanError) as refused:
        Plan.from_text('sed = 3\ntransductive = "yes"\n[[candidates]]\nkind = "Prob"\n')
    assert "3 mistakes" in refused.value.problem


@pytest.mark.parametrize("budget", [0.0, -1.0, float("nan")])
def test_a_budget_without_time_is_refused(budget):
    with pytest.raises(PlanError, match="no time"):
        Plan(budget_seconds=budget)


def test_an_exported_encoder_is_not_tuned(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "onnx.json").write_text("{}")
    for name in (str(tmp_path), "~"):
        assert not tunes(name, None, None, timed=True)
    for settings in ({}, {"serve_as": "encoder"}):
        with pytest.raises(PlanError, match="cannot be tuned"):
            Plan(encoder=str(tmp_path), tune=True, **settings)


def test_graphs_have_names_of_their_own():
    with pytest.raises(PlanError, match="same name"):
        Plan(graphs=(NamedGraph("a", Neighbours()), NamedGraph("a", Given())))


def test_candidates_read_graphs_that_are_there():
    graphs = (NamedGraph("a", Neighbours()),)
    with pytest.raises(PlanError, match=r"\['b'\]"):
        Plan(graphs=graphs, candidates=(Smoothed(Propagated(graph="a"), "b"),))
    assert Plan(graphs=graphs, candidates=(Propagated(graph="a"), Probe())).graphs == graphs


def test_unknown_class_shares_are_refused():
    program = """
from graphtune.errors import PlanError
from graphtune.plan import Plan
try:
    print(Plan(class_shares="equal"))
except PlanError as error:
    print(error.problem, "/", error.fix)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == 'class_shares = \'equal\' is unknown. / use "estimated" or "labelled".\n'


def test_a_sparse_view_is_refused_where_rows_are_averaged_or_searched():
    # In a process of its own: here, the checks of types that tests run under would come first.
    program = """
from graphtune.errors import PlanError
from graphtune.graph import Neighbours
from graphtune.select import NamedGraph, Network, Probe, Propagated
for view in ("words", "all"):
    Probe(view)
    for make in (Propagated, lambda v: Network(view=v), lambda v: NamedGraph("a", Neighbours(), v)):
        try:
            print(make(view))
        except PlanError as error:
            print(error.problem, "/", error.fix)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    fix = "use one of 'meaning', 'both', 'even', 'blocks'; Probe reads every view."
    assert done.stdout.splitlines() == [
        f"{reader} reads dense views only, and {view!r} is none. / {fix}"
        for view in ("words", "all")
        for reader in ("Propagated", "Network", "The graph 'a'")
    ]


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_refused(content, tmp_path):
    if content is not None:
        (tmp_path / "plan.toml").write_bytes(content)
    with pytest.raises(PlanError, match="cannot be read"):
        Plan.read(tmp_path / "plan.toml")
