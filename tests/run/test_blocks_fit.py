"""Fits that read several blocks of the encoder: what is read, kept, saved and made smaller."""

import json
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch

from graphtune.encoder import Transformer, read_blocks, upper_blocks
from graphtune.errors import PlanError
from graphtune.graph import Neighbours
from graphtune.initial import GraphMAE
from graphtune.plan import Plan
from graphtune.run import FittedModel, fit_table, load
from graphtune.run.pretrain import pretrain_table
from graphtune.run.ready import graphs_of
from graphtune.run.work import work
from graphtune.select import Candidate, FeatureMaker, NamedGraph, Network, Probe, Propagated, View, grid
from graphtune.select.features import BLOCKS_BELOW, views_there
from text_tasks import table, tiny

BLOCKS = NamedGraph("blocks", Neighbours(5), "blocks")
ASKED = ["the red tree", "a cat on the mat", "", "ran"]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPHTUNE_CACHE", str(tmp_path / "cache"))


def plan(*candidates: Candidate, **settings) -> Plan:
    graphs = (BLOCKS,) if any(one.graphs for one in candidates) else ()
    named = {"graphs": graphs, "candidates": candidates, "class_names": False}
    return Plan(**{"encoder": tiny().name, "budget_seconds": 60.0} | named | settings)


def fitted(*candidates: Candidate, **settings) -> FittedModel:
    return fit_table(table(), plan=plan(*candidates, exactly=True, **settings), into=None)


def test_the_upper_half_is_read_at_equal_steps(monkeypatch):
    for depth, blocks in ((1, (0, 1)), (2, (1, 2)), (6, (3, 4, 5, 6)), (12, (6, 8, 10, 12)), (3, (1, 2, 3))):
        monkeypatch.setattr(Transformer, "depth", depth)
        assert upper_blocks(Transformer()) == blocks


def test_without_blocks_features_keep_what_was_read_of_the_last():
    features = FeatureMaker.of(tiny(), None, {"blocks"}).features(ASKED)
    assert features.only({"blocks"}) is features
    read = features.meaning
    bare = features.only({"meaning"})
    assert bare.meaning is read
    assert bare.maker.blocks == ()
    assert bare.only({"meaning"}) is bare


def test_the_view_is_the_blocks_side_by_side_and_of_length_one():
    maker = FeatureMaker.of(tiny(), None, {"blocks"})
    apart = tiny().encode_blocks(ASKED, maker.blocks)
    for cached in (True, False):
        features = maker.features(ASKED, cached=cached)
        wanted = torch.cat([apart[block] for block in maker.blocks], dim=1) / len(maker.blocks) ** 0.5
        torch.testing.assert_close(features.blocks, wanted, atol=1e-6, rtol=0)
        torch.testing.assert_close(features.meaning, apart[tiny().depth], atol=1e-6, rtol=0)
        lengths = features.blocks.norm(dim=1)
        torch.testing.assert_close(lengths, torch.tensor([1.0, 1.0, 0.0, 1.0]), atol=1e-5, rtol=0)


def test_one_pass_reads_the_meaning_too(monkeypatch):
    passes = []

    def counted(self, asked, blocks, own=Transformer.batches):
        passes.append(tuple(blocks))
        return own(self, asked, blocks)

    monkeypatch.setattr(Transformer, "batches", counted)
    maker = FeatureMaker.of(tiny(), None, {"blocks"})
    features = maker.features(("the cat", "a dog", "the cat"))
    assert features.meaning.shape == (3, 32)
    assert features.blocks.shape == (3, 32 * len(maker.blocks))
    assert passes == [maker.blocks]


def test_what_is_saved_restores_it():
    maker = FeatureMaker.of(tiny(), None, {"blocks"})
    features = maker.features(("the cat", "a dog"))
    stored = features.tensors({"blocks"})
    assert set(stored) == {"lower", "meaning"}
    again = replace(features, stored=stored, texts=("of other", "texts"))
    torch.testing.assert_close(again.blocks, features.blocks, atol=0, rtol=0)


def test_texts_are_read_once_where_some_are_the_same():
    found = read_blocks(tiny().batches, 32, ("the cat", "", "the cat"), (1, 3))
    torch.testing.assert_close(found[1][0], found[1][2], atol=0, rtol=0)
    assert not found[3][1].any()


@pytest.mark.parametrize("candidate", [Probe("blocks"), Propagated("blocks", "blocks")], ids=str)
def test_a_model_comes_back_and_predicts_the_same(candidate, tmp_path):
    model = fit_table(table(), plan=plan(candidate, exactly=True), into=tmp_path / "model")
    again = load(tmp_path / "model")
    assert again.maker.blocks == model.maker.blocks == upper_blocks(tiny())
    np.testing.assert_array_equal(again.probabilities(ASKED), model.probabilities(ASKED))


