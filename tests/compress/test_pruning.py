"""Pruning: what goes, how much of it, and what is left as an encoder."""

import json

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from transformers import BertConfig, BertModel

from graphtune.compress import GroupScores, Pruning, prune
from graphtune.compress.pruning_choice import flops, heads_and_units
from graphtune.compress.pruning_objective import of_labels, of_what_is_said
from graphtune.compress.pruning_refit import cut_and_refit
from graphtune.compress.pruning_scores import by_gates, magnitude
from graphtune.encoder import Cache, Transformer
from graphtune.encoder.block_parts import parts_of
from graphtune.encoder.export import export
from graphtune.encoder.loading import load_model
from graphtune.encoder.pooling import pooled
from graphtune.encoder.token_states import TokenIds, TokenStates
from graphtune.encoder.tunable import TunableTransformer
from graphtune.errors import EncoderError, OutputError, PlanError
from graphtune.select.linear import LinearHead
from text_tasks import texts, tiny

TEXTS, LABELS = texts()
LABELS = LABELS.numpy()


def counted(model: nn.Module, tokens: int) -> int:
    """Return the FLOPs that torch counts, attention as the plain products that it is."""
    model.set_attn_implementation("eager")
    ids = torch.ones(1, tokens, dtype=torch.int64)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(input_ids=ids, attention_mask=ids)
    return counter.get_total_flops()


@pytest.mark.parametrize("labels", [None, LABELS])
@pytest.mark.parametrize("scores", ["taylor", "fisher", "magnitude"])
def test_the_flops_that_are_left_are_those_that_torch_counts(labels, scores):
    settings = Pruning(0.4, scores=scores, tokens=11)
    found = prune(tiny(), [*TEXTS, " "], None if labels is None else np.append(labels, -1), settings=settings)
    report = found.report
    assert report.flops_before == counted(load_model(tiny().directory, torch.float32), 11)
    assert report.flops == counted(found.model, 11)
    assert 0.4 <= report.saved < 0.45
    assert report.parameters == sum(p.numel() for p in found.model.parameters()) < report.parameters_before
    assert all(1 <= one.heads <= 4 and one.units in range(16, 65, 8) for one in report.blocks)
    wanted = "none" if scores == "magnitude" else "rows" if labels is None else "labels"
    assert report.counted == wanted
    assert report.texts == (0 if scores == "magnitude" else 48)
    assert json.loads(json.dumps(report.facts()))["saved"] == report.saved
    assert "fewer FLOPs at 11 tokens" in str(report)


def test_a_gate_s_gradient_is_that_of_the_weights_behind_it():
    model = load_model(tiny().directory, torch.float32).eval()
    given = TokenIds.of(tiny(), TEXTS[:1])
    ids, mask = given.padded(np.array([0]))
    direction = torch.randn(1, 32)
    found = by_gates(
        model, [(np.array([0]), ids, mask)], "mean", lambda rows, _: (rows * direction).sum(), 1.0
    )
    rows = pooled(model(input_ids=ids, attention_mask=mask).last_hidden_state, mask, "mean")
    (rows * direction).sum().backward()
    for part, heads, units in zip(parts_of(model), found.heads, found.units, strict=True):
        for linear, width, score in ((part.joined, 8, heads), (part.outer, 1, units)):
            product = (linear.weight * linear.weight.grad).sum(0).detach().view(-1, width).sum(1).abs()
            np.testing.assert_allclose(score, product.numpy(), atol=1e-6)


def test_what_scores_least_goes_first():
    """Two heads and 16 units of the first block are worth nothing, and so much is to go."""
    heads = [np.ones(4) for _ in range(3)]
    units = [np.ones(64) for _ in range(3)]
    heads[0][[1, 2]], units[0][8:24] = 0.0, 0.0
    model = load_model(tiny().directory, torch.float32)
    gone = 2 * 10 * 8 * (8 * 32 + 4 * 10) + 16 * 4 * 10 * 32
    found = prune(
        tiny(),
        TEXTS,
        settings=Pruning(gone / flops(model, 10), tokens=10),
        scores=GroupScores(tuple(heads), tuple(units)),
    )
    assert [(one.heads, one.units) for one in found.report.blocks] == [(2, 48), (4, 64), (4, 64)]
    assert found.report.scores == "given"
    whole, left = parts_of(model)[0], parts_of(found.model)[0]
    assert left.kept == (0, 3)
    assert torch.equal(left.inner.weight, whole.inner.weight[[*range(8), *range(24, 64)]])


