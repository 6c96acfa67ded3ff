"""Pruning as a step of compressing: a tuned model goes on with what is left, and the command asks for it."""

import numpy as np
import pytest
from compress_texts import texts
from test_compress import fitted

from graphtune.cli.app import main
from graphtune.cli.compress import _pruning
from graphtune.compress import Prune, Subject
from graphtune.encoder import Transformer
from graphtune.errors import PlanError
from graphtune.select.fitted_tuned import FittedTuned
from graphtune.select.tuned import Tuned
from graphtune.strategy import EncoderTuning


def test_a_tuned_model_reads_texts_by_what_is_left_of_its_encoder(tiny_bert, tmp_path):
    candidate = Tuned(blocks=1, strategy=EncoderTuning(epochs=1), texts=40)
    before = Subject.of(str(fitted(str(tiny_bert), candidate, tmp_path / "model")))
    after = Prune(0.3, "units", seconds=0.5).apply(before, texts(60), tmp_path / "pruned")
    assert isinstance(after.encoder, Transformer)
    assert after.model is not None
    assert isinstance(after.model.predictor, FittedTuned)
    sizes = [
        sum(weight.numel() for weight in one.loaded.model.parameters())
        for one in (before.encoder, after.encoder)
    ]
    assert sizes[1] < sizes[0]
    assert before.head is not None
    assert after.head is not None
    np.testing.assert_array_equal(after.head.weight.numpy(), before.head.weight.numpy())
    found = after.probabilities(texts(9))
    assert found.shape == (9, 3)
    assert not np.allclose(found, before.probabilities(texts(9)))


def test_the_command_asks_for_a_share_a_way_and_a_time():
    assert _pruning("30%", "blocks", "90s") == Prune(0.3, "blocks", 90.0)
    assert _pruning("0.5", "groups", "0s") == Prune(0.5, "groups", 0.0)
    assert "heads and units of 50% of the FLOPs pruned" in Prune(0.5, seconds=0.0).said
    with pytest.raises(PlanError, match="is no time"):
        Prune(seconds=-1.0)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--prune", "none"), "--prune 'none' is no share"),
        (("--prune", "100%"), "share = 1.0"),
        (("--prune", "130%"), "out of range"),
        (("--int8", "--way", "blocks"), "are for --prune"),
        (("--int8", "--distil", "1m"), "are for --prune"),
    ],
)
def test_wrong_options_are_refused_before_any_work(more, said, tiny_bert, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["compress", str(tiny_bert), "--into", "small", *more]) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
