"""The network over model graphs: what it may depend on, its file, and how probes mend it."""

import json
import math
from dataclasses import replace
from random import Random

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from graphtune.errors import ModelError, PlanError
from graphtune.graph import propagate
from graphtune.structure import KINDS, ModelEdge, ModelGraph, ModuleNode
from graphtune.structure.gnn import (
    INPUTS,
    Likeness,
    Places,
    StructureGNN,
    comparable,
    inputs,
    mended,
    normal_scores,
    probes,
    refined,
    relations_of,
    to_probe,
)
from graphtune.structure.gnn.reader import StructureReader, read_reader, write_reader
from graphtune.structure.purpose import PURPOSES
from graphtune.structure.scores import MEASURED_COLUMNS, Learned


def graph(blocks: int = 3, seed: int = 0) -> ModelGraph:
    """Return a chain of blocks of three modules, each with a residual past it, with two random columns."""
    drawn = Random(seed)
    nodes = [ModuleNode("words", "embedding", 0, (50, 8), 400, 0, 256)]
    for block in range(1, blocks + 1):
        for kind, size in (("query", 64), ("feed-forward in", 128), ("norm", 16)):
            nodes.append(ModuleNode(f"{block}.{kind}", kind, block, (8, 8), size, 2 * size, 256))
    edges = [ModelEdge(at, at + 1, residual=False) for at in range(len(nodes) - 1)]
    edges += [ModelEdge(at, at + 3, residual=True) for at in range(0, len(nodes) - 3, 3)]
    bare = ModelGraph("small", blocks, 8, 8, "export", tuple(nodes), tuple(edges))
    return bare.with_columns({name: [drawn.random() for _ in nodes] for name in ("Fisher", "kurtosis")})


def network(*, edges: bool = True) -> StructureGNN:
    torch.manual_seed(0)
    return StructureGNN(len(INPUTS), width=8, edges=edges).eval()


def permuted(whole: ModelGraph, order: list[int]) -> ModelGraph:
    place = {old: new for new, old in enumerate(order)}
    edges = [ModelEdge(place[e.source], place[e.target], residual=e.residual) for e in reversed(whole.edges)]
    columns = {name: tuple(values[at] for at in order) for name, values in whole.columns.items()}
    return replace(whole, nodes=tuple(whole.nodes[at] for at in order), edges=tuple(edges), columns=columns)


def test_the_order_of_modules_and_edges_does_not_matter():
    whole = graph()
    order = Random(1).sample(range(len(whole.nodes)), len(whole.nodes))
    reader = StructureReader((network(),))
    np.testing.assert_allclose(
        reader.read(permuted(whole, order)).predicted, reader.read(whole).predicted[order], atol=1e-5
    )


def test_several_models_at_once_are_read_as_each_by_itself():
    small, large, net = graph(2, seed=1), graph(4, seed=2), network().eval()
    alone = [net(inputs(one), relations_of(one)) for one in (small, large)]
    counts = torch.tensor([len(small.nodes), len(large.nodes)])
    models = torch.arange(2).repeat_interleave(counts)
    x = torch.cat([inputs(small), inputs(large)])
    found = net(x, relations_of(small, large), models=models)
    torch.testing.assert_close(found, torch.cat(alone))
    # The mean of all nodes is that of a model's own.
    assert not torch.allclose(net(x, relations_of(small, large)), found, atol=1e-3)


def test_only_the_order_of_a_column_matters():
    whole = graph()
    other = whole.with_columns({"Fisher": [math.exp(value) for value in whole.column("Fisher")]})
    torch.testing.assert_close(inputs(other), inputs(whole))


def test_inputs_have_names_and_what_is_missing_is_nothing():
    table = inputs(graph())
    assert table.shape == (10, len(INPUTS))
    assert table[:, : len(KINDS)].sum(dim=1).tolist() == [1.0] * 10
    assert not table[:, INPUTS.index("Taylor")].any()
    assert table[:, INPUTS.index("Fisher")].sum().abs() < 1e-5


def test_normal_scores_are_quantiles_of_ranks():
    found = normal_scores([3.0, math.nan, 1.0, 2.0])
    assert np.isnan(found[1])
    np.testing.assert_allclose(found[[2, 3, 0]], [-0.6745, 0.0, 0.6745], atol=1e-4)


@pytest.mark.parametrize("edges", [True, False])
def test_edges_are_read_unless_they_are_not_to_be(edges):
    whole = graph()
    made = StructureReader((network(edges=edges),))
    alike = np.allclose(made.read(whole).predicted, made.read(replace(whole, edges=())).predicted)
    assert alike != edges


