"""What must hold for every strategy that tunes an encoder with a graph, and what each is for itself."""

from dataclasses import dataclass, replace

import pytest
import torch

from graphtune import loss, strategy
from graphtune.errors import PlanError, TrainError
from graphtune.graph import Neighbours, TextGraph
from graphtune.loss import CrossEntropy, Loss, soft_cross_entropy
from graphtune.model import CoupledModel, TextTask
from graphtune.model.coupled import mixed
from graphtune.model.text import in_pieces
from graphtune.plan.toml import from_toml, to_toml
from graphtune.strategy import (
    EM,
    CoupledStrategy,
    EncoderTuning,
    GraphPairs,
    Joint,
    MinedStrategy,
    PseudoLabels,
    Staged,
    Strategy,
)
from graphtune.strategy.em import mixed_task
from graphtune.strategy.pseudo_labels import agreed
from graphtune.train import Training, train
from tasks import KilledError, Mortal, Watched, same, weights
from text_tasks import gold_only, small_coupled_model, small_graph_task, small_text_model

SETTINGS = Training(batch_rows=10, patience=None, checkpoint_seconds=0.0, schedule="linear", clip=1.0)
MINED = [
    GraphPairs(rate=1e-3, epochs=2, pair_rows=5),
    GraphPairs(rate=1e-3, pairs=9, pair_rows=4, word=0.0),
    PseudoLabels(rate=1e-3, epochs=2),
]
COUPLED = [
    EM(epochs=2, taught_epochs=2, network_epochs=3),
    Joint(first_epochs=2, network_epochs=3, epochs=2, rate=1e-3),
    Joint(first_epochs=2, network_epochs=3, epochs=2, share=0.0),
    Joint(first_epochs=2, network_epochs=3, epochs=2, share=1.0),
    Staged(epochs=2, network_epochs=3),
]
every = pytest.mark.parametrize("method", [*MINED, *COUPLED], ids=str)
BLOCK = 4 * (32 * 32 + 32) + (32 * 64 + 64) + (64 * 32 + 32) + 4 * 32
HEAD, NETWORK = 32 * 3 + 3, 32 * 5 + 5 + 5 * 3 + 3


def model_and_task(method: Strategy, builder: Neighbours | None = None) -> tuple:
    task = small_graph_task(2)
    if any(type(method) is type(one) for one in MINED):
        return small_text_model(2), task
    return small_coupled_model(2, builder=builder), gold_only(task)


@every
def test_exactly_the_declared_parameters_move(method):
    model, task = model_and_task(method)
    watched = Watched(method, [], [])
    train(watched, model, task, SETTINGS, seed=0)
    assert watched.declared
    for declared, moved in zip(watched.declared, watched.moved, strict=True):
        assert moved <= declared
        # The keys' bias moves all scores of a query alike, so that its gradient is rounding, if anything. A
        # head that no word reaches has none.
        still = {"head.weight", "head.bias"} if getattr(method, "word", 1.0) == 0.0 else set()
        assert all(name.endswith("key.bias") or name in still for name in declared - moved)


@every
def test_counts_what_it_learns(method):
    model, task = model_and_task(method)
    history = train(method, model, task, SETTINGS, seed=0)
    both, network = BLOCK + HEAD, NETWORK
    expected = {
        "GraphPairs": [both],
        "PseudoLabels": [both, both],
        "EM": [both, network, both, network],
        "Staged": [both, network],
        "Joint": {
            0.7: [both, network, both + network],
            0.0: [both, both],
            1.0: [both, network, BLOCK + network],
        }.get(getattr(method, "share", None)),
    }
    assert [phase.learned for phase in history.phases] == expected[type(method).__name__]


@every
def test_deterministic_by_seed(method):
    def result(seed: int):
        model, task = model_and_task(method)
        train(method, model, task, SETTINGS, seed=seed)
        return weights(model)

    assert same(result(1), result(1))
    assert not same(result(1), result(2))


WITH_GRAPHS = [(one, None) for one in [*MINED, *COUPLED]] + [(one, Neighbours(4)) for one in COUPLED]


