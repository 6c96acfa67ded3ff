"""Batches side by side: in order, one thread each, and no more at once than asked."""

import threading
import time

import pytest
import torch

from graphtune.encoder.streams import side_by_side


@pytest.mark.parametrize("streams", [1, 2, 3])
def test_results_come_in_order_whatever_finishes_first(streams):
    def slow_first(item: int) -> int:
        time.sleep(0.02 if item % 3 == 0 else 0)
        return item * item

    assert list(side_by_side(slow_first, range(10), streams)) == [n * n for n in range(10)]
    assert list(side_by_side(slow_first, [], streams)) == []


def test_each_stream_has_one_thread_and_the_caller_keeps_its_own():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert list(side_by_side(lambda _: torch.get_num_threads(), range(4), 2)) == [1, 1, 1, 1]
        assert list(side_by_side(lambda _: torch.get_num_threads(), range(2), 1)) == [2, 2]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_no_more_is_begun_than_the_streams_and_one():
    begun = []
    lock = threading.Lock()

    def note(item: int) -> int:
        with lock:
            begun.append(item)
        return item

    results = side_by_side(note, range(100), 2)
    assert next(results) == 0
    time.sleep(0.05)
    assert len(begun) <= 3
    results.close()  # type: ignore[attr-defined]
    time.sleep(0.05)
    assert len(begun) <= 3


def test_a_failure_reaches_the_caller_and_nothing_more_is_begun():
    done = []

    def fail(item: int) -> int:
        if item == 1:
            raise ValueError(item)
        done.append(item)
        return item

    with pytest.raises(ValueError, match="1"):
        list(side_by_side(fail, range(50), 2))
    assert len(done) <= 4
