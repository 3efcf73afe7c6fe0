"""The source for a zip or tar archive of what a folder may be."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from cnnxfer.cache import remove_entry
from cnnxfer.data import archives
from cnnxfer.data.annotation import Labels
from cnnxfer.data.archives.zips import forget_opened, unpacked_bytes
from cnnxfer.data.dataset import Dataset
from cnnxfer.data.images.names import is_hidden
from cnnxfer.data.images.source import ImageSource
from cnnxfer.data.sources.layout import arrange
from cnnxfer.data.sources.packed import (
    Copy,
    Pack,
    check_room,
    copy_dir,
    ensure_copy,
    require_lasting,
)
from cnnxfer.data.sources.unpacked import (
    Unpacker,
    is_whole,
    load_unpacked,
    may_annotate,
    unpack,
)
from cnnxfer.errors import DataError
from cnnxfer.reporting import Reporter
from cnnxfer.unpacking import MAX_FILES


def load(spec: str, reporter: Reporter) -> Dataset:
    """Lists the files of an archive; copies them into the cache the first time.

    Classes and splits are found as `layout.arrange` describes; a single folder around
    all files is ignored. Of several files with one name, the last one counts. A member
    that cannot be read becomes an example that cannot be read.

    An archive with files that may be annotations or masks is unpacked into the cache
    instead, and read as a folder is; what cannot be unpacked is told.

    Raises:
        DataError: if the archive is damaged, unpacks to far more than its size, lists
            too many files, or what is in it cannot be read as a data set.
        RunError: if the cache has no room for the files.
    """
    path = Path(spec).resolve()
    found = path.stat()
    key = [os.fspath(path), found.st_size, found.st_mtime_ns]
    packed, files = (copy_dir(it, path.name, key) for it in ("archives", "unpacked"))
    name = _stem(path.name)
    if not is_whole(files):
        with reporter.progress(f"opening {path.name}"):
            size_bytes = 0 if packed.exists() else _size_bytes(spec)
        copy = ensure_copy(
            packed,
            lambda pack: _fill(pack, spec, reporter, whole=False),
            reporter,
            size_bytes=size_bytes,
        )
        if not may_annotate(example.id for example in copy.examples):
            return _of_classes(copy, spec, name, reporter)
        check_room(sum(example.size_bytes or 0 for example in copy.examples))
        unpack(files, lambda it: _fill(it, spec, reporter, whole=True), reporter)
        remove_entry(packed)
    return load_unpacked(files, spec, name, reporter)


def _of_classes(copy: Copy, spec: str, name: str, reporter: Reporter) -> Dataset:
    examples = {example.id: example for example in copy.examples}
    layout = arrange([*examples, *copy.about], spec, reporter)
    return Dataset(
        name=name,
        class_names=layout.class_names,
        examples=tuple(
            replace(
                examples[file.name],
                id=file.id,
                annotation=Labels((file.label,)),
                split=file.split,
            )
            for file in layout.files
        ),
        hidden=layout.hidden,
        outside=layout.outside,
    )


def _fill(
    target: Pack | Unpacker, spec: str, reporter: Reporter, *, whole: bool
) -> list[str]:
    """Adds the visible files to a copy; returns the names of the hidden ones."""
    hidden: list[str] = []

    def is_visible(name: str) -> bool:
        name = _relative_name(name)
        if any(map(is_hidden, name.split("/"))):
            hidden.append(name)
            return False
        return True

    title = f"{'unpacking' if whole else 'reading'} {os.path.basename(spec)}"
    with reporter.progress(title, None, "files") as step:
        for member in _members(spec, is_visible, whole=whole):
            _add(target, member, spec)
            step()
    return hidden


def _members(
    spec: str, wanted: Callable[[str], bool], *, whole: bool
) -> Iterator[ImageSource]:
    seen = 0

    def is_wanted(name: str) -> bool:
        nonlocal seen
        seen += 1
        if seen > MAX_FILES:
            raise DataError(f"it holds over {MAX_FILES:,} files, the limit")
        return wanted(name)

    try:
        yield from archives.members(spec, is_wanted, whole=whole)
    except Exception as error:  # the parsers raise errors of many types
        raise archives.unreadable_archive(spec, error) from error
    finally:
        forget_opened()


def _add(target: Pack | Unpacker, member: ImageSource, spec: str) -> None:
    name = _relative_name(member.name)
    try:
        content = member.read()
    except DataError as error:
        require_lasting(error, f"{name} in {spec}")
        target.add_unreadable(name, str(error))
    else:
        target.add(name, content)


def _size_bytes(spec: str) -> int:
    """Returns the unpacked size that a zip declares, or the size of a tar."""
    if not spec.lower().endswith(archives.ZIP_SUFFIXES):
        return os.path.getsize(spec)
    try:
        return unpacked_bytes(spec)
    except Exception as error:  # the parsers raise errors of many types
        raise archives.unreadable_archive(spec, error) from error


def _relative_name(name: str) -> str:
    """Returns a member's name with slashes and without ".."; it is never a path."""
    parts = name.replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", ".", ".."))


def _stem(name: str) -> str:
    suffix = next(end for end in archives.SUFFIXES if name.lower().endswith(end))
    return name[: -len(suffix)] or name
