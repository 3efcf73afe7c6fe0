"""Writing into folders under safe names, without overwriting any file."""

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

from cnnxfer.errors import ConfigError, RunError
from cnnxfer.files import TEMPORARY, atomic_path, file_hash, local_name, name_file
from cnnxfer.prediction.inputs.kinds import find_kind, is_web_address

# Names that Windows does not allow for a file, with any suffix.
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)", re.I)
MAX_NAME_BYTES = 200  # file systems allow 255; a number may be added
MAX_SUFFIX_BYTES = 20


@contextmanager
def created_folder(option: str, folder: Path) -> Iterator[None]:
    """Creates a folder and its parents; those that stay empty are removed at the end.

    Raises:
        ConfigError: if it cannot be created.
    """
    missing = [path for path in (folder, *folder.parents) if not os.path.lexists(path)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{option} {folder} cannot be created ({error.strerror}). "
            "Name a folder that can be written."
        ) from error
    try:
        yield
    finally:
        with suppress(OSError):  # the folder is not empty
            for path in missing:
                path.rmdir()


def check_folder(option: str, folder: Path, inputs: Iterable[str]) -> None:
    """Checks, before any work, that files can be written into a folder and should be.

    Raises:
        ConfigError: if it lies in a file, or where images are looked for.
    """
    above = next(path for path in (folder, *folder.parents) if path.exists())
    if not above.is_dir():
        raise ConfigError(
            f"{option} is {folder}, but {above} is not a folder. Name another one."
        )
    refuse_folder_of_inputs(option, folder, inputs)


def refuse_folder_of_inputs(option: str, path: Path, inputs: Iterable[str]) -> None:
    """Checks that written files will not be found among the images the next time.

    Raises:
        ConfigError: if the path lies where images are looked for.
    """
    resolved = path.resolve()
    for item in inputs:
        for folder in _folders_of(item, path):
            if resolved.is_relative_to(Path(folder).resolve()):
                raise ConfigError(
                    f"{option} {path} lies in {folder}, where images are looked for: "
                    "what is written there would be found too. Name one outside."
                )


def is_input(path: Path, inputs: Iterable[str]) -> bool:
    """Returns whether a file is an input: named, matched by a glob, or a list."""
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
    """Writes files without overwriting any, and without writing the same file twice."""

    def __init__(self) -> None:
        # For each path, the hashes of the numbered files beside it that were checked,
        # and the names that were not. Checking all again for each new file would be
        # far too slow.
        self._numbered: dict[Path, tuple[set[str], Iterator[str]]] = {}

    def add(self, path: Path, content: bytes) -> bool:
        """Writes a file at `path`, or beside it with the first free number in its name.

        Returns:
            Whether a file was written: none is written if a file at `path`, or one with
            a lower number than the first free one, has the same content.
        """
        if _write_new(path, content):
            return True
        if _holds(path, content):
            return False
        if path not in self._numbered:
            unchecked = islice(numbered(path.stem, path.suffix), 1, None)
            self._numbered[path] = set(), unchecked
        hashes, names = self._numbered[path]
        content_hash = hashlib.sha256(content).hexdigest()
        while content_hash not in hashes:
            target = path.with_name(next(names))
            if _write_new(target, content):
                hashes.add(content_hash)
                return True
            with suppress(OSError):  # the file may not be readable
                if target.is_file():  # reading a pipe would block
                    hashes.add(file_hash(target))
        return False


def write_once(path: Path, content: bytes) -> None:
    """Writes a file under the very name that others know it by.

    Raises:
        RunError: if another file is there, which is not overwritten.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not _write_new(path, content) and not _holds(path, content):
        raise RunError(
            f"{path} already exists, and what belongs there is something else. Name "
            "another folder, or move the file away."
        )


def numbered(stem: str, suffix: str = "") -> Iterator[str]:
    """Yields a name without and with numbers: `a.jpg`, `a-2.jpg`, `a-3.jpg`..."""
    yield stem + suffix
    for number in count(2):
        yield f"{stem}-{number}{suffix}"


def bare_name(path: str) -> str:
    """Returns the last part of a path or a web address; it may be empty."""
    return _parts(path)[-1]


def bare_folder(path: str) -> str:
    """Returns the name of the folder in a path or a web address; empty without one."""
    return "".join(_parts(path)[-2:-1])


def _parts(path: str) -> list[str]:
    if is_web_address(path):
        path = unquote(urlsplit(path).path)
    return re.split(r"[/\\]" if os.sep == "\\" else "/", path)


def safe_name(name: str) -> str:
    """Returns a file name that is valid on every common file system.

    Separators and characters that cannot be printed or are not allowed become `_`, and
    so do those that names of files cannot have in this locale.
    Reserved names of Windows, names of parent folders and an empty name get a leading
    `_`.
    """
    name = local_name(unicodedata.normalize("NFC", name))
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
    """Yields the folders whose files an input includes, now or the next time."""
    if find_kind(item):
        if os.path.isdir(item):
            yield item
    elif "**" in item:
        before = item.partition("**")[0]
        yield from glob.glob(before) if before else ["."]
    elif all(map(os.path.isdir, matches := glob.glob(item))):  # the glob means folders
        yield from matches
        # A folder that does not exist yet may match the next time.
        pattern = os.path.abspath(item)
        parts = Path(os.path.abspath(target)).parts[: len(Path(pattern).parts)]
        if matches and Path(*parts).match(pattern):
            yield os.path.relpath(Path(*parts))


def _write_new(path: Path, content: bytes) -> bool:
    """Writes a complete file unless `path` exists; returns whether it was written.

    Checking and writing are one atomic step, because another process may write too.
    """
    if os.path.lexists(path):
        return False
    try:
        with TemporaryDirectory(prefix=TEMPORARY, dir=path.parent) as directory:
            complete = Path(directory, path.name)
            with atomic_path(complete) as temporary:
                temporary.write_bytes(content)
            return _moved_to_new(complete, path)
    except OSError as error:
        name_file(error, path)
        raise


def _moved_to_new(complete: Path, path: Path) -> bool:
    """Gives a file another name unless that exists; returns whether it has it."""
    try:
        os.link(complete, path)
    except FileExistsError:
        return False
    except OSError:  # not all file systems have links
        if os.path.lexists(path):
            return False
        os.replace(complete, path)
    return True


def _holds(path: Path, content: bytes) -> bool:
    return (
        path.is_file()
        and path.stat().st_size == len(content)
        and path.read_bytes() == content
    )
