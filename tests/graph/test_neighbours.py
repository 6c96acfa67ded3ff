"""The nearest-neighbour graph against brute force, and new rows against the rule it stands for."""

import numpy as np
import pytest
import torch
from nodes import rows, unit

from graphtune.errors import GraphError
from graphtune.graph import Neighbours, nearest

PRECISE = {"rtol": 1e-5, "atol": 1e-6}


def brute_force(features: torch.Tensor, k: int, sharpness: float, linked: str) -> np.ndarray:
    cosine = features.numpy() @ features.numpy().T
    chosen = np.zeros(cosine.shape, dtype=bool)
    for row in range(len(cosine)):
        others = [other for other in range(len(cosine)) if other != row]
        chosen[row, sorted(others, key=lambda other: -cosine[row, other])[:k]] = True
    chosen = chosen | chosen.T if linked == "either" else chosen & chosen.T
    return np.where(chosen, np.maximum(cosine, 0) ** sharpness, 0)


def dense(graph) -> np.ndarray:
    return graph.scipy().toarray()


@pytest.mark.parametrize("linked", ["either", "both"])
@pytest.mark.parametrize(("k", "sharpness"), [(1, 1.0), (4, 1.0), (4, 4.0), (39, 0.5), (100, 1.0)])
def test_equals_brute_force(k, sharpness, linked):
    features = unit(40)
    graph = Neighbours(k, sharpness, linked).build(rows(features)).graph
    np.testing.assert_allclose(dense(graph), brute_force(features, k, sharpness, linked), **PRECISE)
    assert (graph.weight > 0).all()


def test_blocks_join_without_a_seam(monkeypatch):
    features = unit(40)
    whole = Neighbours(5).build(rows(features))
    attached = whole.attach(rows(unit(9, seed=1))).stored
    monkeypatch.setattr(nearest, "_BLOCK_ENTRIES", 7 * 40)
    pieces = Neighbours(5).build(rows(features.clone()))  # searched anew
    np.testing.assert_allclose(dense(pieces.graph), dense(whole.graph), **PRECISE)
    np.testing.assert_allclose(pieces.threshold, whole.threshold, **PRECISE)
    again = pieces.attach(rows(unit(9, seed=1))).stored
    np.testing.assert_allclose(again.toarray(), attached.toarray(), **PRECISE)


@pytest.mark.parametrize("linked", ["either", "both"])
@pytest.mark.parametrize(("stored", "k"), [(40, 5), (40, 1), (6, 6), (6, 5), (3, 15), (1, 4)])
def test_a_new_row_is_linked_as_if_it_had_been_there(stored, k, linked):
    features, builder = unit(stored), Neighbours(k, 2.0, linked)
    built = builder.build(rows(features))
    fresh = unit(8, seed=1)
    attached = built.attach(rows(fresh, name="n"))
    for row in range(8):
        rebuilt = builder.build(rows(torch.cat([features, fresh[row : row + 1]])))
        expected = dense(rebuilt.graph)[-1, :-1]
        np.testing.assert_allclose(attached.stored.toarray()[row], expected, **PRECISE)
    assert attached.among.nnz == 0


def test_a_new_row_receives_from_rows_it_would_push_in_among():
    # The new row's one nearest is the first; the second has nobody nearer than the new row.
    stored = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    new = torch.nn.functional.normalize(torch.tensor([[0.9, 0.4]]), dim=1)
    received = Neighbours(1).build(rows(stored)).attach(rows(new)).stored.toarray()
    np.testing.assert_allclose(received, new.numpy(), **PRECISE)
    only = Neighbours(1, linked="both").build(rows(stored)).attach(rows(new)).stored.toarray()
    np.testing.assert_allclose(only, [[new[0, 0], 0]], **PRECISE)


def test_a_row_of_zeros_is_isolated_stored_or_new():
    features = unit(10)
    features[3] = 0
    built = Neighbours(9).build(rows(features))
    assert not dense(built.graph)[3].any()
    assert not dense(built.graph)[:, 3].any()
    attached = built.attach(rows(torch.zeros(1, 6))).stored
    assert attached.nnz == 0
    assert built.attach(rows(unit(2, seed=4))).stored.toarray()[:, 3].tolist() == [0, 0]


def test_opposite_rows_are_not_linked():
    features = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])
    assert Neighbours(2).build(rows(features)).graph.edges == 0


def test_one_row_and_none():
    alone = Neighbours(15).build(rows(unit(1)))
    assert (alone.graph.nodes, alone.graph.edges) == (1, 0)
    assert alone.attach(rows(unit(1))).stored.toarray() == pytest.approx(1.0)
    assert Neighbours(15).build(rows(unit(0))).graph.nodes == 0
    assert alone.attach(rows(unit(0))).stored.shape == (0, 1)


def test_duplicates_are_linked_with_weight_one():
    features = unit(12)
    features[7] = features[2]
    built = Neighbours(2).build(rows(features))
    assert dense(built.graph)[2, 7] == pytest.approx(1.0)
    assert built.graph.source[built.graph.source == built.graph.target].numel() == 0
    assert built.attach(rows(features[2:3])).stored.toarray()[0, [2, 7]] == pytest.approx([1.0, 1.0])


def test_a_thousand_copies_cost_one_new_row_a_bounded_number_of_links():
    features = torch.cat([unit(1).expand(300, -1), unit(2, seed=5)])
    built = Neighbours(4).build(rows(features))
    new = torch.nn.functional.normalize(0.9 * features[300:301] + 0.1 * features[:1], dim=1)
    received = built.attach(rows(torch.cat([features[:1], new]))).stored
    assert (received.toarray() > 0).sum(axis=1).max() == 40
    assert received.toarray()[1].argmax() == 300  # the nearest is never what is left out


def test_is_restored_from_what_is_saved():
    builder, features = Neighbours(3, 2.0), unit(20)
    built = builder.build(rows(features))
    again = builder.restored(built.graph, [f"s{i}" for i in range(20)], built.tensors())
    new = rows(unit(5, seed=1), name="n")
    assert (again.attach(new).stored != built.attach(new).stored).nnz == 0


@pytest.mark.parametrize("settings", [{"k": 0}, {"sharpness": 0.0}, {"sharpness": float("nan")}])
def test_settings_without_sense_are_refused(settings):
    with pytest.raises(GraphError) as refused:
        Neighbours(**settings)
    assert str(*settings.values()) in refused.value.problem
