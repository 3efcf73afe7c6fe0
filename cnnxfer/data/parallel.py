"""A thread pool that keeps order, little memory, and Ctrl-C working."""

from __future__ import annotations

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

    At most `ahead` results wait at a time. A consumer that stops early (an
    exception, Ctrl-C) ends the work at once.
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
