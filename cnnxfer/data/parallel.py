"""A parallel `map` that keeps the order, uses little memory and obeys Ctrl-C."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def parallel_map(
    function: Callable[[Item], Result], items: Iterable[Item], ahead: int = 64
) -> Iterator[Result]:
    """Yields `function(item)` for each item, in order, computed on all cores.

    A consumer that stops early (an exception, Ctrl-C) ends the work at once.

    Args:
        function: what is called for each item, in one of several threads.
        items: the arguments of the calls.
        ahead: the most results that wait for the consumer at a time.
    """
    threads = ThreadPoolExecutor(os.cpu_count())
    try:
        items = iter(items)
        waiting = deque(threads.submit(function, item) for item in islice(items, ahead))
        while waiting:
            yield waiting.popleft().result()
            waiting.extend(threads.submit(function, item) for item in islice(items, 1))
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
