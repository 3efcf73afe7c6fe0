"""Processes of Python that find the same modules as this one."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from typing import IO

_START = (
    "import json, sys; from importlib import import_module; "
    "sys.path[:] = json.loads(sys.argv[1]); import_module(sys.argv[2]).main()"
)


def python_command(module: str) -> list[str]:
    """Returns the command that runs `main()` of a module in a new process.

    `multiprocessing` would import the user's script again, or fork a process in which
    TensorFlow or OpenVINO have threads.
    """
    # Python ignores entries of other types, such as a Path.
    path = [entry for entry in sys.path if isinstance(entry, str)]
    return [sys.executable, "-P", "-c", _START, json.dumps(path), module]


def last_line(errors: IO[bytes]) -> str:
    """Returns the last line that a process has written to its errors, mostly why.

    Args:
        errors: the file that its standard error is.

    Returns:
        "" if it has written none.
    """
    errors.seek(0)
    return errors.read().decode(errors="replace").strip().split("\n")[-1]


def be_the_first_to_be_killed() -> None:
    """Has Linux end this process, rather than its parent, when memory runs out."""
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as stream:
        stream.write("1000")
