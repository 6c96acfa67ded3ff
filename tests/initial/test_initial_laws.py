"""What holds for every way to start a network."""

import pytest

from graphtune import initial
from graphtune.initial import Initial, Usual
from graphtune.strategy import Full
from graphtune.strategy.started import Started
from graphtune.train import Training, train
from tasks import same, small_model, small_task, weights


def test_all_names_every_initialisation_once():
    assert {kind.__name__ for kind in initial.ALL} == {*initial.__all__} - {"ALL", "Initial"}
    assert len({*initial.ALL}) == len(initial.ALL)


@pytest.mark.parametrize("kind", initial.ALL)
def test_is_an_initialisation(kind):
    assert isinstance(kind(), Initial)


def test_the_usual_start_changes_no_bit_of_what_is_tuned():
    found = []
    for strategy in (Full(epochs=3), Started(Usual(), Full(epochs=3))):
        task = small_task()
        model = small_model(task)
        train(strategy, model, task, Training(patience=None), seed=0)
        found.append(weights(model))
    assert same(*found)
