"""The lock of a run: only one process at a time may train it."""

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
from cnnxfer.files import (
    check_writable,
    json_text,
    read_json,
    remove_leftovers,
    write_text,
)
from cnnxfer.runs.run import Run
from cnnxfer.trust import KEPT

LOCK = ".lock"  # the operating system releases it when its process ends
HOLDER = ".holder.json"  # describes the process that holds the lock
PATIENCE_SECONDS = 0.5  # asking for the status of a run locks it for a moment


@contextmanager
def lock_run(run: Run) -> Iterator[None]:
    """Makes this process the only one that trains a run, until the block ends.

    The lock is released however the process ends. Temporary files of a killed process
    are removed. Reading a run needs no lock.

    Raises:
        RunError: if another process trains the run, or the run no longer exists or
            cannot be written.
    """
    if not run.path.is_dir():
        raise RunError(f"the run {run.path} is gone. Put it back.")
    holder = run.path / HOLDER
    with _acquired(run):
        with run.updating():
            remove_leftovers(run.path)
            write_text(holder, json_text(_this_process()) + "\n", KEPT)
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
    """Checks that no other process is training a run, without locking it.

    A run without a lock file, or with one that cannot be opened, counts as idle.

    Raises:
        RunError: if another process is training the run.
    """
    if _is_held(run, PATIENCE_SECONDS, unknown=False):
        raise RunError(_in_use(run))


def status_of(run: Run) -> str:
    """Returns "running", "done", "interrupted", "failed" or "killed".

    A run is killed if its receipt says that it is running and no process holds its
    lock.

    Raises:
        RunError: if the receipt is missing or damaged.
    """
    status = str(run.receipt.get("status", "unknown"))
    if status == "running" and not _is_held(run, 0, unknown=True):
        return "killed"
    return status


def _is_held(run: Run, patience_seconds: float, *, unknown: bool) -> bool:
    """Tells whether a process holds the lock; `unknown` if it cannot be opened."""
    from filelock import FileLock, Timeout  # slow to import

    if not (run.path / LOCK).exists():
        return False
    try:
        with FileLock(run.path / LOCK, timeout=patience_seconds):
            return False
    except Timeout:
        return True
    except OSError:
        return unknown


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
        holder = read_json(run.path / HOLDER, dict[str, Any])
        process, host = int(holder["process"]), str(holder["host"])
        since = datetime.fromisoformat(holder["since"])
        command = str(holder["command"])
    except (OSError, ValueError, TypeError, KeyError):  # just started or ended
        return f"{run.path} is being trained by another process. Wait for it."
    is_local = host == socket.gethostname()
    today = since.date() == datetime.now().date()
    return (
        f"{run.path} is being trained by process {process}"
        f"{'' if is_local else f' on {host}'} ({command}) since "
        f"{since:{'%H:%M' if today else '%Y-%m-%d %H:%M'}}. Wait for it, or stop it"
        f"{'' if is_local else ' there'}: kill {process}"
    )
