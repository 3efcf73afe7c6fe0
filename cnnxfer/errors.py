"""Errors that a user can act on.

They are raised where the cause is known, with what was found, what was expected
and what to type next, and caught once, by the command line, which prints the
message on one line. Anything else is a bug and keeps its traceback.
"""

from __future__ import annotations

from typing import ClassVar


class CnnxferError(Exception):
    """Base of every error that a user can act on; `exit_code` ends the process."""

    exit_code: ClassVar[int] = 1


class ConfigError(CnnxferError):
    """An option, a name or a configuration that cannot be used."""

    exit_code = 2


class DataError(CnnxferError):
    """Images, labels or files that cannot be used."""

    exit_code = 2


class RunError(CnnxferError):
    """Work that started well and failed."""


class Interrupted(CnnxferError):
    """Work stopped by Ctrl-C, after what was reached had been saved."""

    exit_code = 130


def reason_of(error: OSError) -> str:
    """Returns what the system says of a failure: "permission denied"."""
    return (error.strerror or str(error)).lower()
