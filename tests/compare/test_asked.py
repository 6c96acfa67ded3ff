"""Which methods there are, and how they are asked for."""

import pytest

from graphtune import compare, initial, layer, select, strategy
from graphtune.compare import Offer, families, methods, usual_methods
from graphtune.encoder import Transformer, upper_blocks
from graphtune.errors import PlanError
from graphtune.layer import GraphLayer
from graphtune.plan import KINDS, Plan
from graphtune.select import GraphAdapter, Ladder, Majority, Taught
from text_tasks import tiny

OFFER = Offer("minilm", links=False, nodes=100)


def test_every_layer_and_strategy_is_a_method_of_its_family():
    every = families(OFFER)
    assert {method.name for method in every["layer"]} == {kind.__name__.lower() for kind in layer.ALL}
    assert [method.how.candidates[0].layer for method in every["layer"]] == list(layer.ALL)
    assert [type(method.how.candidates[0].strategy) for method in every["strategy"]] == list(strategy.ALL)


def test_every_start_of_a_network_is_a_method():
    starts = families(OFFER)["initial"]
    names = ["usual", "xavier", "kaiming", "orthogonal", "virgo", "mlp-init"]
    names += ["dgi", "gae", "vgae", "graphcl", "graphmae", "masking", "masked-edges"]
    assert [one.name for one in starts] == names
    able = [kind for kind in initial.ALL if kind is not initial.Pretrained]
    assert [type(one.how.candidates[0].initial) for one in starts] == able
    assert [type(one.how.candidates[0].initial) for one in methods(["mlp-init"], OFFER)] == [initial.MLPInit]


def test_what_is_written_later_joins_by_itself(monkeypatch):
    class NewLayer(layer.GCN):
        pass

    class Shrunk(Majority):
        compared_as = "pruning"

    monkeypatch.setitem(KINDS, GraphLayer, (*layer.ALL, NewLayer))
    monkeypatch.setattr(select, "ALL", (*select.ALL, Shrunk))
    every = families(OFFER)
    assert every["layer"][-1].name == "new-layer"
    assert [method.name for method in every["pruning"]] == ["shrunk"]
    assert methods(["new-layer,".strip(","), "family:pruning"], OFFER)[1].how.candidates == (Shrunk(),)


def test_every_way_to_tune_the_encoder_is_a_method():
    every = families(OFFER)
    assert [one.name for one in every["encoder"]] == [
        "graphtune-tuned",
        "tuned",
        "lora",
        "bit-fit-encoder",
        "linear-probe-encoder",
    ]
    kinds = [type(one.how.candidates[0].strategy) for one in every["encoder"][1:]]
    # A plan is of one encoder and task.
    assert kinds == [one for one in strategy.OF_LABELLED_TEXTS if one is not strategy.PlannedTuning]
    beside = [one.how.candidates[0] for one in every["encoder-graph"]]
    assert {type(one) for one in beside} >= {GraphAdapter, Ladder, Taught}
    encoder = Transformer(tiny().name)
    assert methods(["ladder"], OFFER)[0].blocks(encoder) == (1, 2, 3)
    assert methods(["gcn"], OFFER)[0].blocks(encoder) == ()
    # A search reads several, so that they are encoded before anything is timed.
    assert methods(["graphtune"], OFFER)[0].blocks(encoder) == upper_blocks(encoder) == (1, 2, 3)
    linked = families(Offer("minilm", links=True, nodes=100))["encoder-graph"]
    assert {next(iter(one.how.candidates[0].graphs)) for one in linked} == {"links + likeness"}
    fixed = families(Offer("static", links=True, nodes=100))
    assert "encoder" not in fixed
    assert [one.name for one in fixed["encoder-graph"]] == ["distilled"]
    assert fixed["encoder-graph"][0].how.candidates[0].graph == "links + likeness"


def test_every_way_to_tune_the_encoder_with_a_graph_is_a_method():
    every = families(OFFER)
    assert [one.name for one in every["encoder-graph"]] == [
        "em",
        "joint",
        "staged",
        "distilled",
        "graph-adapter",
        "ladder",
        "graph-pairs",
        "pseudo-labels",
        "taught",
    ]
    kinds = {type(one.how.candidates[0].strategy) for one in every["encoder-graph"]}
    assert kinds >= {*strategy.OF_COUPLES, *strategy.OF_MINED_TEXTS, *strategy.OF_STUDENTS}


