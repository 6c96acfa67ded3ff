"""Every candidate: against an oracle, attached as if there, learning from its rows only, restored."""

import numpy as np
import pytest
import torch
from corpus import CLASSES, setting

from graphtune.graph import Hops
from graphtune.layer import APPNP, GAT, GCN, SAGE
from graphtune.select import (
    Candidate,
    Data,
    FeatureMaker,
    Majority,
    Mean,
    Nearest,
    Network,
    NewRows,
    Predictor,
    Probe,
    Propagated,
    Smoothed,
    TextGCN,
    Window,
)
from graphtune.select.candidate import tells_nodes
from graphtune.select.features import OF_WORDS
from graphtune.select.linear import LinearHead
from graphtune.strategy import Full

NODES = np.arange(45)
ROWS = NODES[::2]
QUICK = Network(GCN, strategy=Full(epochs=4), width=16)
CANDIDATES: list[Candidate] = [
    Probe("meaning"),
    Probe("words", 5.0),
    Probe("both"),
    Probe("all", 20.0),
    Propagated("both", "meaning", Hops(3, 0.2)),
    Propagated("meaning", "fused"),
    Smoothed(Probe("words"), "links", Hops(5, 0.5)),
    Smoothed(Propagated("both", "both"), "fused", Hops(4, 0.3), 0.7),
    Majority(),
    Nearest("both", 3),
    Smoothed(Majority(), "meaning", Hops(5, 0.2)),
    QUICK,
    Network(SAGE, "both", "links", strategy=Full(epochs=4), width=16),
    Network(GAT, "meaning", "fused", strategy=Full(epochs=4), width=16),
    Network(GAT, "meaning", "fused", strategy=Full(epochs=4), width=16, heads=8),
    Network(APPNP, "meaning", "fused", strategy=Full(epochs=4), width=16, hops=3),
    Mean((Probe("words"), Propagated("meaning", "links"), QUICK)),
    Window(width=8, strategy=Full(epochs=3)),
    TextGCN(width=8, strategy=Full(epochs=3)),
]
each = pytest.mark.parametrize("candidate", CANDIDATES, ids=str)


@each
def test_keeps_the_contract(candidate):
    data, new = setting()
    fitted = candidate.fit(data, ROWS, seed=0)
    assert isinstance(candidate, Candidate)
    assert isinstance(fitted, Predictor)
    for table, rows in ((fitted.at(data, NODES), 45), (fitted.attach(data, new), 12)):
        assert table.shape == (rows, CLASSES)
        assert table.dtype == np.float32
        np.testing.assert_allclose(table.sum(axis=1), 1, atol=1e-5)
    assert candidate.graphs <= data.graphs.keys()
    assert candidate.family == ("graph-free" if not candidate.graphs else candidate.family)


@pytest.mark.parametrize(
    "candidate",
    [c for c in CANDIDATES if c.family != "network" and not isinstance(c, Majority | TextGCN | Window)]
    + [Network(GCN), Network(SAGE), TextGCN(), Window()],
    ids=str,
)
def test_learns_what_there_is_to_learn(candidate):
    data, _ = setting()
    found = candidate.fit(data, ROWS, seed=0).at(data, NODES)
    others = np.setdiff1d(np.arange(45), ROWS)
    assert (found.argmax(axis=1) == data.labels)[others].mean() > 0.5


def test_the_majority_is_what_the_labels_have_most():
    data, new = setting()
    fitted = Majority().fit(data, ROWS, seed=0)
    shares = np.bincount(data.labels[ROWS], minlength=CLASSES) / len(ROWS)
    np.testing.assert_allclose(fitted.attach(data, new), np.tile(shares, (12, 1)), rtol=1e-6)


def test_the_nearest_vote_as_scikit_learns_do():
    from sklearn.neighbors import KNeighborsClassifier

    data, new = setting()
    x, asked = data.features.both.numpy(), new.features.both.numpy()
    oracle = KNeighborsClassifier(5, metric="cosine", weights=lambda distance: np.maximum(1 - distance, 1e-6))
    oracle.fit(x[ROWS], data.labels[ROWS])
    found = Nearest("both", 5).fit(data, ROWS, seed=0).attach(data, new)
    np.testing.assert_allclose(found[:, oracle.classes_], oracle.predict_proba(asked), atol=1e-4)


@each
def test_the_same_seed_gives_the_same_bits_and_leaves_torchs_own_random_state(candidate):
    state = torch.random.get_rng_state()
    first, second = (candidate.fit(setting()[0], ROWS, seed=3) for _ in range(2))
    assert np.array_equal(first.at(setting()[0], NODES), second.at(setting()[0], NODES))
    assert torch.equal(torch.random.get_rng_state(), state)


