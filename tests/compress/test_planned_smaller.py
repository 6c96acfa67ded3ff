"""Plans of what is cut and of how many bits are kept, carried out."""

import numpy as np
import pytest
import torch

from graphtune.compress import Pruning, prune, round_weights
from graphtune.compress.pruning_scores import magnitude
from graphtune.encoder.loading import load_model
from graphtune.errors import PlanError
from graphtune.structure.plans import BitPlan, BlockShares, ModuleBits, PruningPlan
from text_tasks import texts, tiny

TEXTS, LABELS = texts()
QUERY, WORDS = "encoder.layer.1.attention.self.query", "embeddings.word_embeddings"


def whole() -> torch.nn.Module:
    return load_model(tiny().directory, torch.float32)


def test_blocks_keep_the_shares_of_a_plan_and_their_best_parts():
    plan = PruningPlan((BlockShares(1, heads=0.5), BlockShares(3, heads=0.25, units=0.125)))
    settings = Pruning(scores="magnitude", way="blocks", refit=0)  # a plan stands above the way
    found = prune(tiny(), TEXTS, LABELS.numpy(), settings=settings, plan=plan)
    assert [(one.heads, one.units) for one in found.report.blocks] == [(2, 64), (4, 64), (1, 8)]
    assert (found.report.way, found.report.scores) == ("plan", "magnitude")
    best = np.sort(np.argsort(-magnitude(whole()).units[2])[:8])
    before, after = (one.encoder.layer[2].intermediate.dense.weight for one in (whole(), found.model))
    torch.testing.assert_close(after, before[best])
    assert found.rows(TEXTS).shape == (48, 32)


def test_a_plan_of_another_encoder_is_refused():
    with pytest.raises(PlanError, match="prunes block 4 of 3"):
        prune(tiny(), TEXTS, plan=PruningPlan((BlockShares(4, heads=0.5),)))
    model, before = whole(), whole()
    with pytest.raises(PlanError, match="no module") as told:
        round_weights(model, BitPlan((ModuleBits(WORDS, 4), ModuleBits(QUERY.replace("query", "quary"), 4))))
    assert QUERY in told.value.fix
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), before.parameters(), strict=True))


def test_a_weight_keeps_as_many_steps_as_its_bits_tell_apart():
    model, before = whole(), dict(whole().named_parameters())
    round_weights(model, BitPlan((ModuleBits(QUERY, 4), ModuleBits(WORDS, 8))))
    after = dict(model.named_parameters())
    assert {name for name in after if not torch.equal(after[name], before[name])} == {
        f"{QUERY}.weight",
        f"{WORDS}.weight",
    }
    for name, steps in ((QUERY, 7), (WORDS, 127)):
        rounded, exact = after[f"{name}.weight"].detach(), before[f"{name}.weight"].detach()
        scale = exact.abs().amax(dim=1, keepdim=True) / steps
        assert torch.all((rounded - exact).abs() <= scale * 0.5001)
        assert max(len(row.unique()) for row in rounded) <= 2 * steps + 1


def test_a_shared_weight_is_rounded_once_and_whole_ones_stay():
    model = whole()
    model.encoder.layer[2].attention.self.query = model.encoder.layer[1].attention.self.query
    other = QUERY.replace("layer.1", "layer.2")
    round_weights(model, BitPlan((ModuleBits(other, 8), ModuleBits(WORDS, 32))))
    once = whole()
    round_weights(once, BitPlan((ModuleBits(QUERY, 8),)))
    weight = model.encoder.layer[1].attention.self.query.weight
    torch.testing.assert_close(weight, once.encoder.layer[1].attention.self.query.weight)
    torch.testing.assert_close(
        model.embeddings.word_embeddings.weight, whole().embeddings.word_embeddings.weight
    )
