"""What a fit says of itself survives JSON."""

import json
from dataclasses import replace

import pytest
from subjects import plan, table

from graphtune.run import fit_table
from graphtune.run.outcome_json import outcome_from_json, outcome_to_json
from graphtune.select import Figures, Outcome, Probe, Scored


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return fit_table(table(labelled=3), plan=plan(), into=None).outcome


def again(outcome: Outcome) -> Outcome:
    text = json.dumps(outcome_to_json(outcome), allow_nan=False)
    return outcome_from_json(json.loads(text))


def test_a_fitted_outcome_is_the_same(outcome):
    assert outcome.test is not None
    assert again(outcome) == outcome


def test_so_is_one_without_test_rows(outcome):
    bare = replace(outcome, test=None, test_graph_free=None, test_gain=None, per_class=None, confusion=None)
    assert again(bare) == bare


def test_what_is_no_number_stays_none(outcome):
    nan = float("nan")
    left = Scored(str(Probe()), "graph-free", nan, nan, nan, 0, 0.0, "left out: no time")
    figures = Figures(3, 0.5, 0.1, 0.9, 0.5, nan, nan)
    odd = replace(outcome, candidates=(*outcome.candidates, left), test=figures)
    found = again(odd)
    assert repr(found) == repr(odd)
    assert found.candidates[:-1] == odd.candidates[:-1]


def test_the_members_of_a_mean_are_kept_and_may_be_missing_from_an_older_file(outcome):
    mean = Scored("mean of [a] and [b]", "graph", 0.5, 0.1, 0.7, 5, 1.0, members=("a", "b"))
    made = replace(outcome, candidates=(mean,))
    assert again(made) == made
    facts = outcome_to_json(made)
    del facts["candidates"][0]["members"]
    assert outcome_from_json(facts).candidates == (replace(mean, members=()),)


def test_a_missing_field_is_noticed(outcome):
    facts = outcome_to_json(outcome)
    del facts["verdict"]
    with pytest.raises(KeyError):
        outcome_from_json(facts)
