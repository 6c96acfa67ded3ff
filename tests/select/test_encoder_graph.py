"""Candidates that tune an encoder with a graph: learning from their rows only, whole after a save."""

from functools import cache

import numpy as np
import pytest
import torch
from candidate_laws import (
    a_deadline_that_has_passed_ends_it,
    a_plan_names_it,
    only_its_rows_labels_count,
    the_seed_alone_decides,
)

from graphtune.encoder import Tfidf, Transformer
from graphtune.errors import PlanError
from graphtune.graph import Hops, Neighbours
from graphtune.layer import SAGE
from graphtune.plan import Plan
from graphtune.select import (
    Candidate,
    Coupled,
    Data,
    Distilled,
    FeatureMaker,
    Mean,
    Mined,
    NamedGraph,
    NewRows,
    Predictor,
    Probe,
    Propagated,
    Smoothed,
    served,
)
from graphtune.select.distilled import Dense
from graphtune.select.graphs import build
from graphtune.select.tuned_reader import TunedReader, cut_model
from graphtune.strategy import EM, Distil, GraphPairs, Joint, PseudoLabels, Staged
from text_tasks import texts, tiny
from tiny_bert import VOCABULARY, write_tiny_bert

ASKED = ("the red tree", "a cat", "", "ran on the mat", "the red tree")
ROWS = np.arange(24)
NAMED = (NamedGraph("meaning", Neighbours(5)), NamedGraph("other", Neighbours(3)))
BLOCK = 4 * (32 * 32 + 32) + (32 * 64 + 64) + (64 * 32 + 32) + 4 * 32
HEAD = 3 * 32 + 3

MINED = [
    Mined(GraphPairs(rate=1e-3, epochs=8, pair_rows=8), blocks=1),
    Mined(PseudoLabels(rate=1e-3, epochs=4), "other", Probe("meaning"), blocks=1, batch_rows=8),
]
COUPLED = [
    Coupled(Staged(rate=1e-3, epochs=6, network_epochs=20), width=8, blocks=1, batch_rows=8),
    Coupled(Staged(rate=1e-3, epochs=4, network_epochs=9), rebuilt=Neighbours(4), width=8, blocks=1),
    Coupled(
        Joint(first_epochs=2, network_epochs=5, epochs=2), "other", layer=SAGE, width=8, depth=1, blocks=1
    ),
    Coupled(EM(epochs=2, taught_epochs=1, network_epochs=5, serving=0.5), width=8, blocks=1),
]
DISTILLED = [Distilled(Distil(epochs=30)), Distilled(Distil(epochs=30, share=0.5), width=0)]
each = pytest.mark.parametrize("candidate", [*MINED, *COUPLED, *DISTILLED], ids=str)
tuning = pytest.mark.parametrize("candidate", [*MINED, *COUPLED], ids=str)


@pytest.fixture(autouse=True, scope="module")
def _own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GRAPHTUNE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def setting(labels: np.ndarray | None = None, weights: np.ndarray | None = None) -> tuple[Data, NewRows]:
    found, truth = texts()
    features = FeatureMaker(tiny(), None).features(found)
    graphs = build(NAMED, features, [f"s{row}" for row in range(48)], None)
    data = Data(features, graphs, truth.numpy() if labels is None else labels, 3, weights)
    return data, asked(data, ASKED)


def asked(data: Data, some) -> NewRows:
    there = data.features.maker.features(tuple(some))
    return NewRows(
        there, {one.name: one.rows(there, [f"n{row}" for row in range(len(some))], None) for one in NAMED}
    )


@cache
def usual() -> tuple[Data, NewRows]:
    return setting()


@cache
def learned(candidate: Candidate) -> Predictor:
    """Return a candidate fitted on the usual setting; tests only ask it."""
    return candidate.fit(usual()[0], ROWS, seed=0)


@each
def test_keeps_the_contract(candidate):
    (data, new), fitted = usual(), learned(candidate)
    assert isinstance(candidate, Candidate)
    assert isinstance(fitted, Predictor)
    for table, rows in ((fitted.at(data, np.arange(48)), 48), (fitted.attach(data, new), 5)):
        assert table.shape == (rows, 3)
        assert table.dtype == np.float32
        np.testing.assert_allclose(table.sum(axis=1), 1, atol=1e-5)
    assert candidate.graphs <= data.graphs.keys()
    assert fitted.size >= 4 * fitted.learned > 0


