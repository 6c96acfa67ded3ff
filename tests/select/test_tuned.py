"""The tuned encoder as a candidate: learning from its rows only, the same bits again, whole after a save."""

from dataclasses import replace

import numpy as np
import pytest
from candidate_laws import (
    a_deadline_that_has_passed_ends_it,
    a_plan_names_it,
    only_its_rows_labels_count,
    the_seed_alone_decides,
)

from graphtune.encoder import Tfidf
from graphtune.errors import PlanError
from graphtune.select import Data, FeatureMaker, NewRows, Tuned
from graphtune.strategy import BitFit, EncoderTuning, LinearProbe, LoRA
from text_tasks import texts, tiny

ASKED = ("the red tree", "a cat", "", "ran on the mat", "the red tree")
QUICK = Tuned(1, EncoderTuning(rate=1e-3, epochs=20), batch_rows=8)
EVERY = [
    QUICK,
    replace(QUICK, checkpointed=True),
    replace(QUICK, strategy=LoRA(rank=2, epochs=3)),
    replace(QUICK, strategy=BitFit(epochs=3)),
    replace(QUICK, strategy=LinearProbe(epochs=3)),
]
ROWS = np.arange(36)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPHTUNE_CACHE", str(tmp_path / "cache"))


def setting(labels: np.ndarray | None = None) -> tuple[Data, NewRows]:
    found, truth = texts()
    maker = FeatureMaker(tiny(), None)
    data = Data(maker.features(found), {}, truth.numpy() if labels is None else labels, 3)
    return data, NewRows(maker.features(ASKED), {})


def test_learns_what_there_is_to_learn_and_the_frozen_encoder_does_not_know():
    data, _ = setting()
    fitted = QUICK.fit(data, ROWS, seed=0)
    found = fitted.at(data, np.arange(36, 48))
    assert (found.argmax(axis=1) == data.labels[36:]).mean() > 0.8
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    # One of three blocks, and the head.
    assert fitted.learned == 4 * (32 * 32 + 32) + (32 * 64 + 64) + (64 * 32 + 32) + 4 * 32 + 3 * 32 + 3


def test_all_blocks_and_the_embedding_learn_where_more_are_asked_for_than_there_are():
    data, _ = setting()
    whole = replace(QUICK, blocks=99).fit(data, ROWS, seed=0)
    assert any("word_embeddings" in name for name in whole.tensors())
    assert not any("word_embeddings" in name for name in QUICK.fit(data, ROWS, seed=0).tensors())


def test_labels_of_other_rows_change_no_bit_and_the_rows_own_do():
    only_its_rows_labels_count(QUICK, setting, ROWS)


def test_the_same_seed_gives_the_same_bits_and_leaves_torchs_own_random_state():
    the_seed_alone_decides(QUICK, setting, ROWS)


def test_a_text_is_read_alike_as_a_node_and_as_a_new_row_and_among_others():
    data, new = setting()
    fitted = QUICK.fit(data, ROWS, seed=0)
    found = fitted.attach(data, new)
    assert np.array_equal(found[0], found[4])
    alone = NewRows(data.features.maker.features(ASKED[:1]), {})
    np.testing.assert_allclose(fitted.attach(data, alone)[0], found[0], atol=1e-6)
    known = NewRows(data.features.maker.features(data.features.texts[:2]), {})
    np.testing.assert_allclose(fitted.attach(data, known), fitted.at(data, np.arange(2)), atol=1e-6)


@pytest.mark.parametrize("candidate", EVERY, ids=str)
def test_is_restored_bit_for_bit_from_the_weights_that_moved(candidate):
    data, new = setting()
    fitted = candidate.fit(data, ROWS, seed=0)
    tensors = fitted.tensors()
    again = candidate.restored(data, {name: tensor.clone() for name, tensor in tensors.items()})
    assert np.array_equal(again.attach(data, new), fitted.attach(data, new))
    assert again.learned == fitted.learned
    assert again.tensors().keys() == tensors.keys()


def test_keeps_no_more_than_the_strategy_moved():
    data, _ = setting()
    block = "encoder.model.encoder.layer.2"
    kept = {type(one.strategy).__name__: set(one.fit(data, ROWS, seed=0).tensors()) for one in EVERY}
    bare = {"head.weight", "head.bias", "learned"}
    assert kept["LinearProbe"] == bare
    self = f"{block}.attention.self"
    assert kept["LoRA"] == bare | {f"{self}.query.weight", f"{self}.value.weight"}
    assert all(name in bare or (name.startswith(block) and name.endswith("bias")) for name in kept["BitFit"])
    assert kept["BitFit"] < kept["EncoderTuning"]


def test_every_strategy_gives_the_same_bits_again_and_no_two_the_same():
    data, new = setting()
    found = {str(one): one.fit(data, ROWS, seed=0).attach(data, new) for one in EVERY if not one.checkpointed}
    for one in EVERY[2:]:
        assert np.array_equal(found[str(one)], one.fit(data, ROWS, seed=0).attach(data, new))
    assert len({rows.tobytes() for rows in found.values()}) == len(EVERY) - 1


def test_checkpoints_change_nothing_but_memory():
    data, new = setting()
    plain = QUICK.fit(data, ROWS, seed=0).attach(data, new)
    np.testing.assert_allclose(EVERY[1].fit(data, ROWS, seed=0).attach(data, new), plain, atol=1e-6)


def test_many_texts_are_gone_through_less_often():
    for most, expected in ((10**6, 8), (0, 2), (100, 2), (36 * 5, 5)):
        assert replace(Tuned(), texts=most).passes(36) == expected
    assert Tuned(strategy=EncoderTuning(epochs=1)).passes(10**6) == 1


@pytest.mark.parametrize("candidate", EVERY, ids=str)
def test_round_trip_through_toml(candidate):
    a_plan_names_it(candidate)


@pytest.mark.parametrize("field", ["blocks", "batch_rows"])
def test_a_value_out_of_range_is_refused(field):
    with pytest.raises(PlanError, match=f"{field} = 0"):
        replace(QUICK, **{field: 0})


def test_a_deadline_that_has_passed_ends_it():
    data, _ = setting()
    a_deadline_that_has_passed_ends_it(QUICK, data, ROWS)


def test_what_is_no_transformer_cannot_be_tuned():
    found, truth = texts()
    words = Tfidf(width=8).fit(found)
    data = Data(FeatureMaker(words, words).features(found), {}, truth.numpy(), 3)
    with pytest.raises(PlanError, match="tunes a transformer") as told:
        QUICK.fit(data, ROWS, seed=0)
    assert "minilm" in told.value.fix


@pytest.mark.parametrize("rows", [3, QUICK.batch_rows, QUICK.batch_rows + 1, len(ROWS)])
def test_what_a_training_takes_however_short_it_is_is_not_counted_for_each_text(rows, monkeypatch):
    def takes(self, encoder, data, rows, epochs=1):
        return 1.0, 0.1 + 0.01 * epochs * len(rows)

    monkeypatch.setattr(Tuned, "_tried", takes)
    data, _ = setting()
    pace = QUICK.pace(data, ROWS[:rows])
    assert pace.text == pytest.approx(0.01)
    assert pace.ready == pytest.approx(1.1)


def test_the_pace_grows_with_the_texts_and_leaves_nothing_behind():
    data, new = setting()
    before = QUICK.fit(data, ROWS, seed=0).attach(data, new)
    pace = QUICK.pace(data, ROWS)
    assert 0 < pace.training(10) < pace.training(100)
    assert pace.reading(0) == 0
    assert np.array_equal(QUICK.fit(data, ROWS, seed=0).attach(data, new), before)
