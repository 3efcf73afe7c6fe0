"""Asks on the terminal before something is deleted."""

from __future__ import annotations

import sys

from cnnxfer.console import stderr
from cnnxfer.errors import ConfigError
from cnnxfer.reporting import printable


def can_ask() -> bool:
    """Returns whether somebody sits at a terminal, to read and to type."""
    return sys.stdin.isatty() and stderr().is_terminal


def allowed(deletion: str, *, yes: bool) -> bool:
    """Returns whether something may be deleted: by `--yes`, or as the user answers.

    Args:
        deletion: what would be done, such as "remove runs/flowers-1 (9 files)".
        yes: whether `--yes` was given.

    Raises:
        ConfigError: if it was not, and there is no terminal to ask on.
    """
    if yes:
        return True
    if not can_ask():
        raise ConfigError(f"nobody can be asked here. To {deletion}, add --yes.")
    from rich.markup import escape

    question = deletion[0].upper() + deletion[1:]
    stderr().print(escape(f"{printable(question)}? [y/N] "), end="")
    try:
        return input().strip().lower() in ("y", "yes")
    except EOFError:
        return False
