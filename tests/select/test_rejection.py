"""How strange a text is: by signs worked out by hand, and thresholds that do what they say."""

import numpy as np
import pytest
import torch

from graphtune.metric import auroc
from graphtune.select import rejection as module
from graphtune.select.rejection import LEAST, Rejection, by_examples, signs


def _unit(*rows: tuple[float, ...]) -> torch.Tensor:
    x = torch.tensor(rows, dtype=torch.float32)
    return x / x.norm(dim=1, keepdim=True)


def _plain(known: np.ndarray, threshold: float = 0.0) -> Rejection:
    made = Rejection(torch.zeros(1, 2), torch.zeros(0), (0.0, 0.0), (1.0, 1.0), (0.5, 0.5), threshold)
    return module._weighing(made, known, 0.5)


def test_signs_are_entropy_and_mean_distance_to_the_nearest():
    near = _unit((1, 0), (0, 1), (1, 1)).half()
    shares = np.array([[0.5, 0.5], [1.0, 0.0]], dtype=np.float32)
    found = signs(shares, _unit((1, 0), (-1, 0)), near)
    np.testing.assert_allclose(found[:, 0], [np.log(2), 0], atol=1e-6)
    cosines = np.array([1, 0, np.sqrt(0.5)])
    np.testing.assert_allclose(found[:, 1], [1 - cosines.mean(), 1 + cosines.mean()], atol=1e-3)


def test_only_the_five_nearest_count(monkeypatch):
    near = torch.cat([_unit(*[(1.0, 0.0)] * 5), _unit(*[(-1.0, 0.0)] * 9)])
    shares = np.full((3, 2), 0.5, dtype=np.float32)
    x = _unit((1, 0), (0, 1), (-1, 0))
    found = signs(shares, x, near)
    np.testing.assert_allclose(found[:, 1], [0, 1, 0], atol=1e-6)
    monkeypatch.setattr(module, "_COSINES_AT_ONCE", 1)
    np.testing.assert_array_equal(signs(shares, x, near), found)
    assert signs(shares[:0], x[:0], near).shape == (0, 2)


def test_a_share_of_known_texts_keeps_its_class():
    known = np.random.default_rng(0).normal(size=(400, 2))
    found = _plain(known)
    for share in (0.5, 0.9, 0.95, 1.0):
        threshold = found.keeping(share)
        kept = float((found.of(known) <= np.float32(threshold)).mean())
        assert share <= kept <= share + 1 / 400 + 1e-9


def test_examples_choose_the_sign_that_tells_them():
    random = np.random.default_rng(0)
    known, strange = random.normal(size=(300, 2)), random.normal((0, 3), size=(60, 2))
    found = by_examples(_plain(known, 9.0), known, strange)
    assert found.weights[1] > 0.7
    told = np.arange(360) >= 300
    scores = np.concatenate([found.of(known), found.of(strange)])
    assert auroc(scores, told) >= auroc(np.concatenate([known, strange])[:, 1], told) - 0.01
    assert found.examples == 60
    assert found.caught == pytest.approx(float((found.of(strange) > found.threshold).mean()))
    best = max(float((found.of(known) <= t).mean() + (found.of(strange) > t).mean()) for t in scores.tolist())
    assert found.kept + found.caught == pytest.approx(best)


def test_too_few_examples_choose_nothing():
    random = np.random.default_rng(0)
    known, strange = random.normal(size=(50, 2)), random.normal(size=(LEAST - 1, 2)) + 5
    before = _plain(known, 1.5)
    found = by_examples(before, known, strange)
    assert (found.weights, found.threshold) == ((0.5, 0.5), 1.5)
    assert (found.examples, found.caught) == (LEAST - 1, 1.0)


def test_of_many_labelled_texts_rare_classes_stay_whole(monkeypatch):
    monkeypatch.setattr(module, "_MOST_STORED", 30)
    labels = np.repeat([0, 1, 2], [100, 50, 4])
    rows = module._few_a_class(np.arange(154), labels, np.random.default_rng(0))
    counts = np.bincount(labels[rows])
    assert counts.sum() <= 30
    assert counts[2] == 4
    assert counts[0] == counts[1] == 13
    assert len(np.unique(rows)) == len(rows)


def test_restored_it_gives_the_same_scores():
    x = torch.nn.functional.normalize(torch.randn(9, 4, generator=torch.Generator().manual_seed(0)), dim=1)
    shares = np.random.default_rng(0).dirichlet(np.ones(3), 9).astype(np.float32)
    made = Rejection(x.half(), torch.arange(3.0), (0.25, 0.1), (0.5, 0.3), (0.3, 0.7), 1.25, 12, 0.5)
    again = Rejection.restored(made.facts(), made.tensors())
    np.testing.assert_array_equal(again.scores(shares, x), made.scores(shares, x))
    assert again.facts() == made.facts()
