"""A pruned encoder is taught by the whole one: its rows come nearer, and what is beside them stays."""

import json
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers
from torch import nn

from graphtune.compress import Pruning, RowMatching, distilled, prune
from graphtune.encoder import Transformer
from graphtune.encoder.block_parts import parts_of
from graphtune.errors import PlanError
from graphtune.select.linear import LinearHead
from text_tasks import texts, tiny

TEXTS, LABELS = texts()
SHORT = RowMatching(rate=2e-3, epochs=12, batch_rows=16)


@pytest.fixture(scope="module")
def student():
    found = prune(tiny(), TEXTS, settings=Pruning(0.5))
    torch.manual_seed(0)
    with torch.no_grad():  # a tiny encoder at random loses nothing by pruning
        for part in parts_of(found.model):
            part.outer.weight.add_(0.3 * torch.randn_like(part.outer.weight))
    return found


def head() -> LinearHead:
    return LinearHead.fit(tiny().encode(TEXTS), LABELS.numpy(), 3, strength=10.0)


@pytest.mark.parametrize("with_head", [False, True])
def test_rows_and_what_a_head_says_come_nearer(with_head, student):
    own = head() if with_head else None
    settings = replace(SHORT, share=0.5)
    before = {name: tensor.clone() for name, tensor in student.model.state_dict().items()}
    found = distilled(student, tiny(), [*TEXTS, "", TEXTS[0]], head=own, settings=settings)
    taught = found.taught
    assert taught is not None
    assert (taught.texts, taught.epochs, taught.with_head) == (len(set(TEXTS)), 12, with_head)
    assert taught.cosine_before < taught.cosine
    wanted = tiny().encode(TEXTS)
    assert torch.dist(found.rows(TEXTS), wanted) < torch.dist(student.rows(TEXTS), wanted)
    if with_head:
        apart = [
            np.abs(head().probabilities(some) - head().probabilities(wanted)).sum()
            for some in (found.rows(TEXTS), student.rows(TEXTS))
        ]
        assert apart[0] < apart[1]
    assert all(torch.equal(tensor, student.model.state_dict()[name]) for name, tensor in before.items())
    after = found.model.state_dict()
    same = {name for name in before if torch.equal(before[name], after[name])}
    assert same == {name for name in before if name.startswith("embeddings.")}
    assert json.loads(json.dumps(taught.facts()))["texts"] == taught.texts
    assert "cosine" in str(taught)


def test_probabilities_are_taught_where_they_are_asked_for(student):
    rows, both = (replace(SHORT, epochs=2, share=share) for share in (0.0, 0.5))
    alone = distilled(student, tiny(), TEXTS, settings=rows)
    found = distilled(student, tiny(), TEXTS, head=head(), settings=rows)
    assert found.taught is not None
    assert not found.taught.with_head
    torch.testing.assert_close(found.rows(TEXTS), alone.rows(TEXTS))
    asked = distilled(student, tiny(), TEXTS, head=head(), settings=both)
    assert torch.dist(asked.rows(TEXTS), alone.rows(TEXTS)) > 1e-4


def test_what_was_taught_is_saved_and_read(student, tmp_path):
    found = distilled(student, tiny(), TEXTS, settings=RowMatching(epochs=1))
    torch.testing.assert_close(found.save(tmp_path / "taught").encode(TEXTS), found.rows(TEXTS))


def test_a_seed_decides(student):
    one, same = (distilled(student, tiny(), TEXTS, settings=SHORT, seed=3) for _ in range(2))
    assert torch.equal(one.rows(TEXTS), same.rows(TEXTS))


def test_time_ends_it(student):
    start = time.monotonic()
    found = distilled(student, tiny(), TEXTS, settings=RowMatching(epochs=100_000), seconds=0.3)
    assert time.monotonic() - start < 20
    assert found.taught is not None
    assert 1 <= found.taught.epochs < 100_000


@pytest.mark.parametrize(
    "wrong",
    [{"share": 1.5}, {"temperature": 0.0}, {"rate": 0.0}, {"decay": -1.0}, {"epochs": 0}, {"batch_rows": 0}],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(PlanError, match=next(iter(wrong))):
        RowMatching(**wrong)


def test_what_does_not_fit_is_refused(student, tmp_path):
    with pytest.raises(PlanError, match="no text"):
        distilled(student, tiny(), ["", " "])
    with pytest.raises(PlanError, match="wide"):
        distilled(student, tiny(), TEXTS, head=LinearHead(torch.zeros(8, 3), torch.zeros(3)))
    config = transformers.BertConfig(
        vocab_size=80, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    transformers.BertModel(config).save_pretrained(tmp_path)
    for name in ("vocab.txt", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((tiny().directory / name).read_bytes())
    with pytest.raises(PlanError, match=r"\[16, 32\] numbers wide"):
        distilled(student, Transformer(str(tmp_path)), TEXTS)


def test_a_step_is_in_float32_whatever_the_hardware_has(student, monkeypatch):
    seen = []
    usual = nn.functional.linear

    def linear(x, *rest):
        found = usual(x, *rest)
        if torch.is_grad_enabled() and not torch.is_inference(x):
            seen.append(found.dtype)
        return found

    monkeypatch.setattr(nn.functional, "linear", linear)
    distilled(student, tiny(), TEXTS[:8], settings=RowMatching(epochs=1))
    assert set(seen) == {torch.float32}
