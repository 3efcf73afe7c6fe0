"""The source for a zip or tar archive of class folders."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from cnnxfer.data import archives
from cnnxfer.data.annotation import Labels
from cnnxfer.data.archives.zips import forget_opened, unpacked_bytes
from cnnxfer.data.dataset import Dataset
from cnnxfer.data.images.names import is_hidden
from cnnxfer.data.images.source import ImageSource
from cnnxfer.data.sources.annotations.load import in_archive
from cnnxfer.data.sources.layout import arrange
from cnnxfer.data.sources.mask_signs import refuse_masks
from cnnxfer.data.sources.packed import Pack, copy_dir, ensure_copy, require_lasting
from cnnxfer.errors import DataError
from cnnxfer.reporting import Reporter
from cnnxfer.unpacking import MAX_FILES


def load(spec: str, reporter: Reporter) -> Dataset:
    """Lists the files of an archive; copies them into the cache the first time.

    Classes and splits are found as `layout.arrange` describes; a single folder around
    all files is ignored. Of several files with one name, the last one counts. A member
    that cannot be read becomes an example that cannot be read.

    Raises:
        DataError: if the archive is damaged, unpacks to far more than its size, lists
            too many files, or holds none in a class folder, but boxes or masks.
        RunError: if the cache has no room for the files.
    """
    path = Path(spec).resolve()
    found = path.stat()
    key = [os.fspath(path), found.st_size, found.st_mtime_ns]
    directory = copy_dir("archives", path.name, key)
    with reporter.progress(f"opening {path.name}"):
        size_bytes = 0 if directory.exists() else _size_bytes(spec)
    copy = ensure_copy(
        directory,
        lambda pack: _fill(pack, spec, reporter),
        reporter,
        size_bytes=size_bytes,
    )
    examples = {example.id: example for example in copy.examples}
    if in_archive(examples):
        raise DataError(
            f"{spec} holds annotations of boxes, which are read from folders. Unpack "
            "it, and give the folder."
        )
    refuse_masks(list(examples), examples.__getitem__, spec, reporter)
    layout = arrange([*examples, *copy.about], spec, reporter)
    return Dataset(
        name=_stem(path.name),
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


def _fill(pack: Pack, spec: str, reporter: Reporter) -> list[str]:
    """Adds the visible files to the pack; returns the names of the hidden ones."""
    hidden: list[str] = []

    def is_visible(name: str) -> bool:
        name = _relative_name(name)
        if any(map(is_hidden, name.split("/"))):
            hidden.append(name)
            return False
        return True

    with reporter.progress(f"reading {os.path.basename(spec)}", None, "files") as step:
        for member in _members(spec, is_visible):
            _add(pack, member, spec)
            step()
    return hidden


def _members(spec: str, wanted: Callable[[str], bool]) -> Iterator[ImageSource]:
    seen = 0

    def is_wanted(name: str) -> bool:
        nonlocal seen
        seen += 1
        if seen > MAX_FILES:
            raise DataError(f"it holds over {MAX_FILES:,} files, the limit")
        return wanted(name)

    try:
        yield from archives.members(spec, is_wanted)
    except Exception as error:  # the parsers raise errors of many types
        raise archives.unreadable_archive(spec, error) from error
    finally:
        forget_opened()


def _add(pack: Pack, member: ImageSource, spec: str) -> None:
    name = _relative_name(member.name)
    try:
        content = member.read()
    except DataError as error:
        require_lasting(error, f"{name} in {spec}")
        pack.add_unreadable(name, str(error))
    else:
        pack.add(name, content)


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
