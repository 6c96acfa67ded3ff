"""What is learned from sensitivities: a planted rule that only the edges tell, and the committed form."""

import dataclasses
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "bench/structure"))
sys.path.append(str(Path(__file__).parents[1] / "structure"))

import corpora
import lessons
import meta
from test_structure_gnn import graph

from graphtune.sensitivity import EDITION
from graphtune.structure.scores import MEASURED_COLUMNS
from graphtune.structure.task_columns import TASK_COLUMNS
from graphtune.structure.written import structure_facts


def case(dataset: str, encoder: str, seed: int, blocks: int) -> meta.Case:
    """Return a case in which a module matters as much as the one before it has Fisher information."""
    bare = graph(blocks, seed)
    bare = bare.with_columns({name: [0.0] * len(bare.nodes) for name in TASK_COLUMNS if name != "Fisher"})
    before = np.array(bare.column("Fisher"))[[*range(-1, len(bare.nodes) - 1)]]
    columns = {name: tuple(map(float, before)) for name in MEASURED_COLUMNS.values()}
    return meta.Case(dataset, encoder, bare.with_columns(columns))


@pytest.fixture(scope="module")
def every():
    sizes = {"short": 4, "long": 6}
    return [
        case(f"set {number}", name, 10 * number + size, size)
        for number in range(6)
        for name, size in sizes.items()
    ]


def test_what_only_edges_tell_is_learned_by_edges(every, monkeypatch):
    monkeypatch.setattr(lessons, "EPOCHS", 120)
    rest, apart = next(meta.held_out(every, "corpus"))
    assert {one.dataset for one in apart} == {"set 0"}
    assert not {one.dataset for one in rest} & {"set 0"}
    found = {}
    for edges in (True, False):
        reader = meta.learned(rest, edges=edges, members=1)
        told = [meta._correlation(reader.read(one.bare).predicted[:, 0], one, "tune") for one in apart]
        found[edges] = sum(told) / len(told)
    assert found[True] > 0.7
    assert found[True] > found[False] + 0.3


def test_what_was_not_measured_teaches_nothing_and_a_few_probes_tell_the_rest(every, monkeypatch):
    monkeypatch.setattr(lessons, "EPOCHS", 40)
    rest, apart = next(meta.held_out(every, "corpus"))
    unknown = (MEASURED_COLUMNS["prune"], MEASURED_COLUMNS["quantise"])
    some = [
        dataclasses.replace(
            one, graph=one.graph.with_columns({name: [math.nan] * len(one.graph.nodes) for name in unknown})
        )
        for one in rest
    ]
    reader = meta.learned(some, members=1)
    assert all(parameter.isfinite().all() for parameter in reader.members[0].parameters())
    # Weight decay alone is what maps to the harms have seen: they stay what they were drawn as.
    with torch.random.fork_rng():
        torch.manual_seed(0)
        drawn = lessons.StructureGNN(len(lessons.INPUTS), 24).leave.weight
    found = reader.members[0].leave.weight
    shrunk = found / drawn
    assert (shrunk[1:] - shrunk[1, 0]).abs().max() < 1e-3
    assert (found[0] - drawn[0] * shrunk[1, 0]).abs().max() > 1e-2
    assert meta._probed(reader.read(apart[0].bare), apart[0], "tune") > 0.5
    # Likeness learned, too.
    start = lessons.StructureGNN(1).likeness.logarithms
    assert (reader.members[0].likeness.logarithms - start).abs().max() > 0.01


def test_sets_of_the_same_texts_are_held_out_together(every):
    names = ("trec6", "r8", "trec50", "cr")
    cases = [dataclasses.replace(every[0], dataset=name) for name in names]
    apart = {tuple(one.dataset for one in held): len(rest) for rest, held in meta.held_out(cases, "corpus")}
    assert apart == {("cr",): 3, ("r8",): 3, ("trec6", "trec50"): 2}
    assert {corpora.corpus_of(name) for name in ("r52", "reuters90", "r8")} == {"reuters"}
    assert corpora.corpus_of("20ng_body") == corpora.corpus_of("20ng") != corpora.corpus_of("banking77")