@pytest.mark.parametrize(("method", "builder"), WITH_GRAPHS, ids=str)
def test_resumes_bit_for_bit_after_a_kill_in_the_middle_of_each_phase(method, builder, tmp_path):
    model, task = model_and_task(method, builder)
    mortal = Mortal(method, 10**9)
    history = train(mortal, model, task, SETTINGS, seed=0)
    whole, names = weights(model), [phase.name for phase in history.phases]
    for number, name in enumerate(names):
        before = sum(call in names[:number] for call in mortal.calls)
        middle = before + mortal.calls.count(name) // 2 + 1
        into = tmp_path / str(number)
        with pytest.raises(KilledError):
            train(
                Mortal(method, middle), model_and_task(method, builder)[0], task, SETTINGS, seed=0, into=into
            )
        resumed = model_and_task(method, builder)[0]
        again = train(method, resumed, task, SETTINGS, seed=0, into=into, resume=True)
        assert same(whole, weights(resumed))
        assert history == again
        assert getattr(resumed, "share", None) == getattr(model, "share", None)


@dataclass(frozen=True)
class Mined:
    strategy: MinedStrategy


@dataclass(frozen=True)
class Coupled:
    strategy: CoupledStrategy


@every
def test_round_trip_through_toml(method):
    holder = (Mined if method in MINED else Coupled)(replace(method, rate=0.125))
    kinds = {MinedStrategy: strategy.OF_MINED_TEXTS, CoupledStrategy: strategy.OF_COUPLES, Loss: loss.ALL}
    text = to_toml(holder)
    assert f'kind = "{type(method).__name__}"' in text
    assert from_toml(type(holder), text, kinds=kinds) == holder


@dataclass(frozen=True, eq=False)
class Unjudged:
    """A strategy whose phases validation neither ends nor chooses from."""

    inside: Strategy

    def phases(self, model, task):
        for phase in self.inside.phases(model, task):
            yield replace(phase, stopping=False)


@pytest.mark.parametrize("method", [one for one in [*MINED, *COUPLED] if not isinstance(one, EM)], ids=str)
def test_val_rows_teach_nothing(method):
    def result(change: int):
        model, task = model_and_task(method)
        labels, targets = task.labels.clone(), task.targets
        labels[task.val] = (labels[task.val] + change) % 3
        if targets is not None:
            targets = targets.clone()
            targets[task.val] = targets[task.val].roll(change, dims=1)
        train(Unjudged(method), model, replace(task, labels=labels, targets=targets), SETTINGS, seed=0)
        return weights(model)

    assert same(result(0), result(1))


# Pairs


def test_pairs_bring_texts_of_a_class_together():
    model, task = small_text_model(2), small_graph_task(2)
    truth = torch.arange(48) % 3
    known = replace(task, labels=truth)
    train(EncoderTuning(rate=1e-3, epochs=8), model, known, Training(8, patience=None), seed=0)
    apart = truth[:, None] != truth

    def gap() -> float:
        rows = in_pieces(task, torch.arange(48), model.embed).detach()
        alike = rows @ rows.T
        return float(alike[~apart].mean() - alike[apart].mean())

    model.eval()
    before = gap()
    train(GraphPairs(rate=1e-3, epochs=8, pair_rows=8), model, task, Training(patience=None), seed=0)
    assert gap() > before + 0.1


def test_pairs_are_bounded_and_hold_each_text_once_a_step():
    model, task = small_text_model(2), small_graph_task(2)
    (phase,) = GraphPairs(pairs=7).phases(model, task)
    assert len(phase.task.train) == 7
    step = phase.task.batch(torch.arange(7))
    assert len(step.texts.rows.unique()) == len(step.texts.rows)
    assert not set(step.texts.rows.tolist()) & set(task.val.tolist())
    assert sorted(torch.cat(phase.task.pieces(torch.randperm(7), 3)).tolist()) == list(range(7))


def test_pairs_without_a_graph_are_told():
    with pytest.raises(PlanError, match="in a graph") as told:
        train(GraphPairs(), small_text_model(2), replace(small_graph_task(2), graph=None), SETTINGS, seed=0)
    assert "GraphTeacher" in told.value.fix


def test_a_graph_that_yields_no_pair_is_told():
    task = replace(small_graph_task(2), graph=TextGraph.empty(48))
    with pytest.raises(TrainError, match="no row to train on"):
        train(GraphPairs(), small_text_model(2), task, SETTINGS, seed=0)


@pytest.mark.parametrize("method", [GraphPairs(), PseudoLabels()], ids=lambda one: type(one).__name__)
def test_a_teacher_that_is_not_there_is_told(method):
    task = replace(small_graph_task(2), targets=None)
    with pytest.raises(PlanError, match=f"{type(method).__name__} learns from a teacher"):
        train(method, small_text_model(2), task, SETTINGS, seed=0)


# Pseudo-labels


