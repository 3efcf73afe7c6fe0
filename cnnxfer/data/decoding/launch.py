"""Launches decoder processes; the first one before it is known what it will decode."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

from cnnxfer.child_process import python_command

# Each core has a worker, so libraries of linear algebra need no threads of their own.
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("MKL", "OMP", "OPENBLAS")}


@dataclass(frozen=True)
class Launched:
    """A process that has begun to import what it needs, and waits for its setup.

    Attributes:
        process: the process, whose standard input and output are pipes.
        errors: the file that its standard error is.
    """

    process: subprocess.Popen[bytes]
    errors: IO[bytes]


_ahead: dict[tuple[str, ...], Launched] = {}  # by the command


def launch_ahead() -> None:
    """Launches the process that the next `launch` returns, unless one waits already.

    It imports NumPy and Pillow while this process does. If nobody asks for it, it ends
    with this process. A failure is left to `launch`, which tries again.
    """
    command = _command()
    if not _ahead:
        with suppress(OSError):
            _ahead[command] = _start(command)


def launch() -> Launched:
    """Launches a process, or returns the one that was launched ahead, if it lives.

    Raises:
        OSError: if it cannot be started.
    """
    command = _command()  # which tells where modules are found: that may have changed
    ahead = _ahead.pop(command, None)
    if ahead and ahead.process.poll() is None:
        return ahead
    return _start(command)


def _command() -> tuple[str, ...]:
    return tuple(python_command("cnnxfer.data.decoding.child"))


def _start(command: Sequence[str]) -> Launched:
    errors = tempfile.TemporaryFile()  # noqa: SIM115
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        env=os.environ | ONE_THREAD,
        process_group=0,  # so that Ctrl-C and Ctrl-Z reach only the parent
    )
    return Launched(process, errors)
