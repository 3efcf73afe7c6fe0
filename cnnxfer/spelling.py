"""How messages call options and commands: as the command line does, or as Python."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath

LATEST = "latest"  # in place of a run: the one that was made last

# A switch of the process, since messages come from all of its threads.
_is_command_line = False

_PARAMETERS = {
    "from": "start",
    "all": "last='100%'",
    "freeze": "from_scratch=False",
    "class": "classes",
}


@contextmanager
def command_line() -> Iterator[None]:
    """Has messages name what is typed on a command line, while the block runs."""
    global _is_command_line
    before, _is_command_line = _is_command_line, True
    try:
        yield
    finally:
        _is_command_line = before


def is_command_line() -> bool:
    """Returns whether this process runs a command, not somebody's program."""
    return _is_command_line


def option(name: str, value: object = None) -> str:
    """Returns what the user calls an option: `--split`, or in Python `split`.

    Args:
        name: the name on the command line, such as "--split".
        value: a value that the message proposes: `--split slices`, or
            `split='slices'`. True and False are for flags: `--dense` and `--no-cache`,
            or `dense=True` and `cache=False`.
    """
    word = name.removeprefix("--")
    if not _is_command_line:
        word = _PARAMETERS.get(word, word.removeprefix("no-").replace("-", "_"))
        value = str(value) if isinstance(value, PurePath) else value
        return word if value is None or "=" in word else f"{word}={value!r}"
    if value is False:
        return f"--no-{word}"
    return name if value is None or value is True else f"{name} {value}"


def spelled(text: str) -> str:
    """Returns a text in which `option` has spelled what braces enclose.

    Args:
        text: such as "Leave it out with {--exclude} or use {--split slices}."
    """
    return re.sub(
        r"\{(--[^\s}]+) ?([^}]*)\}",
        lambda found: option(found[1], found[2] or None),
        text,
    )


def command(name: str, *arguments: object, **options: object) -> str:
    """Returns `cnnxfer unfreeze runs/a --last 50%`, or the call that does the same.

    Args:
        name: a command that is a function of the package, too.
        *arguments: paths, names or texts; what stands in capitals is left to the user.
        **options: the options of the command by their names in Python; True is for
            flags.
    """
    if not _is_command_line:
        values = [repr(str(argument)) for argument in arguments]
        values += [
            f"{key}={value if value is True else str(value)!r}"
            for key, value in options.items()
        ]
        return f"cnnxfer.{name}({', '.join(values)})"
    words = [str(argument) for argument in arguments]
    for key, value in options.items():
        words.append(f"--{key.replace('_', '-')}")
        if value is not True:
            words.append(str(value))
    return f"cnnxfer {name} {shlex.join(words)}".rstrip()