def test_every_block_keeps_a_head_and_sixteen_units():
    zero = GroupScores(tuple(np.arange(4.0) for _ in range(3)), tuple(np.arange(64.0) for _ in range(3)))
    most = 0.7465
    found = prune(tiny(), TEXTS, settings=Pruning(most, tokens=16), scores=zero)
    assert [(one.heads, one.units) for one in found.report.blocks] == [(1, 16)] * 3
    assert parts_of(found.model)[0].kept == (3,)
    with pytest.raises(PlanError, match="cannot go") as caught:
        prune(tiny(), TEXTS, settings=Pruning(0.8, tokens=16), scores=zero)
    assert "use a share up to 0.7" in caught.value.fix


def test_units_are_left_by_eights():
    """100 units are 12 eights and 4, which go before any other; 20 are 16 and 4."""
    torch.manual_seed(0)
    size = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 20}
    for units, share in ((100, 0.05), (100, 0.5), (20, 0.01)):
        model = BertModel(BertConfig(intermediate_size=units, **size))
        _, kept = heads_and_units(model, magnitude(model), share, 10)
        assert min(map(len, kept)) >= 16
        assert all(len(own) % 8 == 0 for own in kept if len(own) < units)


def test_units_alike_leave_what_others_read(tmp_path):
    found = prune(tiny(), TEXTS, LABELS, settings=Pruning(0.3, way="units"))
    assert len({one.units for one in found.report.blocks}) == 1
    assert {one.heads for one in found.report.blocks} == {4}
    assert found.report.saved >= 0.3
    encoder = found.save(tmp_path / "alike")
    assert not (tmp_path / "alike/pruned.json").exists()
    torch.testing.assert_close(encoder.encode(TEXTS), found.rows(TEXTS))
    with pytest.raises(PlanError, match="cannot go"):
        prune(tiny(), TEXTS, settings=Pruning(0.6, way="units"))


def test_whole_blocks_go_from_the_top_or_as_named(tmp_path):
    found = prune(tiny(), TEXTS, settings=Pruning(0.3, way="blocks"))
    assert [one.heads for one in found.report.blocks] == [4, 4, 0]
    assert found.report.saved == pytest.approx(1 / 3)
    torch.testing.assert_close(found.rows(TEXTS), tiny().encode_blocks(TEXTS, (2,))[2])
    named = prune(tiny(), TEXTS, settings=Pruning(way="blocks", drop=(1, 3)))
    assert [one.units for one in named.report.blocks] == [0, 64, 0]
    encoder = named.save(tmp_path / "one")
    assert encoder.depth == 1
    torch.testing.assert_close(encoder.encode(TEXTS), named.rows(TEXTS))
    for drop in ((4,), (1, 2, 3)):
        with pytest.raises(PlanError, match="no block"):
            prune(tiny(), TEXTS, settings=Pruning(way="blocks", drop=drop))


def test_what_is_saved_encodes_the_same_and_can_be_pruned_again(tmp_path):
    found = prune(tiny(), TEXTS, LABELS, settings=Pruning(0.4))
    encoder = found.save(tmp_path / "pruned")
    assert (tmp_path / "pruned/pruned.json").exists()
    rows = encoder.encode([*TEXTS, ""])
    torch.testing.assert_close(rows, found.rows([*TEXTS, ""]))
    assert torch.equal(rows[-1], torch.zeros(32))
    again = prune(encoder, TEXTS, settings=Pruning(0.2))
    assert again.report.flops_before == flops(found.model, again.report.tokens)
    torch.testing.assert_close(again.save(tmp_path / "again").encode(TEXTS), again.rows(TEXTS))


def test_a_seed_decides():
    settings = Pruning(0.3, scores="fisher", texts=12)
    one, same, other = (prune(tiny(), TEXTS, settings=settings, seed=seed) for seed in (1, 1, 2))
    assert [one.report.blocks, one.report.texts] == [same.report.blocks, 12]
    assert torch.equal(one.rows(TEXTS), same.rows(TEXTS))
    assert not torch.equal(one.rows(TEXTS), other.rows(TEXTS))


