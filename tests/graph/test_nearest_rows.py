"""The nearest rows: all pairs, and lists of many rows."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphtune.graph import Neighbours, Rows
from graphtune.graph import nearest as module
from graphtune.graph.nearest import Lists, blocks, largest, nearest

MANY, K = 3000, 8


def clustered(count: int, *, seed: int = 0, width: int = 24) -> torch.Tensor:
    """Return rows of norm 1 round 40 centres."""
    random = torch.Generator().manual_seed(seed)
    centres = torch.randn(40, width, generator=torch.Generator().manual_seed(7))
    rows = centres[torch.randint(40, (count,), generator=random)]
    return torch.nn.functional.normalize(rows + 0.7 * torch.randn(count, width, generator=random), dim=1)


@pytest.fixture
def many(monkeypatch):
    """Let lists be searched from a few rows on, in blocks smaller than a list."""
    monkeypatch.setattr(module, "LISTS_FROM", MANY)
    monkeypatch.setattr(module, "_BLOCK_ENTRIES", 50_000)


@given(rows=st.integers(1, 5), width=st.integers(1, 2000), k=st.integers(1, 9), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_the_largest_are_those_of_topk(rows, width, k, seed):
    # Few different values, so that ties and equal maxima are common.
    values = torch.randint(-40, 40, (rows, width), generator=torch.Generator().manual_seed(seed)) / 40
    k = min(k, width)
    found, places = largest(values, k)
    assert torch.equal(found, values.topk(k, dim=1).values)
    assert torch.equal(values.gather(1, places), found)
    assert all(len(set(row)) == k for row in places.tolist())


def test_lists_give_true_cosines_of_other_rows_and_miss_few_neighbours(many):
    rows = clustered(MANY)
    found = nearest(rows, K)
    assert found.lists is not None
    own = torch.arange(MANY).unsqueeze(1)
    assert not (found.columns == own).any()
    assert all(len(set(row)) == K for row in found.columns.tolist())
    torch.testing.assert_close(found.cosines, (rows.unsqueeze(1) * rows[found.columns]).sum(-1))
    assert (found.cosines.diff(dim=1) <= 0).all()
    exact = (rows @ rows.T).fill_diagonal_(-2).topk(K, dim=1).values[:, -1:]
    recall = float((found.cosines >= exact - 1e-6).float().mean())
    assert recall >= 0.9
    assert found.lists.recall >= 0.95
    assert recall == pytest.approx(found.lists.recall, abs=0.03)
    # Not by looking everywhere.
    assert found.lists.probes < len(found.lists.centroids) / 2


def test_lists_are_searched_in_bfloat16_where_it_is_fast(many, monkeypatch):
    monkeypatch.setattr(module, "fast_bfloat16", lambda _: False)
    in_float = nearest(clustered(MANY), K)
    monkeypatch.setattr(module, "fast_bfloat16", lambda _: True)
    monkeypatch.setattr(module, "NARROW_FROM", MANY)
    formats = set()
    add = module.Best.add
    monkeypatch.setattr(module.Best, "add", lambda *block: formats.add(block[-1].dtype) or add(*block))
    rows = clustered(MANY)
    found = nearest(rows, K)
    assert formats == {torch.bfloat16}
    torch.testing.assert_close(found.cosines, (rows.unsqueeze(1) * rows[found.columns]).sum(-1))
    alike = (found.columns.unsqueeze(-1) == in_float.columns.unsqueeze(1)).any(-1)
    assert alike.float().mean() > 0.99


def test_the_same_rows_are_always_divided_alike(many):
    first, again = (nearest(clustered(MANY), K) for _ in range(2))
    assert first is not again
    assert torch.equal(first.columns, again.columns)


def test_fewer_rows_are_compared_with_all():
    rows = clustered(200)
    found = nearest(rows, K)
    assert found.lists is None
    torch.testing.assert_close(found.cosines, (rows @ rows.T).fill_diagonal_(-2).topk(K, dim=1).values)


def test_a_search_serves_fewer_neighbours_too():
    rows = clustered(60)
    assert nearest(rows, 5) is nearest(rows, 3)
    assert nearest(rows, 6).columns.shape == (60, 6)


@pytest.mark.parametrize("alike", ["all", "none known"])
def test_rows_without_differences_do_no_harm(alike, many):
    rows = torch.zeros(MANY, 4)
    if alike == "all":
        rows[:, 0] = 1.0
    graph = Neighbours(3).build(_rows(rows)).graph
    assert graph.edges >= (3 * MANY if alike == "all" else 0)
    assert (graph.source != graph.target).all()


def test_attaching_by_lists_gives_what_the_lists_hold_of_all_links(many):
    stored, new = clustered(MANY), clustered(50, seed=1)
    built = Neighbours(K).build(_rows(stored))
    assert "lists, which hold 9" in built.report
    assert built.lists is not None
    exact = type(built)(built.builder, built.graph, built.features, built.threshold)
    assert exact.report == ""
    by_lists, by_all = (one.attach(_rows(new)).stored.toarray() for one in (built, exact))
    seen = np.zeros_like(by_lists, dtype=bool)
    for rows, among, _ in blocks(new, stored, built.lists):
        seen[np.ix_(rows.numpy(), among.numpy())] = True
    assert (by_lists > 0)[(by_all > 0) & seen].all()
    assert ((by_lists > 0) & (by_all > 0)).sum() >= 0.9 * (by_all > 0).sum()
    both = (by_lists > 0) & (by_all > 0)
    np.testing.assert_allclose(by_lists[both], by_all[both], rtol=1e-5)


def test_saved_lists_attach_as_before(many):
    stored, new = clustered(MANY), clustered(20, seed=1)
    built = Neighbours(K).build(_rows(stored))
    again = Neighbours(K).restored(built.graph, _rows(stored).ids, built.tensors())
    assert again.report == built.report
    assert (again.attach(_rows(new)).stored != built.attach(_rows(new)).stored).nnz == 0


@pytest.mark.parametrize("lists", [True, False])
def test_no_new_rows_attach(lists, request):
    if lists:
        request.getfixturevalue("many")
    built = Neighbours(K).build(_rows(clustered(MANY)))
    assert (built.lists is not None) == lists
    assert built.attach(_rows(torch.zeros(0, 24))).stored.shape == (0, MANY)


def test_a_long_list_with_nothing_better_is_passed_over():
    best = module.Best.of(2, 3)
    best.add(torch.tensor([0, 1]), torch.arange(3), torch.full((2, 3), 0.5))
    best.add(torch.tensor([0, 1]), torch.arange(3, 5003), torch.full((2, 5000), 0.1))
    assert best.columns.sort(dim=1).values.tolist() == [[0, 1, 2]] * 2
    assert largest(torch.zeros(0, 5000), 3)[0].shape == (0, 3)


def test_stored_rows_of_zeros_link_to_nothing():
    stored = torch.cat([clustered(50), torch.zeros(40, 24)])
    links = Neighbours(K).build(_rows(stored)).attach(_rows(clustered(5, seed=1))).stored
    assert links.nnz >= 5 * K
    assert not links[:, 50:].nnz


def test_graphs_of_other_rows_do_not_share_a_product():
    new = clustered(4, seed=1)
    first, second = (Neighbours(K).build(_rows(clustered(60, seed=seed))) for seed in (2, 3))
    together = [built.attach(_rows(new)).stored.toarray() for built in (first, second, first)]
    alone = [built.attach(_rows(new.clone())).stored.toarray() for built in (first, second, first)]
    np.testing.assert_allclose(together, alone, rtol=1e-6)


def test_every_row_is_in_the_list_of_its_closest_centroid():
    rows = clustered(500)
    lists = Lists.of(rows, 5)
    assert torch.equal(lists.lists, (rows @ lists.centroids.T).argmax(dim=1))


def _rows(features: torch.Tensor) -> Rows:
    names = tuple(map(str, range(len(features))))
    return Rows(names, names, features)


def test_candidates_in_bfloat16_lead_to_the_neighbours_of_float32(monkeypatch):
    rows = clustered(600)
    truth = nearest(rows, 10)
    asked = []
    monkeypatch.setattr(module, "NARROW_FROM", 600)
    monkeypatch.setattr(module, "fast_bfloat16", lambda device: asked.append(device.type) or True)
    found = nearest(rows.clone(), 10)
    assert asked == ["cpu"]
    torch.testing.assert_close(found.cosines, truth.cosines, atol=1e-6, rtol=0)
    alike = (found.columns.unsqueeze(-1) == truth.columns.unsqueeze(1)).any(-1)
    assert alike.float().mean() > 0.999
    assert not (found.columns == torch.arange(600).unsqueeze(1)).any()


@pytest.mark.parametrize("lists", [True, False])
def test_copies_of_stored_rows_are_linked_to_them_whatever_tensor_they_are_in(lists, request):
    if lists:
        request.getfixturevalue("many")
    stored = clustered(MANY)
    built = Neighbours(K).build(_rows(stored))
    same, copied = (built.attach(_rows(rows)).stored for rows in (stored, stored.clone()))
    np.testing.assert_allclose(same.diagonal(), 1.0, rtol=1e-5)
    assert same.nnz == copied.nnz
    np.testing.assert_allclose(same.data, copied.data, rtol=1e-5)
