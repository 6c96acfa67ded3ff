import math

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional

from graphtune.errors import PlanError
from graphtune.loss import (
    ALL,
    CrossEntropy,
    Focal,
    Loss,
    balanced,
    distillation,
    soft_cross_entropy,
    supervised_contrastive,
)

ROWS, CLASSES = 12, 4
LOGITS = torch.randn(ROWS, CLASSES, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 3
LABELS = torch.tensor([0, 0, 0, 0, 0, 1, 1, 1, 3, 3, 0, 1])  # class 2 never occurs
WEIGHTS = torch.linspace(0.1, 2.0, ROWS, dtype=torch.float64)
BY_CLASS = (0.5, 2.0, 1.0, 3.0)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("by_class", [None, BY_CLASS])
def test_cross_entropy_equals_torch(smoothing, by_class):
    weight = None if by_class is None else torch.tensor(by_class, dtype=torch.float64)
    expected = functional.cross_entropy(LOGITS, LABELS, weight, label_smoothing=smoothing)
    torch.testing.assert_close(CrossEntropy(smoothing, by_class)(LOGITS, LABELS), expected)


def test_cross_entropy_by_hand():
    logits = torch.tensor([[0.0, 0.0], [math.log(3.0), 0.0]])
    loss = CrossEntropy()(logits, torch.tensor([0, 1]), torch.tensor([1.0, 3.0]))
    assert loss.item() == pytest.approx((math.log(2) + 3 * math.log(4)) / 4)


@pytest.mark.parametrize("loss", [CrossEntropy(0.2, BY_CLASS), Focal(2.0, BY_CLASS), Focal(0.5)])
def test_row_of_weight_two_counts_as_two_rows(loss):
    twice = torch.cat([torch.arange(ROWS), torch.tensor([3])])
    weights = torch.ones(ROWS, dtype=torch.float64)
    weights[3] = 2
    torch.testing.assert_close(loss(LOGITS, LABELS, weights), loss(LOGITS[twice], LABELS[twice]))


def test_balanced_weights_equal_scikit_learn():
    present = np.array([0, 1, 3])
    expected = compute_class_weight("balanced", classes=present, y=LABELS.numpy())
    weights = balanced(LABELS, CLASSES)
    assert [weights[c] for c in present] == pytest.approx(expected)
    assert weights[2] == 1.0
    by_name, by_number = CrossEntropy(class_weights="balanced"), CrossEntropy(class_weights=weights)
    torch.testing.assert_close(by_name(LOGITS, LABELS, WEIGHTS), by_number(LOGITS, LABELS, WEIGHTS))


def test_balanced_classes_count_alike():
    one_each = torch.tensor([0, 5, 8])
    loss = CrossEntropy(class_weights="balanced")
    means = [functional.cross_entropy(LOGITS[c == LABELS], LABELS[c == LABELS]) for c in LABELS[one_each]]
    torch.testing.assert_close(loss(LOGITS, LABELS), torch.stack(means).mean())


@pytest.mark.parametrize("by_class", [None, "balanced", BY_CLASS])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_focal_without_gamma_is_cross_entropy(by_class, weights):
    expected = CrossEntropy(class_weights=by_class)(LOGITS, LABELS, weights)
    torch.testing.assert_close(Focal(0.0, by_class)(LOGITS, LABELS, weights), expected)


def test_focal_by_hand():
    logits = torch.tensor([[math.log(3.0), 0.0]])
    assert Focal(2.0)(logits, torch.tensor([0])).item() == pytest.approx(0.25**2 * math.log(4 / 3))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_focal_gradient_is_finite_where_the_model_is_certain(gamma):
    logits = torch.tensor([[1e4, 0.0], [0.0, 1e4]], requires_grad=True)
    Focal(gamma)(logits, torch.tensor([0, 0])).backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("loss", [CrossEntropy(0.1, BY_CLASS), Focal(1.5, BY_CLASS), Focal(0.5)])
def test_gradient(loss):
    logits = LOGITS.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss(x, LABELS, WEIGHTS), logits)


@pytest.mark.parametrize("loss", [kind() for kind in ALL])
def test_no_counting_row_is_no_loss(loss):
    assert isinstance(loss, Loss)
    assert loss(LOGITS[:0], LABELS[:0]).item() == 0.0
    assert loss(LOGITS, LABELS, torch.zeros(ROWS, dtype=torch.float64)).item() == 0.0


@pytest.mark.parametrize("kind", ALL)
def test_wrong_number_of_class_weights(kind):
    with pytest.raises(PlanError, match="2 class weights were given for 4 classes"):
        kind(class_weights=(1.0, 2.0))(LOGITS, LABELS)


def test_settings_out_of_range():
    with pytest.raises(PlanError, match=r"smoothing = 1\.5"):
        CrossEntropy(smoothing=1.5)
    with pytest.raises(PlanError, match="gamma = -1"):
        Focal(gamma=-1.0)


