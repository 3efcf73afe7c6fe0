"""The source for a zip or tar archive of class folders."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

from cnnxfer.cache import cache_dir
from cnnxfer.data import archives
from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import Dataset
from cnnxfer.data.images.names import is_hidden
from cnnxfer.data.images.source import ImageSource
from cnnxfer.data.sources.layout import arrange
from cnnxfer.data.sources.packed import Pack, copy_dir, ensure_copy
from cnnxfer.errors import DataError, RunError
from cnnxfer.files import format_bytes
from cnnxfer.reporting import Reporter

LEFT_FREE_BYTES = 500_000_000  # other programs need room on the disk too


def load(spec: str, reporter: Reporter) -> Dataset:
    """Lists the files of an archive; copies them into the cache the first time.

    Classes and splits are found as `layout.arrange` describes; a single folder around
    all files is ignored. Of several files with one name, the last one counts. A member
    that cannot be read becomes an example that cannot be read.

    Raises:
        DataError: if the archive is damaged, or holds no file in a class folder.
        RunError: if the cache has no room for the files.
    """
    path = Path(spec).resolve()
    found = path.stat()
    key = [os.fspath(path), found.st_size, found.st_mtime_ns]
    directory = copy_dir("archives", path.name, key)
    size_bytes = 0 if directory.exists() else _size_bytes(spec)
    copy = ensure_copy(
        directory,
        lambda pack: _fill(pack, spec, size_bytes, reporter),
        size_bytes=size_bytes,
    )
    examples = {example.id: example for example in copy.examples}
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


def _fill(pack: Pack, spec: str, declared_bytes: int, reporter: Reporter) -> list[str]:
    """Adds the visible files to the pack; returns the names of the hidden ones."""
    hidden = []
    unpacked_bytes = 0
    with reporter.progress(f"reading {os.path.basename(spec)}", None, "files") as step:
        for member in _members(spec):
            step()
            name = _relative_name(member.name)
            if any(map(is_hidden, name.split("/"))):
                hidden.append(name)
                continue
            try:
                content = member.read()
            except DataError as error:
                pack.add_unreadable(name, str(error))
            else:
                unpacked_bytes += len(content)
                if unpacked_bytes > declared_bytes:
                    _check_room(spec, len(content))
                pack.add(name, content)
    return hidden


def _check_room(spec: str, size_bytes: int) -> None:
    """Stops an archive that is larger than it declares before the disk is full."""
    free_bytes = shutil.disk_usage(cache_dir()).free
    if size_bytes > free_bytes - LEFT_FREE_BYTES:
        raise RunError(
            f"{spec} unpacks to more than {cache_dir()} has room for: "
            f"{format_bytes(free_bytes)} are left, of which "
            f"{format_bytes(LEFT_FREE_BYTES)} stay free. Make room, or set "
            "CNNXFER_CACHE to a directory on a larger disk."
        )


def _members(spec: str) -> Iterator[ImageSource]:
    try:
        yield from archives.members(spec, lambda name: True)
    except Exception as error:  # the parsers raise errors of many types
        raise _unreadable(spec, error) from error


def _size_bytes(spec: str) -> int:
    """Returns the unpacked size that a zip declares, or the size of a tar."""
    if not spec.lower().endswith(archives.ZIP_SUFFIXES):
        return os.path.getsize(spec)
    try:
        with ZipFile(spec) as archive:
            return sum(member.file_size for member in archive.infolist())
    except Exception as error:  # see _members
        raise _unreadable(spec, error) from error


def _unreadable(spec: str, error: Exception) -> DataError:
    reason = archives.archive_problem(error)
    return DataError(f"{spec} cannot be read: {reason}. Download or pack it anew.")


def _relative_name(name: str) -> str:
    """Returns a member's name with slashes and without ".."; it is never a path."""
    parts = name.replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", ".", ".."))


def _stem(name: str) -> str:
    suffix = next(end for end in archives.SUFFIXES if name.lower().endswith(end))
    return name[: -len(suffix)] or name
