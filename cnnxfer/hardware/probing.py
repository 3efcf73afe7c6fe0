"""Runs probes of the hardware that may fail or take too long."""

import threading
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def attempt(probe: Callable[[], Found]) -> Found | None:
    """Returns the result of `probe`; None if it raises an exception."""
    try:
        return probe()
    except Exception:
        return None


def in_background(
    probe: Callable[[float], Found], timeout_seconds: float
) -> Callable[[], Found | None]:
    """Starts `probe` in a thread, and returns a function that waits for its result.

    The result is None if `probe`, which is passed the timeout, has failed or not
    finished in time. The thread is a daemon, so that it does not keep the process
    alive: a name server that does not answer can block it for longer than any timeout
    given here.
    """
    results: list[Found | None] = []

    def run() -> None:
        results.append(attempt(lambda: probe(timeout_seconds)))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def wait() -> Found | None:
        thread.join(timeout_seconds)
        return results[0] if results else None

    return wait
