"""Folders that files are added to: under safe names, and over nothing."""

from __future__ import annotations

import glob
import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import count, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote, urlsplit

from cnnxfer.errors import ConfigError
from cnnxfer.files import atomic_path, file_hash
from cnnxfer.prediction.inputs.kinds import find_kind, is_web_address

# What Windows makes no file of, whatever follows after a dot.
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)", re.I)
MAX_NAME_BYTES = 200  # file systems take 255; a number may be added
MAX_SUFFIX_BYTES = 20


@contextmanager
def created_folder(option: str, folder: Path) -> Iterator[None]:
    """Makes a folder, and those above; what is empty in the end is taken back.

    Args:
        option: that asks for it, such as "--copy-to".
        folder: to be made.

    Raises:
        ConfigError: if it cannot be made.
    """
    made = [path for path in (folder, *folder.parents) if not os.path.lexists(path)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{option} {folder} cannot be made ({error.strerror}). "
            "Name a folder that can be written."
        ) from error
    try:
        yield
    finally:
        with suppress(OSError):  # it is not empty
            for path in made:
                path.rmdir()


def refuse_folder_of_inputs(option: str, path: Path, inputs: Iterable[str]) -> None:
    """Makes sure that what is written is not found among the images the next time.

    Args:
        option: as it was typed, such as "--copy-to".
        path: where something will be written.
        inputs: what the images are found in.

    Raises:
        ConfigError: if it lies where images are looked for.
    """
    inside = path.resolve()
    for item in inputs:
        for folder in _folders_of(item, path):
            if inside.is_relative_to(Path(folder).resolve()):
                raise ConfigError(
                    f"{option} {path} lies in {folder}, where images are looked for: "
                    "what is written there would be found too. Name one outside."
                )


def is_input(path: Path, inputs: Iterable[str]) -> bool:
    """Whether a file is one of the inputs: named, matched by a glob, or a list."""
    if not path.exists():
        return False
    for item in inputs:
        found = [item, item.removeprefix("@")]
        if find_kind(item) is None:
            found = glob.glob(item, recursive=True)
        if any(os.path.exists(f) and os.path.samefile(f, path) for f in found):
            return True
    return False


class FileAdder:
    """Writes files: over nothing, and nothing twice."""

    def __init__(self) -> None:
        # By path: the hashes of what is beside it under numbers, and the names behind.
        # To look at all of them for each new one would take for ever.
        self._beside: dict[Path, tuple[set[str], Iterator[str]]] = {}

    def add(self, path: Path, content: bytes) -> bool:
        """Writes a file at `path`, or beside it under the first number that is free.

        Returns:
            Whether it was written: a file of that name, or of one of those with a
            number before, that holds the same is left as it is, and is enough.

        Raises:
            OSError: if it cannot be written; it names the file.
        """
        if _put(path, content):
            return True
        if _holds(path, content):
            return False
        if path not in self._beside:
            behind = islice(numbered(path.stem, path.suffix), 1, None)
            self._beside[path] = set(), behind
        hashes, names = self._beside[path]
        ours = hashlib.sha256(content).hexdigest()
        while ours not in hashes:
            target = path.with_name(next(names))
            if _put(target, content):
                hashes.add(ours)
                return True
            with suppress(OSError):  # a file that others may not read
                if target.is_file():  # a pipe would keep us waiting
                    hashes.add(file_hash(target))
        return False


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


def _folders_of(item: str, target: Path) -> Iterator[str]:
    """Yields the folders that an input is looked for in, as far as they matter."""
    if find_kind(item):
        if os.path.isdir(item):
            yield item
    elif "**" in item:
        before = item.partition("**")[0]
        yield from glob.glob(before) if before else ["."]
    elif all(map(os.path.isdir, matches := glob.glob(item))):  # else, files are meant
        yield from matches
        # What is not there yet will be matched the next time.
        pattern = os.path.abspath(item)
        parts = Path(os.path.abspath(target)).parts[: len(Path(pattern).parts)]
        if matches and Path(*parts).match(pattern):
            yield os.path.relpath(Path(*parts))


def _put(path: Path, content: bytes) -> bool:
    """Writes a whole file where there is none; returns whether there was none.

    Another process may do the same, so there is no gap between look and leap.
    """
    if os.path.lexists(path):
        return False
    with TemporaryDirectory(prefix=".tmp-", dir=path.parent) as directory:
        whole = Path(directory, path.name)
        with atomic_path(whole) as temporary:
            temporary.write_bytes(content)
        try:
            os.link(whole, path)
        except FileExistsError:
            return False
        except OSError:  # not all file systems have links
            if os.path.lexists(path):
                return False
            os.replace(whole, path)
    return True


def _holds(path: Path, content: bytes) -> bool:
    return (
        path.is_file()
        and path.stat().st_size == len(content)
        and path.read_bytes() == content
    )