def test_the_source_is_not_written_over(tmp_path):
    found = prune(tiny(), TEXTS, settings=Pruning(0.3))
    with pytest.raises(OutputError, match="the encoder that was pruned"):
        found.save(tiny().directory)
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(OutputError, match="no encoder"):
        found.save(tmp_path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"share": 0.0},
        {"share": 1.0},
        {"share": -0.1},
        {"tokens": 0},
        {"texts": 0},
        {"refit": -1},
        {"drop": (1,)},
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(PlanError, match=next(iter(wrong))):
        Pruning(**wrong)


def test_what_does_not_fit_is_refused(tmp_path):
    for given in ([], [" "]):
        with pytest.raises(PlanError, match="no text"):
            prune(tiny(), given)
    with pytest.raises(PlanError, match="2 labels for 48 texts"):
        prune(tiny(), TEXTS, LABELS[:2])
    with pytest.raises(PlanError, match="Label 2 is none of the head's 2"):
        prune(tiny(), TEXTS, LABELS, head=LinearHead(torch.zeros(32, 2), torch.zeros(2)))
    with pytest.raises(PlanError, match="reads rows of 8 numbers; the encoder's have 32"):
        prune(tiny(), TEXTS, head=LinearHead(torch.zeros(8, 3), torch.zeros(3)))
    for bad in (np.ones(3), np.full(4, np.nan)):
        scores = GroupScores((bad, bad, bad), (np.ones(64),) * 3)
        with pytest.raises(PlanError, match="scores are for"):
            prune(tiny(), TEXTS, scores=scores)
    with pytest.raises(EncoderError, match="neither a known name nor a directory"):
        prune(Transformer(str(tmp_path / "absent")), TEXTS)


def test_a_head_without_labels_is_scored_by_its_fisher_information():
    """Of two classes the four choices of signs can be summed up; the head says how likely each class is."""
    head = LinearHead(
        torch.randn(32, 2, generator=torch.Generator().manual_seed(1)), torch.tensor([0.5, -0.5])
    )
    rows, signs = torch.randn(1, 32, generator=torch.Generator().manual_seed(2)), []
    squares = torch.zeros(1, 32)
    for seed in range(40):
        given = rows.clone().requires_grad_(True)
        of_what_is_said(head, seed)(given, np.array([0])).backward()
        signs.append(given.grad)
    # The gradient is that of one of the four choices; crossed terms fall out on average over these.
    different = torch.unique(torch.cat(signs).mul(1e4).round(), dim=0).div(1e4)
    assert len(different) == 4
    found = different.square().mean(dim=0)
    for label in range(2):
        given = rows.clone().requires_grad_(True)
        told = torch.log_softmax(given @ head.weight + head.bias, dim=1)[0, label]
        told.backward()
        squares += told.detach().exp() * given.grad.square()
    np.testing.assert_allclose(found.numpy(), squares[0].numpy(), atol=1e-3)
    by_head = prune(tiny(), TEXTS, head=head, settings=Pruning(0.4)).report
    assert (by_head.counted, by_head.scores, by_head.texts) == ("head", "fisher", 48)


def test_a_head_of_classes_by_themselves_is_scored_by_theirs():
    head = LinearHead(torch.tensor([[1.0], [2.0]]), torch.tensor([0.3]), each=True)
    rows = torch.tensor([[0.4, -0.1]], requires_grad=True)
    of_what_is_said(head, 0)(rows, np.array([0])).backward()
    share = torch.sigmoid(torch.tensor(0.4 - 0.2 + 0.3))
    wanted = (share * (1 - share)).sqrt() * torch.tensor([[1.0, 2.0]])
    torch.testing.assert_close(rows.grad.abs(), wanted)
    assert of_labels(np.array([0]), head)(rows, np.array([0])).item() == pytest.approx(-float(share.log()))


