"""What runs are called: after their data with the next number, or as somebody says."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from cnnxfer.errors import ConfigError
from cnnxfer.files import is_encodable, local_name
from cnnxfer.registry import BUILT_IN
from cnnxfer.spelling import LATEST
from cnnxfer.texts import normal

BEFORE_LATEST = "@"  # in front of a number: so many runs before the latest
MOST_OF_DATA = 40  # characters of the name of data
MOST_BYTES = 150  # names of files have at most 255, and some begin with a run's name


def is_counted(name: str) -> bool:
    """Tells whether a name is `latest`, or such as `@1`: that of no run of its own."""
    return name == LATEST or bool(re.fullmatch(rf"{BEFORE_LATEST}\d{{1,9}}", name))


def names_after(data: str, runs_dir: Path) -> Iterator[str]:
    """Yields names for a new run: that of its data, with the next number and so on.

    Args:
        data: a short name of the data, which may have any characters.
        runs_dir: the directory of all runs, which need not exist.
    """
    words = re.sub(r"[^\w.-]+", "-", local_name(normal(data), "-"))
    slug = words[:MOST_OF_DATA].strip("-.") or "run"
    numbered = re.compile(rf"{re.escape(slug)}-(\d{{1,9}})", re.IGNORECASE)
    names = os.listdir(runs_dir) if runs_dir.is_dir() else ()
    found = filter(None, map(numbered.fullmatch, names))
    last = max((int(match[1]) for match in found), default=0)
    return (f"{slug}-{number}" for number in count(last + 1))


def check_name(name: str, label: str) -> None:
    """Checks that a run can be called so, and found by that name.

    Args:
        name: the name.
        label: what messages call it.

    Raises:
        ConfigError: if it cannot.
    """
    if name == LATEST:
        raise ConfigError(
            f"{label} is {name!r}, which means the run that was made last. "
            "Choose another name."
        )
    is_plain = name.isprintable() and "/" not in name and name == name.strip()
    begins_well = not name.startswith(("-", ".", BEFORE_LATEST, BUILT_IN))
    if not name or not is_plain or not begins_well:
        raise ConfigError(
            f"{label} is {name!r}; expected a name such as roses-2, without a slash, "
            "that does not begin with -, . or @."
        )
    fits = is_encodable(name, "utf-8") and local_name(name) == name
    if not fits or len(os.fsencode(name)) > MOST_BYTES:
        raise ConfigError(
            f"{label} is {name!r}, which is too long for the name of a directory, or "
            "has characters that none can have here. Choose a shorter, plainer one."
        )