def test_each_relation_is_a_mean_over_neighbours():
    along, against, past, back = (propagate(one, torch.eye(10)) for one in relations_of(graph()))
    for one in (along, against, past, back):
        sums = one.sum(dim=1)
        torch.testing.assert_close(sums, (sums > 0).float())
    assert torch.equal(along > 0, (against > 0).T)
    assert torch.equal(past > 0, (back > 0).T)
    assert along[1, 0] == 1.0  # the second module receives from the first


def test_what_is_mended_has_the_scale_of_the_probes():
    made = StructureReader((network(),)).read(graph())
    some = np.full(10, np.nan)
    some[[0, 4, 7]] = [0.3, 0.1, 0.2]
    once = mended(made, "tune", some)
    np.testing.assert_allclose(mended(made, "tune", 5 * some), 5 * once, atol=1e-9)
    np.testing.assert_allclose(mended(made, "tune", some + 1), once + 1, atol=1e-9)
    # One alone tells no scale.
    some[[4, 7]] = np.nan
    np.testing.assert_array_equal(mended(made, "tune", some), np.exp(made.predicted[:, 0]))


def test_measured_modules_all_alike_are_mended_to_one_number_but_for_the_order():
    made = StructureReader((network(),)).read(graph())
    same = np.full(10, np.nan)
    same[[1, 5, 9]] = 0.25
    assert np.isfinite(mended(made, "tune", same)).all()
    flat = replace(made, predicted=np.zeros((10, 3)))
    np.testing.assert_allclose(mended(flat, "tune", same), 0.25)


def test_harm_is_mended_by_its_logarithm_and_stays_above_nothing():
    made = StructureReader((network(),)).read(graph())
    some = np.full(10, np.nan)
    some[[0, 4, 7]] = [3e-1, 1e-4, 2e-2]
    once = mended(made, "prune", some)
    assert (once > 0).all()
    np.testing.assert_allclose(mended(made, "prune", 1e3 * some), 1e3 * once, rtol=1e-9)
    none = np.where(np.isnan(some), np.nan, 0.0)
    np.testing.assert_array_equal(
        mended(made, "quantise", none), np.exp(made.predicted[:, PURPOSES.index("quantise")])
    )
    some[9] = 0.0  # no harm has no logarithm, and is still the least
    assert mended(made, "prune", some)[9] < mended(made, "prune", some)[[0, 7]].min()


def test_probes_mend_a_wrong_prediction():
    whole = graph()
    made = replace(StructureReader((network(),)).read(whole), predicted=np.zeros((10, 3)))
    truth = np.array([float(node.kind == "query") + 0.1 * node.block for node in whole.nodes])
    chosen = probes(made.alike, np.ones(10), np.arange(10), 6, made.noise)
    assert len(set(chosen.tolist())) == 6
    measured = np.full(10, np.nan)
    measured[chosen] = truth[chosen]
    left = np.setdiff1d(np.arange(10), chosen)
    found = mended(made, "tune", measured)
    assert np.abs(found - truth)[left].mean() < np.abs(truth - truth[chosen].mean())[left].mean()


def test_two_measured_modules_by_hand():
    """Nothing is predicted: the mean, and of what is left a share that the kernel and the noise give."""
    alike = torch.tensor([[1.0, 0.0, 0.5], [0.0, 1.0, 0.0], [0.5, 0.0, 1.0]], dtype=torch.float64)
    noise, belief = (torch.tensor(value, dtype=torch.float64) for value in (0.25, 2.0))
    at, measured = torch.tensor([0, 1]), torch.tensor([3.0, 1.0], dtype=torch.float64)
    found = refined(torch.zeros(3, dtype=torch.float64), alike, at, measured, noise, belief)
    np.testing.assert_allclose(found.numpy(), [2 + 1 / 1.25, 2 - 1 / 1.25, 2 + 0.5 / 1.25])
    # What is predicted is followed, here with the very slope that both the probes and their spread give.
    order = torch.tensor([1.0, -1.0, 0.0]).double()
    np.testing.assert_allclose(refined(order, alike, at, measured, noise, 0 * belief), [3.0, 1.0, 2.0])
    # Probes that say the contrary bend the slope to nothing, and belief keeps it up.
    against = torch.tensor([1.0, 3.0], dtype=torch.float64)
    none = refined(order, alike, at, against, noise, 0 * belief)
    np.testing.assert_allclose(none, [2 - 1 / 1.25, 2 + 1 / 1.25, 2 - 0.5 / 1.25])
    kept = refined(order, alike, at, against, noise, torch.tensor(1e9, dtype=torch.float64))
    slope = 1.0 / (2 / 3) ** 0.5  # the spread of the measured over that of the predicted
    left = 1 + slope
    wanted = [2 + slope - left / 1.25, 2 - slope + left / 1.25, 2 - 0.5 * left / 1.25]
    np.testing.assert_allclose(kept, wanted, rtol=1e-6)


