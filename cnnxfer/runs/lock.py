"""One writer a run: who holds it, and what the others are told."""

from __future__ import annotations

import json
import os
import shlex
import socket
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from cnnxfer.errors import RunError
from cnnxfer.files import check_writable, json_text, remove_leftovers, write_text
from cnnxfer.runs.run import Run

LOCK = ".lock"  # held by the operating system, for as long as its process lives
HOLDER = ".holder.json"  # says whose it is
PATIENCE_SECONDS = 0.5  # who asks for a run's status holds it for a moment


@contextmanager
def lock_run(run: Run) -> Iterator[None]:
    """Makes this process the only one that trains a run, as long as it lasts.

    However the process ends, the run is free then. What a killed one was writing is
    removed. Reading takes no hold.

    Raises:
        RunError: if another process holds the run, or it is gone or cannot be written.
    """
    if not run.path.is_dir():
        raise RunError(f"the run {run.path} is gone. Put it back.")
    holder = run.path / HOLDER
    with _acquired(run):
        with run.updating():
            remove_leftovers(run.path)
            write_text(holder, json_text(_this_process()) + "\n")
        try:
            yield
        finally:
            with suppress(OSError):
                holder.unlink()


def _acquired(run: Run) -> AbstractContextManager[Any]:
    from filelock import FileLock, Timeout  # slow to import

    with run.saving():
        for directory in (run.path, run.checkpoints_dir):
            if directory.is_dir():
                check_writable(directory)
        try:
            return FileLock(run.path / LOCK).acquire(timeout=PATIENCE_SECONDS)
        except Timeout:
            raise RunError(_in_use(run)) from None


def require_idle(run: Run) -> None:
    """Makes sure that no other process trains a run now, without a hold on it.

    A run without a lock, or with one that cannot be opened, counts as idle.

    Raises:
        RunError: if another process holds the run.
    """
    from filelock import FileLock, Timeout  # slow to import

    if not (run.path / LOCK).exists():
        return
    try:
        # As in `_acquired`: who asks for a run's status holds it for a moment.
        with FileLock(run.path / LOCK, timeout=PATIENCE_SECONDS):
            return
    except Timeout:
        raise RunError(_in_use(run)) from None
    except OSError:
        return


def status_of(run: Run) -> str:
    """Returns how a run stands: "running", "done", "interrupted", "failed" or "killed".

    It is "killed" if it says that it is running, and no process holds it.

    Raises:
        RunError: if it has no receipt, or a damaged one.
    """
    status = str(run.receipt.get("status", "unknown"))
    return "killed" if status == "running" and _is_free(run) else status


def _is_free(run: Run) -> bool:
    from filelock import FileLock, Timeout  # slow to import

    if not (run.path / LOCK).exists():
        return True
    try:
        with FileLock(run.path / LOCK, timeout=0):
            return True
    except (Timeout, OSError):  # the latter where it cannot be written
        return False


def _this_process() -> dict[str, str | int]:
    program = Path(sys.argv[0])
    name = program.parent.name if program.stem == "__main__" else program.name
    return {
        "process": os.getpid(),
        "host": socket.gethostname(),
        "command": shlex.join([name or "python", *sys.argv[1:]]),
        "since": datetime.now().astimezone().isoformat(timespec="seconds"),
    }


def _in_use(run: Run) -> str:
    try:
        holder = json.loads((run.path / HOLDER).read_text(encoding="utf-8"))
        process, host = int(holder["process"]), str(holder["host"])
        since = datetime.fromisoformat(holder["since"])
        command = str(holder["command"])
    except (OSError, ValueError, TypeError, KeyError):  # it has just begun, or ended
        return f"{run.path} is being trained by another process. Wait for it."
    here = host == socket.gethostname()
    today = since.date() == datetime.now().date()
    return (
        f"{run.path} is being trained by process {process}"
        f"{'' if here else f' on {host}'} ({command}) since "
        f"{since:{'%H:%M' if today else '%Y-%m-%d %H:%M'}}. Wait for it, or stop it"
        f"{'' if here else ' there'}: kill {process}"
    )