@each
def test_is_restored_from_its_tensors(candidate):
    data, new = setting()
    fitted = candidate.fit(data, ROWS, seed=0)
    again = candidate.restored(setting()[0], fitted.tensors())
    assert np.array_equal(again.attach(data, new), fitted.attach(data, new))
    assert tells_nodes(again) == (not isinstance(candidate, TextGCN))
    if tells_nodes(again):
        np.testing.assert_allclose(again.at(data, NODES), fitted.at(data, NODES), atol=1e-6)


@each
def test_reads_the_views_it_says(candidate):
    data, new = setting()
    fitted = candidate.fit(data, ROWS, seed=0)
    without = FeatureMaker(data.features.maker.encoder, None)
    less = Data(without.features(data.features.texts), data.graphs, data.labels, data.classes)
    fewer = NewRows(without.features(new.features.texts), new.rows)
    if candidate.reads & OF_WORDS:
        with pytest.raises(ValueError, match="without words"):
            candidate.fit(less, ROWS, seed=0).attach(less, fewer)
    else:
        again = candidate.fit(less, ROWS, seed=0)
        assert np.array_equal(again.at(less, NODES), fitted.at(data, NODES))
        assert np.array_equal(again.attach(less, fewer), fitted.attach(data, new))


def test_names_tell_what_differs():
    assert len({str(candidate) for candidate in CANDIDATES}) == len(CANDIDATES)


def extended(data: Data, new: NewRows, graph: str, view: str) -> tuple:
    """Return the graph with the new rows in it, and all features."""
    built = data.graphs[graph]
    whole = new.attachment(graph, built).extend(built.graph)
    return whole, torch.cat([data.features.dense(view), new.features.dense(view)])  # type: ignore[arg-type]


@pytest.mark.parametrize("graph", ["meaning", "links", "fused"])
def test_propagated_is_a_linear_head_on_averaged_features(graph):
    data, new = setting()
    hops = Hops(3, 0.2)
    fitted = Propagated("both", graph, hops, 5.0).fit(data, ROWS, seed=0)
    whole, x = extended(data, new, graph, "both")
    averaged = hops.last(whole, x)
    labels = data.labels[ROWS]
    head = LinearHead.fit(averaged[torch.from_numpy(ROWS)], labels, CLASSES, strength=5.0)
    expected = head.probabilities(averaged)
    np.testing.assert_allclose(fitted.at(data, NODES), expected[:45], atol=2e-5)
    np.testing.assert_allclose(fitted.attach(data, new), expected[45:], atol=2e-5)


def spread(adjacency: np.ndarray, start: np.ndarray, hops: Hops) -> np.ndarray:
    """Return the values after every hop, by dense matrices."""
    looped = adjacency + np.eye(len(adjacency))
    root = 1 / np.sqrt(looped.sum(axis=1))
    step, state = root[:, None] * looped * root[None, :], start
    for _ in range(hops.count):
        state = (1 - hops.alpha) * step @ state + hops.alpha * start
    return state


def shares(values: np.ndarray) -> np.ndarray:
    positive = np.maximum(values, 1e-9)
    return positive / positive.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("graph", ["meaning", "links", "fused"])
@pytest.mark.parametrize("correct", [0.0, 0.8])
def test_smoothed_equals_dense_matrices(correct, graph):
    data, new = setting()
    hops, base = Hops(4, 0.3), Probe("words")
    fitted = Smoothed(base, graph, hops, correct).fit(data, ROWS, seed=0)
    inner = base.fit(data, ROWS, seed=0)
    adjacency = extended(data, new, graph, "meaning")[0].scipy().toarray()
    start = np.concatenate([inner.at(data, NODES), inner.attach(data, new)]).astype(np.float64)
    truth = np.eye(CLASSES)[data.labels[ROWS]]
    if correct:
        error = np.zeros_like(start)
        error[ROWS] = truth - start[ROWS]
        start = shares(start + correct * spread(adjacency, error, hops))
    start[ROWS] = truth
    expected = shares(spread(adjacency, start, hops))
    np.testing.assert_allclose(fitted.at(data, NODES), expected[:45], atol=1e-5)
    np.testing.assert_allclose(fitted.attach(data, new), expected[45:], atol=1e-5)


def test_smoothing_equals_pyg():
    pyg = pytest.importorskip("torch_geometric.nn")
    data, _ = setting()
    hops, base = Hops(6, 0.3), Probe("words")
    theirs = pyg.CorrectAndSmooth(1, 0.5, num_smoothing_layers=hops.count, smoothing_alpha=1 - hops.alpha)
    graph = data.graphs["meaning"].graph.with_loops().normalised()
    expected = theirs.smooth(
        torch.from_numpy(base.fit(data, ROWS, seed=0).at(data, NODES)),
        torch.from_numpy(data.labels[ROWS]),
        torch.from_numpy(ROWS),
        torch.stack([graph.source, graph.target]),
        graph.weight,
    )
    found = Smoothed(base, "meaning", hops).fit(data, ROWS, seed=0).at(data, NODES)
    np.testing.assert_allclose(found, shares(expected.numpy()), atol=1e-5)


