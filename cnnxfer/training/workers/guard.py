"""Ends a process that is stuck where no Python code runs any more."""

import faulthandler
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

STUCK_SECONDS = 20.0


@contextmanager
def ended_if_stuck(message: str) -> Iterator[None]:
    """Ends the process, with an error and exit code 1, if the block takes too long.

    While TensorFlow connects processes it holds Python's lock, so that no thread of
    Python runs and no signal is heard; if one of them dies then, that never ends.
    `faulthandler` has a thread that needs no lock. What it writes then is for
    developers, so another process reads it and says one line.
    """
    line = f"read -r first && echo {shlex.quote(f'error: {message}.')} >&2"
    with subprocess.Popen(["sh", "-c", line], stdin=subprocess.PIPE) as speaker:
        assert speaker.stdin
        faulthandler.dump_traceback_later(
            STUCK_SECONDS, exit=True, file=speaker.stdin.fileno()
        )
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
