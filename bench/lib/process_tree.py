"""A process with all below it, and the memory that they hold together."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from types import TracebackType

INTERVAL_SECONDS = 0.02
PROC = Path("/proc")


class PeakWatch:
    """Looks at a process and those below it every 20 ms, in a thread of its own.

    Attributes:
        peak_bytes: the most that they held together, so far. Pages that several of
            them share are counted for each, so it is rather too much than too little;
            0 where the operating system has no `/proc`.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.peak_bytes = 0
        self._over = Event()
        self._thread = Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PeakWatch:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(INTERVAL_SECONDS):
            together = sum(map(_resident_bytes, family(self.pid)))
            self.peak_bytes = max(self.peak_bytes, together)


def family(pid: int) -> list[int]:
    """Returns the process and all below it, as far as `/proc` tells."""
    pids = [pid]
    for parent in pids:  # it grows meanwhile
        with suppress(OSError):  # it has ended, or a thread of it has
            for path in (PROC / str(parent) / "task").glob("*/children"):
                pids += map(int, path.read_text().split())
    return pids


def runs(pid: int) -> bool:
    """Tells whether there is such a process and it has not ended."""
    with suppress(OSError):
        state = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
        return state not in "ZX"
    return False


def _resident_bytes(pid: int) -> int:
    with suppress(OSError):
        pages = int((PROC / str(pid) / "statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    return 0
