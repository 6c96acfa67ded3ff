"""Batches computed side by side, each on one thread.

Two threads that share one batch wait for each other at every operation: small products and normalisations
cannot be split evenly. Two batches on a thread each never wait.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(work: Callable[[Item], Result], items: Iterable[Item], streams: int) -> Iterator[Result]:
    """Yield ``work`` of every item, in order, computing as many at once as there are ``streams``.

    With one stream an item has all of PyTorch's threads, else one each.
    """
    if streams < 2:
        yield from map(work, items)
        return
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(streams, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                # One more than can be computed, so that no thread waits for the reader.
                if len(waiting) > streams:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