def test_mean_by_hand():
    data, new = setting()
    members = (Probe("words"), Propagated("meaning", "links"), Probe("meaning"))
    fitted = Mean(members).fit(data, ROWS, seed=0)
    alone = [member.fit(data, ROWS, seed=0) for member in members]
    np.testing.assert_allclose(
        fitted.at(data, NODES), sum(one.at(data, NODES) for one in alone) / 3, atol=1e-6
    )
    expected = sum(one.attach(data, new) for one in alone) / 3
    np.testing.assert_allclose(fitted.attach(data, new), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("families", "expected"),
    [
        ((Probe(), Probe("words")), "graph-free"),
        ((Probe(), Propagated()), "graph"),
        ((Propagated(), Smoothed(Network())), "network"),
    ],
)
def test_a_mean_is_as_involved_as_its_most_involved_member(families, expected):
    assert Mean(families).family == expected


@pytest.mark.parametrize("layer", [GCN, SAGE, GAT])
@pytest.mark.parametrize("graph", ["meaning", "links", "fused"])
def test_a_network_sees_new_rows_as_if_they_were_there(layer, graph):
    data, new = setting()
    candidate = Network(layer, "both", graph, strategy=Full(epochs=3), width=16)
    fitted = candidate.fit(data, ROWS, seed=0)
    whole, x = extended(data, new, graph, "both")
    with torch.inference_mode():
        logits = fitted.model.eval().logits(x * x.shape[1] ** 0.5, whole)
    expected = torch.softmax(logits, dim=1).numpy()
    np.testing.assert_allclose(fitted.at(data, NODES), expected[:45], atol=1e-5)
    np.testing.assert_allclose(fitted.attach(data, new), expected[45:], atol=1e-5)


def test_layers_are_made_as_they_are_told():
    heads = [layer.sent.shape[0] for layer in Network(GAT, width=16, heads=8)._model(5, 3).layers]
    assert heads == [8, 8]
    assert Network(APPNP, depth=3, hops=2)._model(5, 3).hops == 6


def test_weights_of_rows_count():
    weights = np.ones(45, dtype=np.float32)
    weights[data_rows := np.arange(45) % 3 == 0] = 20
    for candidate in (Probe("words"), Propagated(), Network(GCN, strategy=Full(epochs=20), width=16)):
        plain = candidate.fit(setting()[0], ROWS, seed=0).at(setting()[0], NODES)
        heavy = candidate.fit(setting(weights=weights)[0], ROWS, seed=0).at(setting()[0], NODES)
        assert heavy[~data_rows, 0].mean() > plain[~data_rows, 0].mean()


@pytest.mark.parametrize("bound", ["_KEPT_FITTED", "_KEPT_BYTES"])
def test_fitted_bases_are_shared_until_too_many_are_held(bound, monkeypatch):
    data, _ = setting()
    once = data.fitted(Probe("words"), ROWS, 0)
    monkeypatch.setattr(f"graphtune.select.data.{bound}", 5 if bound == "_KEPT_FITTED" else 5 * once.size)
    assert data.fitted(Probe("words"), ROWS, 0) is once
    assert data.fitted(Probe("words"), ROWS[1:], 0) is not once
    for number in range(3):
        data.fitted(Probe("words", 1.0 + number), ROWS[:6], 0)
    assert data.fitted(Probe("words"), ROWS, 0) is once
    for number in range(5):
        data.fitted(Probe("words", 1.0 + number), ROWS[:6], 0)
    assert data.fitted(Probe("words"), ROWS, 0) is not once


def test_classes_that_are_spread_in_turn_come_to_the_same(monkeypatch):
    data, new = setting()
    candidate = Smoothed(Probe("words"), "links", Hops(5, 0.5), 0.7)
    whole = candidate.fit(data, ROWS, seed=0)
    expected = whole.at(data, NODES[3:20]), whole.attach(data, new)
    monkeypatch.setattr("graphtune.select.smoothed._BLOCK_BYTES", 1)
    monkeypatch.setattr("graphtune.select.smoothed._LEAST_CLASSES", 2)
    parts = candidate.fit(setting()[0], ROWS, seed=0)
    for found, one in zip((parts.at(data, NODES[3:20]), parts.attach(data, new)), expected, strict=True):
        np.testing.assert_allclose(found, one, atol=1e-6)