def test_baselines_come_first_and_every_plan_survives_its_own_text():
    every = families(OFFER)
    assert next(iter(every)) == "baseline"
    names = [method.name for method in every["baseline"]]
    assert names[0] == "majority"
    assert {"tfidf-lr", "tfidf-svm", "embeddings-lr", "embeddings-knn", "label-propagation"} <= {*names}
    for members in every.values():
        for method in members:
            assert Plan.from_text(method.how.to_text()) == method.how
            assert method.said


def test_links_are_read_where_the_table_has_some():
    linked = Offer("minilm", links=True, nodes=100)
    gcn = methods(["gcn"], linked)[0].how.candidates[0]
    assert gcn.graph == "links + likeness"


def test_names_families_default_and_all():
    assert methods(["gcn", "majority", "gcn"], OFFER) == methods(["gcn", "majority"], OFFER)
    assert methods(["default"], OFFER) == usual_methods(OFFER)
    assert {one.family for one in methods(["family:layer"], OFFER)} == {"layer"}
    assert len(methods(["all"], OFFER)) == sum(map(len, families(OFFER).values()))


@pytest.mark.parametrize(
    ("asked", "problem", "fix"),
    [
        (["gnc"], "no method 'gnc'", "gcn"),
        (["embeding-lr"], "no method 'embeding-lr'", "embeddings-lr"),
        (["family:layers"], "no family 'layers'", "layer"),
        (["zzzzzzz"], "no method 'zzzzzzz'", "majority"),
        ([" ", ""], "No method", "--methods"),
        (["absent.toml"], "absent.toml cannot be read", "TOML"),
    ],
)
def test_a_wrong_name_is_told_with_the_nearest(asked, problem, fix):
    with pytest.raises(PlanError) as caught:
        methods(asked, OFFER)
    assert problem in caught.value.problem
    assert fix in caught.value.fix


def test_a_file_is_a_plan_or_a_list_of_methods(tmp_path):
    plan = Plan(encoder="tfidf", candidates=(Majority(),), exactly=True)
    (tmp_path / "mine.toml").write_text(plan.to_text())
    (tmp_path / "run.py").write_text("")
    listed = '[[method]]\nname = "a"\nplan = "mine.toml"\n[[method]]\nname = "b"\nfamily = "peer"\n'
    (tmp_path / "list.toml").write_text(f'{listed}command = ["python3", "run.py"]\n')
    single = methods([str(tmp_path / "mine.toml")], OFFER)
    assert single == (compare.Method("mine", "plan", plan),)
    first, second = methods([str(tmp_path / "list.toml")], OFFER)
    assert (first.name, first.family, first.how) == ("a", "own", plan)
    assert second.how == compare.Outside(("python3", "run.py"), tmp_path)
    assert second.family == "peer"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name = 1", "mistake"),
        ("[[method]]\n", "other parts"),
        ('[[method]]\nname = "a"\n', "needs a plan or a command"),
        ('[[method]]\nname = "a"\nplan = 3\n', "no file name"),
        ('[[method]]\nname = "a"\ncommand = "x"\n', "no list of words"),
        ('[[method]]\nname = "a"\ncommand = [".venv/bin/python", "x"]\n', "is not there"),
        ('[[method]]\nname = "a"\nplan = "absent.toml"\n', "cannot be read"),
        ('[[method]]\nname = "gcn"\ncommand = ["true"]\n', "Different methods are called gcn"),
        ('seed = 1\n[[method]]\nname = "a"\ncommand = ["true"]\n', "holds more than"),
    ],
)
def test_a_wrong_file_is_told(tmp_path, text, problem):
    (tmp_path / "list.toml").write_text(text)
    with pytest.raises(PlanError) as caught:
        methods([str(tmp_path / "list.toml"), "gcn"], OFFER)
    assert problem in caught.value.problem
