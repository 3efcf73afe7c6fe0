"""Errors that a user can act on.

They are raised where the cause is known. The message says what was found, what was
expected and what to type next. The command line catches them in one place and prints
the message on one line. Any other exception is a bug and keeps its traceback.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar


class CnnxferError(Exception):
    """Base class of all errors that a user can act on.

    Attributes:
        exit_code: the exit code with which the command line ends the process.
    """

    exit_code: ClassVar[int] = 1


class ConfigError(CnnxferError):
    """An option, a name or a configuration that cannot be used."""

    exit_code = 2


class DataError(CnnxferError):
    """Images, labels or files that cannot be used."""

    exit_code = 2


class PassingError(DataError):
    """An image that cannot be used now, for a reason that does not lie in it.

    Memory, permissions or a library may be there the next time, so nothing remembers
    that it failed.
    """


class RunError(CnnxferError):
    """Work that started correctly and then failed."""


class Interrupted(CnnxferError):
    """Work that Ctrl-C or SIGTERM stopped after its progress had been saved."""

    exit_code = 130


def reason_of(error: OSError) -> str:
    """Returns the system's reason for a failure, such as "permission denied"."""
    return (error.strerror or str(error)).lower()


def first_line(error: BaseException) -> str:
    """Returns the first line of a library's message, or the name of a silent error."""
    return (str(error).strip() or type(error).__name__).split("\n")[0]


def passing_reason(error: BaseException | None) -> str:
    """Returns why something failed that may work the next time, without a change of it.

    That is too little memory, or what the system refuses. It is "" for all else, and
    for a file that is missing.
    """
    if isinstance(error, MemoryError):
        return "too little memory"
    if not isinstance(error, OSError) or isinstance(error, FileNotFoundError):
        return ""
    # In damaged data, bz2 and gzip raise an OSError without a number, and zipfile may
    # seek to a place before the beginning of the file.
    return reason_of(error) if error.errno not in (None, errno.EINVAL) else ""


@contextmanager
def with_advice(advice: str) -> Iterator[None]:
    """Adds what to type next to the errors of a wrong option or of unusable data.

    Args:
        advice: a sentence; empty to add nothing.
    """
    try:
        yield
    except (ConfigError, DataError) as error:
        if not advice:
            raise
        raise type(error)(f"{error} {advice}") from error
