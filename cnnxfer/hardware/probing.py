"""Looking at a machine that may refuse to answer, or take its time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def attempt(probe: Callable[[], Found]) -> Found | None:
    """Returns what `probe` finds, or None: a machine may refuse anything."""
    try:
        return probe()
    except Exception:
        return None


def in_background(
    probe: Callable[[float], Found], timeout_seconds: float
) -> Callable[[], Found | None]:
    """Starts `probe` in a thread; the function returned waits for what it finds.

    The thread is a daemon: a name server that keeps silent, which no time-out of
    ours ends, must not keep the process alive.

    Args:
        probe: is called with `timeout_seconds`.
        timeout_seconds: how long the function returned waits.
    """
    found: list[Found | None] = []

    def find() -> None:
        found.append(attempt(lambda: probe(timeout_seconds)))

    thread = threading.Thread(target=find, daemon=True)
    thread.start()

    def wait() -> Found | None:
        thread.join(timeout_seconds)
        return found[0] if found else None

    return wait