def test_labels_are_those_both_name_the_surest_first_and_as_many_of_each_class():
    labels, val = torch.tensor([0, -1, -1, -1, -1, -1, -1, -1]), torch.tensor([7])
    first = torch.tensor([[0.9, 0.1]] * 4 + [[0.2, 0.8]] * 2 + [[0.4, 0.6], [0.0, 1.0]])
    second = torch.tensor(
        [[0.5, 0.5], [0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.3, 0.7], [0.6, 0.4], [0.1, 0.9], [0.0, 1.0]]
    )
    # Class 0: rows 1, 3 and 2, in this order; class 1: rows 4 and 6 (.56, .54); 5 is disputed, 7 judges.
    assert agreed(first, second, labels, val, 1.0).tolist() == [0, 0, 0, 0, 1, -1, 1, -1]
    assert agreed(first, second, labels, val, 0.0).tolist() == [0, 0, -1, 0, 1, -1, 1, -1]


def test_every_round_chooses_by_what_the_encoder_then_says():
    model, task = small_text_model(2), small_graph_task(2)
    truth, gold = torch.arange(48) % 3, task.labels >= 0
    known = replace(task, labels=truth)
    train(EncoderTuning(rate=1e-3, epochs=15), model, known, Training(8, patience=None), seed=0)
    for phase in PseudoLabels(rate=1e-3, epochs=4).phases(model, task):
        own = torch.softmax(in_pieces(task, torch.arange(48), model.eval()).detach(), 1)
        expected = agreed(own, task.targets, task.labels, task.val, 0.5)
        assert torch.equal(phase.task.labels, expected)
        assert torch.equal(phase.task.labels[gold], task.labels[gold])
        train(Fixed(phase), model, task, Training(8, patience=None), seed=0)
        added = phase.task.train[~gold[phase.task.train]]
        assert len(added) >= 9
        assert (phase.task.labels[added] == truth[added]).float().mean() > 0.8


@dataclass(frozen=True, eq=False)
class Fixed:
    phase: object

    def phases(self, model, task):
        yield self.phase


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: GraphPairs(pairs=0), "pairs = 0"),
        (lambda: GraphPairs(temperature=0.0), "temperature = 0"),
        (lambda: GraphPairs(word=-1.0), "word = -1"),
        (lambda: PseudoLabels(rounds=0), "rounds = 0"),
        (lambda: PseudoLabels(share=1.5), "share = 1.5"),
        (lambda: Joint(share=-0.1), "share = -0.1"),
        (lambda: EM(rounds=0), "rounds = 0"),
        (lambda: EM(encoder_share=2.0), "encoder_share = 2"),
    ],
)
def test_settings_out_of_range_are_told(make, problem):
    with pytest.raises(PlanError, match=problem):
        make()


# An encoder and a network


def gradients(model: torch.nn.Module, value: torch.Tensor) -> dict[str, torch.Tensor | None]:
    model.zero_grad()
    value.backward()
    return {name: p.grad for name, p in model.named_parameters()}


def test_joint_with_share_0_is_plain_fine_tuning():
    model, task = model_and_task(Joint())
    step = task.batch(task.train)
    model.refresh(task)
    model.share = 0.0
    plain = small_text_model(2).eval()
    torch.testing.assert_close(model(step), plain(step), rtol=0, atol=0)
    ours = gradients(model, CrossEntropy()(model(step), step.labels))
    theirs = gradients(plain, CrossEntropy()(plain(step), step.labels))
    for name, gradient in ours.items():
        if name.startswith("network."):
            assert gradient is None
        else:
            expected = theirs[name.removeprefix("text.")]
            assert (gradient is None) == (expected is None)
            assert gradient is None or torch.equal(gradient, expected)


def test_joint_with_share_1_ignores_the_head():
    model, task = model_and_task(Joint())
    step = task.batch(task.train)
    model.refresh(task)
    model.share = 1.0
    found = gradients(model, CrossEntropy()(model(step), step.labels))
    assert found["text.head.weight"] is None
    assert found["network.head.weight"].any()
    assert found["text.encoder.model.encoder.layer.2.output.dense.weight"].any()
    # Just refreshed, the memory holds what the encoder makes of the step's texts.
    expected = model.network.logits(model.scaled(model.memory), task.graph)[step.rows]
    torch.testing.assert_close(model(step), expected, rtol=1e-4, atol=1e-5)


def test_the_mixture_is_that_of_the_probabilities():
    one, two = torch.randn(5, 3), torch.randn(5, 3)
    expected = 0.7 * torch.softmax(one, 1) + 0.3 * torch.softmax(two, 1)
    torch.testing.assert_close(mixed(one, two, 0.7).exp(), expected)
    model, task = model_and_task(Joint())
    model.refresh(task)
    step = task.batch(task.train)
    model.share = 1.0
    network = model(step)
    model.share = 0.0
    own = model(step)
    model.share = 0.7
    torch.testing.assert_close(model(step), mixed(network, own, 0.7))


