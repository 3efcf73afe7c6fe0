"""Folders that files are added to: under safe names, and over nothing."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from urllib.parse import unquote, urlsplit

from cnnxfer.errors import ConfigError
from cnnxfer.files import atomic_path
from cnnxfer.prediction.inputs.kinds import is_web_address

# What Windows makes no file of, whatever follows after a dot.
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)", re.I)
MAX_NAME_BYTES = 200  # file systems take 255; a number may be added
MAX_SUFFIX_BYTES = 20


def make_folder(option: str, folder: Path) -> None:
    """Makes a folder, and those above, where it is not there yet.

    Args:
        option: that asks for it, such as "--copy-to".
        folder: to be made.

    Raises:
        ConfigError: if it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{option} {folder} cannot be made ({error.strerror}). "
            "Name a folder that can be written."
        ) from error


def add_file(path: Path, content: bytes) -> bool:
    """Writes a file at `path`, or beside it under the first number that is free.

    Returns:
        Whether it was written: a file of that name, or of one of those with a number
        before, that holds the same is left as it is, and is enough.

    Raises:
        OSError: if it cannot be written; it names the file.
    """
    for choice in numbered(path.stem, path.suffix):
        target = path.with_name(choice)
        if not os.path.lexists(target):
            with atomic_path(target) as temporary:
                temporary.write_bytes(content)
            return True
        if _holds(target, content):
            return False
    raise AssertionError("there is always another number")


def numbered(stem: str, suffix: str = "") -> Iterator[str]:
    """Yields a name, then the same with numbers: `a.jpg`, `a-2.jpg`, `a-3.jpg`..."""
    yield stem + suffix
    for number in count(2):
        yield f"{stem}-{number}{suffix}"


def bare_name(path: str) -> str:
    """Returns the last part of a path or a web address; it may be empty."""
    if is_web_address(path):
        path = unquote(urlsplit(path).path)
    return re.split(r"[/\\]" if os.sep == "\\" else "/", path)[-1]


def safe_name(name: str) -> str:
    """Returns a name that every common file system takes, and takes for itself.

    Separators and what cannot be printed or typed become `_`, and so do names of
    folders above, of devices of Windows, and none at all.
    """
    name = unicodedata.normalize("NFC", name)
    name = "".join(
        c if c.isprintable() and c not in '<>:"/\\|?*' else "_" for c in name
    )
    stem, suffix = os.path.splitext(name)
    if len(suffix.encode()) > MAX_SUFFIX_BYTES:
        stem, suffix = name, ""
    room = MAX_NAME_BYTES - len(suffix.encode())
    name = stem.encode()[:room].decode(errors="ignore") + suffix
    name = name.strip(" ").rstrip(". ")
    return f"_{name}" if not name or RESERVED.match(name) else name


def _holds(path: Path, content: bytes) -> bool:
    return (
        path.is_file()
        and path.stat().st_size == len(content)
        and path.read_bytes() == content
    )