def test_a_cut_or_tuned_encoder_is_held_out_with_the_one_it_was_made_from(every):
    pairs = (
        ("trec6", "minilm"),
        ("cr", "minilm-tuned-dbpedia14k"),
        ("cr", "gte-small"),
        ("dbpedia14k", "minilm"),
    )
    cases = [dataclasses.replace(every[0], dataset=dataset, encoder=encoder) for dataset, encoder in pairs]
    apart = {held[0].family: len(rest) for rest, held in meta.held_out(cases, "family")}
    assert apart == {"gte-small": 3, "minilm": 1}
    # What was tuned on a set has seen it, whatever it is measured on.
    rest, _ = next(one for one in meta.held_out(cases, "corpus") if one[1][0].dataset == "dbpedia14k")
    assert [one.encoder for one in rest] == ["minilm", "gte-small"]


def test_every_case_counts_alike_and_what_is_not_known_counts_nothing():
    one, two = torch.ones(3, 2), torch.ones(5, 2)
    two[0, 0] = two[4] = torch.nan
    shares = lessons.shares_of([one, two])
    assert shares[:3].sum() == pytest.approx(0.5)
    known = torch.cat([one, two]).isfinite()
    assert shares[known][6:].sum() == pytest.approx(0.5)
    assert not shares[~known].any()
    assert not lessons.shares_of([torch.full((2, 2), torch.nan), one])[:2].any()


def test_what_networks_learn_from_is_told_apart(every, monkeypatch):
    digest = meta.digest_of(every[:3])
    assert meta.digest_of(every[2::-1]) == digest
    assert meta.digest_of(every[:2]) != digest
    again = dataclasses.replace(every[0], graph=every[2].graph)
    assert meta.digest_of([again, *every[1:3]]) != digest
    assert {lessons.EPOCHS, lessons.PROBES, lessons._LIKENESS_RATE} <= set(meta.HOW)
    monkeypatch.setattr(meta, "HOW", ())
    assert meta.digest_of(every[:3]) != digest


def test_the_result_has_every_rival_and_is_checked(every, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(lessons, "EPOCHS", 2)
    monkeypatch.setattr(meta, "MEMBERS", 1)
    folder = tmp_path / "sensitivities"
    folder.mkdir()
    for number, one in enumerate(every[:4]):
        known = {"dataset": one.dataset, "encoder": one.encoder, "edition": EDITION}
        facts = {**known, "structure": structure_facts(one.graph)}
        (folder / f"{number}.json").write_text(json.dumps(facts))
        (folder / f"{number}-old.json").write_text(json.dumps({**facts, "dataset": "old", "edition": "0"}))
    monkeypatch.setattr(meta, "cases", lambda read=meta.cases: read(folder))
    monkeypatch.setattr(meta, "RESULT", tmp_path / "out/selectors.json")
    assert {one.dataset for one in meta.cases()} == {one.dataset for one in every[:4]}
    assert meta.main(["--check"]) == 1
    (tmp_path / "out").mkdir()
    assert meta.main([]) == 0
    assert meta.main(["--check"]) == 0
    result = json.loads((tmp_path / "out/selectors.json").read_text())
    assert result["sets"] == ["set 0", "set 1"]
    names = {"Fisher", "Taylor", "Random", "StructureGNN", "without edges", "the same modules on other sets"}
    assert names <= result["held_out_sets"].keys()
    assert "Measured" not in result["held_out_sets"]
    for by_purpose in result["held_out_sets"].values():
        assert all(value is None or -1 <= value <= 1 for value in by_purpose.values())
    assert "held-out encoder: StructureGNN" in capsys.readouterr().out


def test_measured_columns_are_hidden_before_anything_is_measured(every):
    bare = every[0].bare
    for name in MEASURED_COLUMNS.values():
        assert all(math.isnan(value) for value in bare.column(name))


def test_the_card_says_what_the_networks_are_and_how_well_they_tell(every, monkeypatch):
    monkeypatch.setattr(lessons, "EPOCHS", 2)
    means = {name: dict.fromkeys(meta.PURPOSES, 0.5) for name in ("StructureGNN", "without edges", "Fisher")}
    means |= {
        "StructureGNN, 8 probes": dict.fromkeys(meta.PURPOSES, 0.7),
        "GradientNorm": dict.fromkeys(meta.PURPOSES),
    }
    result = {"sets": ["cr"], "encoders": ["minilm"], "held_out_sets": means, "held_out_encoders": means}
    told = meta.card(result, meta.learned(every[:2], members=1))
    assert "| StructureGNN, 8 probes | 0.70 | 0.70 | 0.70 | 0.70 | 0.70 | 0.70 |" in told
    assert "sensitivities of minilm on cr" in told