def test_what_a_head_reads_stays():
    """It reads one number of a row: what only moves the others goes."""
    weight = torch.zeros(32, 2)
    weight[3] = torch.tensor([20.0, -20.0])
    settings = Pruning(0.4, refit=0)
    by_head = prune(tiny(), TEXTS, head=LinearHead(weight, torch.zeros(2)), settings=settings).rows(TEXTS)
    by_rows = prune(tiny(), TEXTS, settings=settings).rows(TEXTS)
    whole = tiny().encode(TEXTS)
    assert torch.dist(by_head[:, 3], whole[:, 3]) < torch.dist(by_rows[:, 3], whole[:, 3])
    # Of one class out of one a head says the same of all texts.
    alone = LinearHead(torch.ones(32, 1), torch.zeros(1))
    told = prune(tiny(), TEXTS, head=alone, settings=settings)
    torch.testing.assert_close(told.rows(TEXTS), by_rows)
    assert told.report.counted == "rows"
    with pytest.raises(PlanError, match="score by rows"):
        of_what_is_said(alone, 0)


def test_labels_that_are_all_unknown_are_none():
    found = prune(tiny(), TEXTS, np.full(48, -1), settings=Pruning(0.3))
    assert found.report.counted == "rows"


def test_what_is_saved_can_be_tuned_and_exported(tmp_path):
    encoder = prune(tiny(), TEXTS, LABELS, settings=Pruning(0.4)).save(tmp_path / "pruned")
    tunable = TunableTransformer.load(encoder.directory, 1)
    held = TokenStates.of(encoder, TEXTS, 1, cache=Cache(tmp_path / "cache"))
    with torch.no_grad():
        for parameter in tunable.learnable:
            parameter.add_(0.05)
        states, mask = held.padded(np.arange(3))
        expected = pooled(tunable(states, mask), mask, "mean")
    with tunable.whole() as whole:
        export(whole, encoder.directory, tmp_path / "tuned", pooling="mean", max_tokens=32)
    tuned = Transformer(str(tmp_path / "tuned"), precision="float32")
    assert tuned.fingerprint != encoder.fingerprint
    # The states between the frozen blocks and those above are kept in bfloat16.
    torch.testing.assert_close(tuned.encode(TEXTS[:3]), expected, atol=1e-2, rtol=1e-2)


def test_a_refit_is_the_least_squares_of_what_the_maps_put_out():
    """Compared with a solver that is given every token, and the penalty as further rows."""
    read: list[torch.Tensor] = []
    whole = load_model(tiny().directory, torch.float32).eval()
    last = parts_of(whole)[2].outer
    weight, bias = last.weight.detach().clone(), last.bias.detach().clone()
    last.register_forward_pre_hook(lambda _, given: read.append(given[0].detach()))
    given = TokenIds.of(tiny(), TEXTS)
    batches = [(rows, *given.padded(rows)) for rows in np.arange(48).reshape(4, 12)]
    kept = list(range(0, 64, 4))
    cut_and_refit(whole, batches, [range(4)] * 3, [range(64), range(64), kept])
    x = (
        torch.cat([one[mask.bool()] for one, (_, _, mask) in zip(read, batches, strict=True)])
        .double()
        .numpy()
    )
    left = np.hstack([x[:, kept], np.ones((len(x), 1))])
    penalty = np.sqrt(1e-3 * np.square(x[:, kept]).sum(0).mean()) * np.eye(len(kept), len(kept) + 1)
    outputs = x @ weight.double().numpy().T + bias.double().numpy()
    targets = np.vstack([outputs, penalty[:, :-1] @ weight[:, kept].double().numpy().T])
    expected = np.linalg.lstsq(np.vstack([left, penalty]), targets, rcond=None)[0]
    after = parts_of(whole)[2].outer
    np.testing.assert_allclose(after.weight.detach().numpy(), expected[:-1].T, atol=1e-4)
    np.testing.assert_allclose(after.bias.detach().numpy(), expected[-1], atol=1e-4)
    plain = x[:, kept] @ weight[:, kept].double().numpy().T + bias.double().numpy()
    assert np.square(left @ expected - outputs).sum() < 0.9 * np.square(plain - outputs).sum()


def test_without_a_refit_what_is_left_stays_as_it_was():
    found = prune(tiny(), TEXTS, settings=Pruning(0.3, refit=0))
    assert found.report.refit == 0
    whole = parts_of(load_model(tiny().directory, torch.float32))
    for part, before in zip(parts_of(found.model), whole, strict=True):
        rows = set(map(tuple, before.outer.weight.T.tolist()))
        assert all(tuple(row) in rows for row in part.outer.weight.T.tolist())
        assert torch.equal(part.outer.bias, before.outer.bias)
