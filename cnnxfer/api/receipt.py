"""What a run's receipt tells of its beginning and its end."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from datetime import datetime
from typing import Any

from cnnxfer.errors import Interrupted, RunError
from cnnxfer.runs import Run
from cnnxfer.version import __version__


class Clock:
    """Writes to the receipt how a phase ended and how long it took."""

    def __init__(self, run: Run) -> None:
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
            if kind is None:  # else what went wrong first is what counts
                raise


def start_receipt(run: Run, seed: int, **values: Any) -> None:
    """Writes what a run begins with: command, versions, machine, and `values`."""
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