def test_a_model_that_reads_the_last_block_reads_no_other():
    assert fitted(Probe("meaning")).maker.blocks == ()
    searched = fit_table(table(), plan=plan(Probe("meaning"), Probe("blocks", 1e-6)), into=None)
    assert searched.candidate == Probe("meaning")
    assert searched.maker.blocks == searched.data.features.maker.blocks == ()
    assert "lower" not in searched.data.features.__dict__


def test_what_is_kept_in_memory_is_what_predicts_and_is_saved_once(tmp_path):
    both = NamedGraph("both", Neighbours(5), "both")
    asked = plan(Propagated("both", "both"), Probe("blocks", 1e-6), graphs=(both, BLOCKS))
    model = fit_table(table(), plan=asked, into=tmp_path / "model")
    assert model.candidate == Propagated("both", "both")
    assert set(model.data.graphs) == {"both"}
    assert not model.data._fitted
    facts = json.loads((tmp_path / "model" / "graph" / "0.json").read_text())
    assert facts["shared"] == ["features"]


def test_a_search_tries_it_and_its_graphs():
    found = fit_table(table(), plan=plan(up_to="graph"), into=None).outcome
    tried = {one.name for one in found.candidates}
    assert "probe(blocks, C=50)" in tried
    assert any("blocks over blocks, sharp" in name for name in tried)
    assert {"blocks", "blocks, sharp"} <= {graph.name for graph in found.graphs}


@pytest.mark.parametrize("encoder", ["tfidf", "static"])
def test_an_encoder_without_blocks_is_refused_by_name(encoder):
    asked = plan(Probe("blocks"), encoder=encoder)
    for refuse in (lambda: fit_table(table(), plan=asked, into=None), lambda: work(table(), asked, None)):
        with pytest.raises(PlanError, match=f"and of {encoder} there are none") as refused:
            refuse()
        assert '"meaning"' in refused.value.fix


@pytest.mark.parametrize("encoder", ["tfidf", "static"])
def test_a_graph_of_blocks_is_refused_without_candidates_too(encoder):
    asked = plan(graphs=(BLOCKS,), encoder=encoder)
    for refuse in (lambda: fit_table(table(), plan=asked, into=None), lambda: work(table(), asked, None)):
        with pytest.raises(PlanError, match=f"and of {encoder} there are none"):
            refuse()


def test_pre_training_refuses_it_too(tmp_path):
    network = Network(view="blocks", initial=GraphMAE())
    with pytest.raises(PlanError, match="and of static there are none"):
        pretrain_table(table(), network=network, encoder="static", into=tmp_path / "pretrained")


def test_where_no_graph_is_read_the_encoder_is_not_asked_for_its_blocks(monkeypatch):
    def asked(encoder):
        pytest.fail(f"{encoder} was asked")

    monkeypatch.setattr("graphtune.select.features.upper_blocks", asked)
    assert graphs_of(plan(Probe("words"), exactly=True), links=False, nodes=50) == ()


def test_several_labels_a_text_are_probed_in_several_blocks_too():
    every = get_args(View)
    assert Probe("blocks") in grid.probes(few=True, views=every, several=True)
    assert Probe("blocks") not in grid.probes(few=True, views={"meaning", "words"}, several=True)


def test_what_is_saved_says_which_blocks_it_reads(tmp_path):
    fit_table(table(), plan=plan(Probe("blocks"), exactly=True), into=tmp_path / "model")
    manifest = json.loads((tmp_path / "model/manifest.json").read_text())
    assert (manifest["format"], manifest["encoder"]["blocks"]) == (6, list(upper_blocks(tiny())))
    fit_table(table(), plan=plan(Probe("meaning"), exactly=True), into=tmp_path / "plain")
    manifest = json.loads((tmp_path / "plain/manifest.json").read_text())
    assert (manifest["format"], manifest["encoder"]["blocks"]) == (3, [])


def test_of_many_texts_the_last_block_alone_is_read():
    assert "blocks" in views_there(tiny(), BLOCKS_BELOW - 1)
    assert "blocks" not in views_there(tiny(), BLOCKS_BELOW)


def test_the_estimate_counts_texts_of_which_a_block_is_missing():
    fitted(Probe("meaning"))
    rows = table()
    assert work(rows, plan(Probe("meaning"), exactly=True), None).encoder.to_encode == 0
    todo = work(rows, plan(Probe("blocks"), exactly=True), None)
    assert todo.encoder.to_encode == len(set(rows.texts))
    sizes, plain = todo.sizes(), work(rows, plan(Probe("meaning"), exactly=True), None).sizes()
    assert (sizes.blocks, plain.blocks) == (32 * len(upper_blocks(tiny())), 0)