def test_learns_as_many_numbers_as_it_should():
    assert {learned(one).learned for one in MINED} == {BLOCK + HEAD}
    network = 32 * 8 + 8 + 8 * 8 + 8 + 8 * 3 + 3
    found = [learned(COUPLED[0]).learned, learned(COUPLED[2]).learned]
    assert found == [max(BLOCK + HEAD, network), BLOCK + HEAD + (2 * 32 * 8 + 8) + (8 * 3 + 3)]
    assert [learned(one).learned for one in DISTILLED] == [32 * 128 + 128 + 128 * 3 + 3, HEAD]


LEARNERS = [
    *MINED,
    Coupled(Staged(rate=1e-3, epochs=10, network_epochs=150), width=32, blocks=1, dropout=0.2),
    Coupled(Joint(first_rate=1e-3, epochs=3), width=32, blocks=1, dropout=0.2),
    Coupled(EM(rate=1e-3, network_epochs=150), width=32, blocks=1, dropout=0.2),
    Distilled(Distil(epochs=150)),
]


@pytest.mark.parametrize("candidate", LEARNERS, ids=str)
def test_learns_what_there_is_to_learn(candidate):
    data, _ = usual()
    found = learned(candidate).at(data, np.arange(24, 48))
    assert (found.argmax(axis=1) == data.labels[24:]).mean() > 0.75


@each
def test_labels_of_other_rows_change_no_bit_and_the_rows_own_do(candidate):
    only_its_rows_labels_count(candidate, setting, ROWS, learned(candidate))


@each
def test_the_same_seed_gives_the_same_bits_and_leaves_torchs_own_random_state(candidate):
    the_seed_alone_decides(candidate, setting, ROWS, learned(candidate))


@each
def test_is_restored_bit_for_bit(candidate):
    (data, new), fitted = usual(), learned(candidate)
    tensors = {name: tensor.clone() for name, tensor in fitted.tensors().items()}
    again = candidate.restored(data, tensors)
    assert np.array_equal(again.attach(data, new), fitted.attach(data, new))
    assert again.learned == fitted.learned


@each
def test_a_text_is_read_alike_as_a_node_and_as_a_new_row_and_among_others(candidate):
    (data, new), fitted = usual(), learned(candidate)
    found = fitted.attach(data, new)
    np.testing.assert_allclose(found[4], found[0], atol=1e-6)
    np.testing.assert_allclose(fitted.attach(data, asked(data, ASKED[:1]))[0], found[0], atol=1e-5)
    if candidate.family != "network":
        known = asked(data, data.features.texts[:2])
        np.testing.assert_allclose(fitted.attach(data, known), fitted.at(data, np.arange(2)), atol=1e-5)


@pytest.mark.parametrize("candidate", COUPLED, ids=str)
def test_new_rows_are_seen_as_if_they_were_nodes(candidate):
    (data, new), fitted = usual(), learned(candidate)
    rows = fitted.reader.rows(ASKED)
    graph, links = fitted._attached(data, new, rows)
    whole = links.extend(graph)
    every = torch.cat([fitted.memory, rows])
    expected = fitted._probabilities(every, whole, torch.arange(len(every)))
    np.testing.assert_allclose(expected[48:], fitted.attach(data, new), atol=1e-5)
    np.testing.assert_allclose(expected[:48], fitted.at(data, np.arange(48)), atol=1e-5)


@each
def test_a_deadline_that_has_passed_ends_it(candidate):
    data, _ = setting()
    a_deadline_that_has_passed_ends_it(candidate, data, ROWS)


@tuning
def test_what_is_no_transformer_cannot_be_tuned(candidate):
    found, truth = texts()
    words = Tfidf(width=8).fit(found)
    features = FeatureMaker(words, words).features(found)
    data = Data(features, build(NAMED, features, found, None), truth.numpy(), 3)
    with pytest.raises(PlanError, match=f"{type(candidate).__name__} tunes a transformer") as told:
        candidate.fit(data, ROWS, seed=0)
    assert "minilm" in told.value.fix


