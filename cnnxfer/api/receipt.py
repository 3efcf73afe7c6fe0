"""Writes the start and the end of a run to its receipt."""

import dataclasses
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

from cnnxfer.errors import Interrupted, RunError
from cnnxfer.runs import Run
from cnnxfer.version import __version__


@contextmanager
def recorded_outcome(run: Run) -> Iterator[None]:
    """Writes to the receipt how the block, a phase, ended and how long it took."""
    started = datetime.now().astimezone()
    try:
        yield
    except BaseException as error:
        stopped = isinstance(error, Interrupted | KeyboardInterrupt)
        # If writing fails too, the first error is the one to report.
        with suppress(RunError):
            _end(run, started, "interrupted" if stopped else "failed")
        raise
    _end(run, started, "done")


def _end(run: Run, started: datetime, status: str) -> None:
    ended = datetime.now().astimezone()
    run.update_receipt(
        status=status,
        ended=ended.isoformat(timespec="seconds"),
        seconds=round((ended - started).total_seconds(), 1),
    )


def start_receipt(run: Run, seed: int, **values: Any) -> None:
    """Writes a new receipt, with other entries, of a run that starts now."""
    from cnnxfer.hardware.packages import PACKAGES, installed_version
    from cnnxfer.hardware.processor import find_processor

    run.update_receipt(
        command=shlex.join(sys.argv),
        cnnxfer=__version__,
        python=sys.version.split()[0],
        packages={name: installed_version(name) for name in PACKAGES},
        hardware=dataclasses.asdict(find_processor()),
        seed=seed,
        # To the microsecond, since it tells which of two runs was made last.
        started=datetime.now().astimezone().isoformat(timespec="microseconds"),
        status="running",
        **values,
    )
