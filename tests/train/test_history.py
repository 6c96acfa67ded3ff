"""What it took to come to the weights that were kept."""

from graphtune.train import Epoch, History, PhaseHistory, Reached


def phase(name: str, count: int, best: int | None) -> PhaseHistory:
    epochs = (Epoch(name, at, 1.0, None, None, 0.01, float(at)) for at in range(1, count + 1))
    return PhaseHistory(name, tuple(epochs), best, "epochs", 1)


def test_epochs_and_seconds_count_all_phases_up_to_the_best_epoch_of_the_last():
    reached = History((phase("mlp", 3, 2), phase("full", 5, 2))).reached
    assert reached == Reached(3 + 2, 0.0)  # seconds are not compared
    assert reached.seconds == 1 + 2 + 3 + 1 + 2
    assert History((phase("full", 4, 4),)).reached.seconds == 10


def test_nothing_is_reached_where_nothing_judged():
    assert History(()).reached is None
    assert History((phase("mlp", 3, 2), phase("full", 5, None))).reached is None
    assert History((phase("full", 0, None),)).reached is None