def test_what_makes_modules_alike_learns_from_what_is_mended():
    made = network().train()
    whole = graph()
    states = made.embedded(inputs(whole), relations_of(whole))
    alike = made.likeness(states, Places.of(whole))
    at, measured = torch.tensor([1, 4, 8]), torch.tensor([0.3, 0.1, 0.2])
    said = made.leave(states)[:, 0]
    refined(said, alike, at, measured, made.likeness["noise"], made.likeness["belief"])[2].backward()
    assert made.likeness.logarithms.grad.abs().min() > 0
    assert made.enter.weight.grad.abs().sum() > 0


def test_harm_is_comparable_by_its_logarithm():
    np.testing.assert_allclose(comparable(np.array([0.0, 1e-2, 1.0]), "prune"), np.log([1e-3, 1e-2, 1.0]))
    np.testing.assert_array_equal(comparable(np.array([-1.0, 2.0]), "tune"), [-1.0, 2.0])


def alike_by_places() -> np.ndarray:
    with torch.no_grad():
        return Likeness()(torch.zeros(10, 2), Places.of(graph())).double().numpy()


def test_modules_are_alike_by_kind_and_depth():
    alike = alike_by_places()
    np.testing.assert_array_equal(alike, alike.T)
    np.testing.assert_allclose(np.diag(alike), 1.0, rtol=1e-6)
    assert np.linalg.eigvalsh(alike).min() > -1e-6
    query, beside, above, last = alike[1, 1], alike[1, 2], alike[1, 4], alike[1, 7]
    assert query > above > last > 0  # the same kind, one and two blocks on
    assert above > beside  # another kind of the same block


def test_probes_are_of_the_modules_that_can_be_measured_and_tell_most_for_their_cost():
    able = np.array([1, 2, 5])
    assert set(probes(alike_by_places(), np.ones(10), able, 8, 0.3).tolist()) == {1, 2, 5}
    # Two that are as good as one, and one by itself: by one of each all is known.
    alike = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    assert set(probes(alike, np.array([2.0, 1.0, 1.0]), np.arange(3), 2, 0.3).tolist()) == {1, 2}
    assert probes(alike, np.array([1.0, 1.0, 9.0]), np.arange(3), 1, 0.3).tolist() == [0]


def test_modules_to_probe_are_named_and_have_weights():
    small = graph()
    bare = replace(small.nodes[3], name="bare", parameters=0)
    head = replace(small.nodes[9], name="head", kind="head")
    whole = replace(small, nodes=(*small.nodes[:3], bare, *small.nodes[4:9], head))
    names = to_probe(whole, 4)
    assert len(set(names)) == 4
    assert set(to_probe(whole, 99)) == {node.name for node in whole.nodes} - {"bare", "head"}
    with pytest.raises(PlanError, match="0 modules cannot"):
        to_probe(whole, 0)
    with pytest.raises(PlanError, match="No module"):
        to_probe(replace(whole, nodes=(bare, head), edges=(), columns={}), 2)


def test_a_file_gives_back_what_was_written(tmp_path):
    path = tmp_path / "networks.safetensors"
    members = (network(), StructureGNN(len(INPUTS), width=8))
    write_reader(members, {"sets": "none"}, path)
    whole = graph()
    again = read_reader(path).read(whole)
    before = StructureReader(members).read(whole)
    np.testing.assert_array_equal(again.predicted, before.predicted)
    np.testing.assert_array_equal(again.alike, before.alike)
    assert (again.noise, again.belief) == (before.noise, before.belief)
    score = Learned(str(path))
    predicted = again.predicted[:, PURPOSES.index("prune")]
    np.testing.assert_allclose(np.log(score.of(whole, "prune")), predicted)  # above 0, in the same order
    measured = [0.5 if at < 3 else math.nan for at in range(10)]
    probed = whole.with_columns({MEASURED_COLUMNS["prune"]: measured})
    assert score.of(probed, "prune") != score.of(whole, "prune")


def test_a_file_that_is_none_is_refused(tmp_path):
    with pytest.raises(ModelError, match="There is no structure network"):
        Learned(str(tmp_path / "nowhere")).of(graph(), "tune")
    path = tmp_path / "networks.safetensors"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(ModelError, match="was altered"):
        read_reader(path)
    other = tmp_path / "other.safetensors"
    write_reader((network(),), {}, other)
    shape = {"format": 2, "inputs": ["another"], "width": 8, "depth": 2, "edges": True, "members": 1}
    save_file(load_file(other), other, {"network": json.dumps(shape)})
    with pytest.raises(ModelError, match="other inputs"):
        read_reader(other)
    older = tmp_path / "older.safetensors"
    save_file(load_file(other), older, {"network": json.dumps({**shape, "format": 1, "inputs": INPUTS})})
    with pytest.raises(ModelError, match="have format 1; this graphtune reads 2"):
        read_reader(older)