def test_soft_cross_entropy_equals_torch():
    targets = torch.softmax(LOGITS.flip(0), 1)
    torch.testing.assert_close(soft_cross_entropy(LOGITS, targets), functional.cross_entropy(LOGITS, targets))
    hard = functional.one_hot(LABELS, CLASSES).double()
    torch.testing.assert_close(
        soft_cross_entropy(LOGITS, hard, WEIGHTS), CrossEntropy()(LOGITS, LABELS, WEIGHTS)
    )


def test_distillation_equals_torch_and_ends_at_zero():
    teacher, heat = LOGITS.flip(0), 3.0
    student, target = (LOGITS / heat).log_softmax(1), (teacher / heat).softmax(1)
    expected = functional.kl_div(student, target, reduction="batchmean") * heat**2
    torch.testing.assert_close(distillation(LOGITS, teacher, heat), expected)
    assert distillation(LOGITS, LOGITS + 7, heat, WEIGHTS).item() == pytest.approx(0.0, abs=1e-12)


def test_distillation_has_the_gradient_of_soft_cross_entropy():
    one, other = LOGITS.clone().requires_grad_(), LOGITS.clone().requires_grad_()
    teacher = LOGITS.flip(0)
    distillation(one, teacher).backward()
    soft_cross_entropy(other, teacher.softmax(1)).backward()
    torch.testing.assert_close(one.grad, other.grad)


def test_supervised_contrastive_by_hand():
    rows = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [-1.0, 0.0]], dtype=torch.float64)
    labels = torch.tensor([0, 0, 1, -1])
    # Cosines of row 0: .6, 0, -1; of row 1: .6, .8, -.6. Rows 2 and 3 have no other of their class.
    expected = 0.0
    for own, others in ((0.6, (0.6, 0.0, -1.0)), (0.6, (0.6, 0.8, -0.6))):
        expected -= own / 0.5 - math.log(sum(math.exp(other / 0.5) for other in others))
    found = supervised_contrastive(rows, labels, 0.5)
    assert found.item() == pytest.approx(expected / 2)
    found = supervised_contrastive(rows, labels, 0.5, lone=True)
    assert found.item() == pytest.approx(expected / 3)  # row 3 is of no class


def test_supervised_contrastive_counts_lone_rows_as_their_weights_say():
    rows = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [-1.0, 0.0]], dtype=torch.float64)
    labels, weights = torch.tensor([0, 0, 1, -1]), torch.tensor([1.0, 2.0, 3.0, 5.0], dtype=torch.float64)
    each = [
        supervised_contrastive(rows, labels, 0.5, torch.eye(4, dtype=torch.float64)[row]) for row in (0, 1)
    ]
    found = supervised_contrastive(rows, labels, 0.5, weights, lone=True)
    assert found.item() == pytest.approx((each[0].item() + 2 * each[1].item()) / 6)


def test_supervised_contrastive_averages_outside_the_logarithm():
    rows = functional.normalize(torch.randn(9, 4, generator=torch.Generator().manual_seed(0)))
    labels = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 3])
    expected, counted = 0.0, 0
    for i in range(9):
        same = [j for j in range(9) if j != i and labels[j] == labels[i]]
        if same:
            below = torch.logsumexp(torch.stack([rows[i] @ rows[j] / 0.2 for j in range(9) if j != i]), 0)
            expected -= float(sum(rows[i] @ rows[j] / 0.2 - below for j in same) / len(same))
            counted += 1
    found = supervised_contrastive(rows, labels, 0.2)
    assert found.item() == pytest.approx(expected / counted, rel=1e-5)


def test_supervised_contrastive_counts_a_row_as_its_weight_says():
    rows = functional.normalize(torch.randn(4, 3, generator=torch.Generator().manual_seed(1)))
    labels = torch.tensor([0, 0, 1, 1])
    one = supervised_contrastive(rows, labels, 0.1, torch.tensor([1.0, 0.0, 0.0, 0.0]))
    heavy = supervised_contrastive(rows, labels, 0.1, torch.tensor([3.0, 0.0, 0.0, 0.0]))
    assert one.item() == pytest.approx(heavy.item())
    assert one.item() != pytest.approx(supervised_contrastive(rows, labels, 0.1).item())


@pytest.mark.parametrize("labels", [[0, 1, 2], [-1, -1, -1], [0]])
def test_supervised_contrastive_without_a_pair_is_0_and_so_is_its_gradient(labels):
    rows = functional.normalize(torch.randn(len(labels), 3)).requires_grad_()
    loss = supervised_contrastive(rows, torch.tensor(labels))
    loss.backward()
    assert loss.item() == 0.0
    assert not rows.grad.any()


def test_supervised_contrastive_needs_a_temperature():
    with pytest.raises(PlanError, match="temperature = 0"):
        supervised_contrastive(torch.eye(2), torch.tensor([0, 0]), 0.0)
