"""Commands, each in a process of its own, with the time and memory that they took."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.lib.process_tree import PeakWatch, family

# What the operating system counts the peak in; Linux in KiB.
PEAK_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Finished:
    """A process that has ended well.

    Attributes:
        output: what it wrote on stdout.
        wall_seconds: from its start to its end.
        cpu_seconds: of all its threads together, which other work on the machine
            changes less.
        peak_mb: the most memory that it and all below it held at a time, in 10^6
            bytes; see `PeakWatch`.
    """

    output: str
    wall_seconds: float
    cpu_seconds: float
    peak_mb: float


def run_process(
    command: Sequence[str], environment: Mapping[str, str] | None = None
) -> Finished:
    """Runs a command to its end.

    The peak is at least that of the process which calls this, at the moment of the
    call: Linux hands it down. So a caller should be small, without TensorFlow.

    Args:
        command: the program and its arguments.
        environment: variables besides those of this process.

    Raises:
        SystemExit: if it fails, with the end of what it wrote on stderr.
    """
    with tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, **(environment or {})},
        ) as process:
            assert process.stdout is not None
            with PeakWatch(process.pid) as watch:
                output = process.stdout.read()
                _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        wall_seconds = time.perf_counter() - started
        if process.returncode:
            errors.seek(0)
            text = errors.read().decode(errors="replace")
            raise SystemExit(f"failed: {' '.join(command)}\n{text[-4000:]}")
    return Finished(
        output,
        wall_seconds,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_mb=max(usage.ru_maxrss * PEAK_UNIT_BYTES, watch.peak_bytes) / 1e6,
    )


def kill_process(
    command: Sequence[str],
    environment: Mapping[str, str],
    when: Callable[[], bool],
) -> list[int]:
    """Starts a command and ends it by SIGKILL, which it cannot prepare for.

    Args:
        command: the program and its arguments.
        environment: variables besides those of this process.
        when: asked again and again; its first yes is the moment.

    Returns:
        The ids of the process and of those that were below it.

    Raises:
        SystemExit: if it ends by itself before.
    """
    with subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **environment},
    ) as process:
        while not when():
            if process.poll() is not None:
                raise SystemExit(f"ended before it was killed: {' '.join(command)}")
            time.sleep(0.01)
        pids = family(process.pid)
        process.kill()
    return pids
