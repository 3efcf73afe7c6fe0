"""Archives with annotations or masks, read as the folder that is packed in them.

Their files refer to one another by paths. So they are unpacked once, into the cache.
"""

import errno
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cnnxfer.cache import cached_directory, entry_problem
from cnnxfer.data.dataset import Dataset
from cnnxfer.data.sources.annotations import tables, yolo
from cnnxfer.data.sources.folder import load
from cnnxfer.data.sources.mask_pairs import find_pairs
from cnnxfer.data.sources.packed import unwritable
from cnnxfer.errors import DataError
from cnnxfer.files import read_json_with_hash, write_json_with_hash
from cnnxfer.reporting import ForwardingReporter, Reporter, counted

FILES, INDEX = "files", "index.json"
VERSION = 1  # folders with an index of another version are unpacked anew
# Of errors about names that this disk does not allow, or that others are in the way of.
_NAME_ERRORS = (
    *(errno.EEXIST, errno.EISDIR, errno.ENOTDIR),
    *(errno.EINVAL, errno.EILSEQ, errno.ENAMETOOLONG),
)


def may_annotate(names: Iterable[str]) -> bool:
    """Tells whether files may be annotations or masks of images, by their names."""
    names = list(names)
    return find_pairs(names) is not None or any(
        name.lower().endswith((".xml", ".json", *yolo.YAML, *tables.SUFFIXES))
        or name.rpartition("/")[2] == yolo.CLASSES
        for name in names
    )


class Unpacker:
    """Writes the files of an archive into a folder, under their names in it."""

    def __init__(self, folder: Path) -> None:
        """Starts without a file."""
        self._folder = folder
        self._sizes: dict[str, int] = {}
        self._unreadable: dict[str, str] = {}

    def add(self, name: str, content: bytes) -> None:
        """Writes a file; of several with one name, the last one stays.

        Args:
            name: relative, with slashes and without "..".
            content: all of it.

        Raises:
            OSError: if there is no room, or the disk fails.
        """
        path = self._folder / name
        if not path.resolve().is_relative_to(self._folder.resolve()):
            # Such as one with a drive, on Windows.
            self.add_unreadable(name, "its name leads out of the archive")
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except ValueError as error:  # a character that no file can have
            self.add_unreadable(name, str(error))
        except OSError as error:
            if error.errno not in _NAME_ERRORS:
                raise
            self.add_unreadable(name, str(error.strerror).lower())
        else:
            self._sizes[name] = len(content)

    def add_unreadable(self, name: str, reason: str) -> None:
        """Notes a file that cannot be unpacked, and why."""
        self._unreadable[name] = reason

    def document(self, hidden: list[str]) -> dict[str, Any]:
        """Returns what `_Index` holds."""
        lists = {"sizes": self._sizes, "unreadable": self._unreadable}
        return {"version": VERSION, "hidden": hidden, **lists}


@dataclass(frozen=True)
class _Index:
    version: int
    hidden: list[str]
    sizes: dict[str, int]
    unreadable: dict[str, str]


def is_whole(directory: Path) -> bool:
    """Tells whether a directory has all files of an archive that was unpacked."""
    if entry_problem(directory):
        return False
    index = read_json_with_hash(directory / INDEX, _Index)
    if index is None or index.version != VERSION:
        return False
    try:
        return all(
            os.path.getsize(directory / FILES / name) == size
            for name, size in index.sizes.items()
        )
    except OSError:
        return False


def unpack(
    directory: Path, fill: Callable[[Unpacker], list[str]], reporter: Reporter
) -> None:
    """Unpacks an archive into a directory of the cache, unless that is whole.

    Args:
        directory: from `copy_dir`.
        fill: adds each file; returns the names of those that are hidden.
        reporter: warns of a directory that others can have written.

    Raises:
        RunError: if it cannot be written.
    """

    def write(path: Path) -> None:
        (path / FILES).mkdir()
        unpacker = Unpacker(path / FILES)
        hidden = fill(unpacker)
        write_json_with_hash(path / INDEX, unpacker.document(hidden))

    try:
        cached_directory(directory, write, reporter, is_whole)
    except OSError as error:
        raise unwritable(directory, error) from error


def load_unpacked(directory: Path, spec: str, name: str, reporter: Reporter) -> Dataset:
    """Lists what `unpack` has written, as the source of folders does.

    Messages name files as if they lay in the archive.

    Args:
        directory: the one that was unpacked into.
        spec: the archive.
        name: the short name of the data set.
        reporter: shows messages.

    Raises:
        DataError: see `folder.load`.
    """
    index = read_json_with_hash(directory / INDEX, _Index)
    assert index is not None  # see `is_whole`
    if index.unreadable:
        first, reason = next(iter(index.unreadable.items()))
        reporter.warn(
            f"left out {counted(len(index.unreadable), 'file')} of {spec} that cannot "
            f"be unpacked, such as {first}: {reason}."
        )
    root = os.fspath(directory / FILES)
    dataset = _called(lambda told: load(root, told), root, spec, name, reporter)
    return replace(dataset, hidden=(*dataset.hidden, *index.hidden))


def _called(
    load: Callable[[Reporter], Dataset],
    root: str,
    spec: str,
    name: str,
    reporter: Reporter,
) -> Dataset:
    """Returns a data set of a folder that messages call `spec`."""
    try:
        dataset = load(_Renaming(reporter, root, spec))
    except DataError as error:
        raise type(error)(str(error).replace(root, spec)) from error

    def renamed(
        other: Callable[[Reporter], Dataset],
    ) -> Callable[[Reporter], Dataset]:
        return lambda told: _called(other, root, spec, name, told)

    others = {task: renamed(other) for task, other in dataset.others.items()}
    problem = dataset.problem.replace(root, spec)
    return replace(dataset, name=name, others=others, problem=problem)


class _Renaming(ForwardingReporter):
    """Shows messages about a folder as if it was called otherwise."""

    def __init__(self, reporter: Reporter, folder: str, name: str) -> None:
        super().__init__(reporter)
        self._folder = folder
        self._name = name

    def info(self, message: str) -> None:
        super().info(message.replace(self._folder, self._name))

    def detail(self, message: str) -> None:
        super().detail(message.replace(self._folder, self._name))

    def warn(self, message: str) -> None:
        super().warn(message.replace(self._folder, self._name))