@each
def test_rows_count_as_they_weigh(candidate):
    weights = np.ones(48, dtype=np.float32)
    weights[ROWS[ROWS % 3 == 0]] = 30
    data, new = usual()
    heavy = candidate.fit(setting(weights=weights)[0], ROWS, seed=0).attach(data, new)
    assert not np.array_equal(heavy, learned(candidate).attach(data, new))


def test_names_tell_what_differs():
    every = [*MINED, *COUPLED, *DISTILLED]
    assert len({str(candidate) for candidate in every}) == len(every)


@each
def test_a_plan_names_it(candidate):
    a_plan_names_it(candidate)


@pytest.mark.parametrize("candidate", [*MINED, *DISTILLED], ids=str)
def test_what_serves_has_no_teacher_and_reads_no_graph(candidate):
    (data, new), fitted = usual(), learned(candidate)
    kept = served(Mean((Probe("meaning"), candidate))).members[1]
    assert kept.graphs == kept.views == frozenset()
    assert kept.family == "graph-free"
    assert candidate.family == "graph" or candidate.teacher == Probe("meaning")
    bare = Data(data.features, {}, data.labels, 3)
    again = kept.restored(bare, fitted.tensors())
    assert np.array_equal(again.attach(bare, new), fitted.attach(data, new))
    with pytest.raises(PlanError, match="a saved model does not keep it"):
        kept.fit(data, ROWS, seed=0)
    assert Plan.from_text(Plan(candidates=(kept,)).to_text()).candidates == (kept,)


def test_a_student_reads_no_neighbour_and_comes_near_its_teacher():
    data, _ = usual()
    teacher = Smoothed(Propagated("meaning", "meaning", Hops(6, 0.2)), "meaning")
    said = teacher.fit(data, ROWS, seed=0).at(data, np.arange(48))
    found = learned(Distilled(Distil(epochs=150))).at(data, np.arange(48))
    assert (found.argmax(axis=1) == said.argmax(axis=1)).mean() > 0.85
    assert Dense.hops == 0


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: Mined(blocks=0), "Mined.blocks = 0"),
        (lambda: Mined(batch_rows=0), "Mined.batch_rows = 0"),
        (lambda: Coupled(width=0), "Coupled.width = 0"),
        (lambda: Coupled(depth=0), "Coupled.depth = 0"),
        (lambda: Distilled(width=-1), "Distilled.width = -1"),
        (lambda: Distilled(power=-1.0), "Distilled.power = -1"),
        (lambda: Distil(share=2.0), "share = 2"),
        (lambda: Distil(temperature=0.0), "temperature = 0"),
    ],
)
def test_settings_out_of_range_are_told(make, problem):
    with pytest.raises(PlanError, match=problem):
        make()


def test_an_encoder_of_another_architecture_reads_with_all_its_blocks(tmp_path):
    from transformers import RobertaConfig, RobertaModel

    write_tiny_bert(tmp_path)
    sizes = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 64}
    settings = RobertaConfig(vocab_size=len(VOCABULARY), max_position_embeddings=70, pad_token_id=0, **sizes)
    torch.manual_seed(0)
    RobertaModel(settings, add_pooling_layer=False).save_pretrained(tmp_path)
    encoder = Transformer(str(tmp_path), precision="float32")
    data, _ = setting()
    features = FeatureMaker(encoder, None).features(data.features.texts)
    other = Data(features, build(NAMED, features, features.texts, None), data.labels, 3)
    fitted = Mined(PseudoLabels(rate=1e-3), blocks=1).fit(other, ROWS, seed=0)
    assert encoder.loaded.fused is None
    found = fitted.attach(other, asked(other, ASKED))
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(found[0], found[4])
    coupled = COUPLED[0].fit(other, ROWS, seed=0)
    np.testing.assert_allclose(coupled.attach(other, asked(other, ASKED)).sum(axis=1), 1, atol=1e-5)
    still = TunedReader(encoder, cut_model(encoder, 1, 3))
    np.testing.assert_allclose(still.rows(ASKED), encoder.encode(ASKED), atol=1e-5)