def test_the_memory_holds_what_the_encoder_makes_of_every_text_when_training_ends():
    for method in COUPLED:
        model, task = model_and_task(method)
        train(method, model, task, SETTINGS, seed=0)
        found = in_pieces(task, torch.arange(48), model.text.embed).detach()
        torch.testing.assert_close(model.memory, found, rtol=0, atol=0)


def test_a_graph_that_is_built_anew_follows_the_memory():
    model, task = model_and_task(Staged(), Neighbours(4))
    model.refresh(task)
    first = model.graph
    assert model.graph is first
    model.memory.copy_(torch.nn.functional.normalize(torch.randn(48, 32), dim=1))
    assert not torch.equal(model.graph.weight, first.weight)


def test_staged_trains_its_network_as_one_over_the_tuned_rows():
    method = Staged(epochs=2, network_epochs=5)
    model, task = model_and_task(method)
    train(method, model, task, SETTINGS, seed=0)
    other, _ = model_and_task(method)
    first, second = Staged(epochs=2, network_epochs=5).phases(other, task), None
    train(Fixed(next(first)), other, task, SETTINGS, seed=0)
    second = next(first)
    assert torch.equal(second.task.features, other.memory * 32**0.5)
    assert torch.equal(second.task.train, task.train)
    assert second.task.graph is task.graph
    assert model.share == 1.0
    assert Staged().loss == CrossEntropy(smoothing=0.3)


def test_a_network_without_a_graph_is_told():
    model, task = model_and_task(Staged())
    with pytest.raises(PlanError, match="reads a graph"):
        train(Staged(epochs=1), model, replace(task, graph=None), SETTINGS, seed=0)


def test_gold_and_pseudo_labels_weigh_as_their_shares_say():
    task = small_graph_task(2, val=0)
    task = replace(task, labels=torch.where(torch.arange(48) < 6, torch.arange(48) % 3, -1))
    said = torch.softmax(torch.randn(48, 3), 1)
    found = mixed_task(task, said, 0.8)
    logits = torch.randn(48, 3)
    step = found.batch(found.train)
    ours = soft_cross_entropy(logits, step.targets, step.weights) * step.weights.mean()
    gold = CrossEntropy()(logits[:6], task.labels[:6])
    pseudo = soft_cross_entropy(logits[6:], said[6:])
    torch.testing.assert_close(ours, 0.2 * gold + 0.8 * pseudo)
    assert len(found.train) == 48
    alone = mixed_task(task, said, 0.0)
    assert not alone.weights[6:].any()


def test_users_weights_stay_within_the_shares():
    task = small_graph_task(2, val=0)
    own = torch.rand(48) + 0.5
    task = replace(task, labels=torch.where(torch.arange(48) < 6, torch.arange(48) % 3, -1), weights=own)
    found = mixed_task(task, torch.full((48, 3), 1 / 3), 0.8)
    torch.testing.assert_close(found.weights[6:].sum() / found.weights.sum(), torch.tensor(0.8))
    torch.testing.assert_close(found.weights[3] / found.weights[0], own[3] / own[0])


def test_a_round_that_val_rows_do_not_confirm_is_undone_and_the_last():
    method = EM(rounds=3, epochs=4, taught_epochs=1, network_epochs=8, rate=1e-3, taught_rate=1e-3)
    model, task = model_and_task(method)
    history = train(method, model, task, Training(8, patience=None), seed=0)
    # Three rounds cannot each get more of twelve val rows right than the one before.
    names = [phase.name for phase in history.phases]
    rounds = (len(names) - 2) // 2
    assert names[:2] == ["encoder", "network"]
    reached: list[float] = []
    for count in range(rounds + 1):
        other, _ = model_and_task(method)
        train(Cut(method, 2 + 2 * count), other, task, Training(8, patience=None), seed=0)
        other.share = 1.0
        reached.append(float((task.judged(other, None).argmax(1) == task.held[0]).float().mean()))
    model.share = 1.0
    kept = float((task.judged(model, None).argmax(1) == task.held[0]).float().mean())
    assert kept == max(reached)
    assert reached[:-1] == sorted(reached[:-1])


@dataclass(frozen=True, eq=False)
class Cut:
    """The first phases of a strategy, with nothing after them."""

    inside: Strategy
    count: int

    def phases(self, model: CoupledModel, task: TextTask):
        for number, phase in enumerate(self.inside.phases(model, task), 1):
            yield phase
            if number == self.count:
                return
