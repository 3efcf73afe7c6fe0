"""Writes the start and the end of a run to its receipt."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from datetime import datetime
from typing import Any

from cnnxfer.errors import Interrupted, RunError
from cnnxfer.runs import Run
from cnnxfer.version import __version__


class OutcomeRecorder:
    """Writes to a receipt how a `with` block, a phase, ended and how long it took."""

    def __init__(self, run: Run) -> None:
        """Starts the clock.

        Args:
            run: the run to whose receipt the outcome is written.
        """
        self.run = run
        self.started = datetime.now().astimezone()

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        ended = datetime.now().astimezone()
        status = "done" if kind is None else "failed"
        if kind in (Interrupted, KeyboardInterrupt):
            status = "interrupted"
        try:
            self.run.update_receipt(
                status=status,
                ended=ended.isoformat(timespec="seconds"),
                seconds=round((ended - self.started).total_seconds(), 1),
            )
        except RunError:
            if kind is None:  # otherwise, the first error is the one to report
                raise


def start_receipt(run: Run, seed: int, **values: Any) -> None:
    """Writes a new receipt: command, versions, hardware, seed and time.

    Args:
        run: the run, whose status becomes "running".
        seed: the seed of all random numbers.
        **values: other entries of the receipt.
    """
    from cnnxfer.hardware.packages import PACKAGES, installed_version
    from cnnxfer.hardware.processor import find_processor

    run.update_receipt(
        command=shlex.join(sys.argv),
        cnnxfer=__version__,
        python=sys.version.split()[0],
        packages={name: installed_version(name) for name in PACKAGES},
        hardware=dataclasses.asdict(find_processor()),
        seed=seed,
        started=datetime.now().astimezone().isoformat(timespec="seconds"),
        status="running",
        **values,
    )
