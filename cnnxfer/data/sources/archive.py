"""A zip or tar archive of a folder of class folders."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

from cnnxfer.data import archives
from cnnxfer.data.archives.problems import archive_problem
from cnnxfer.data.dataset import Dataset
from cnnxfer.data.images.names import is_hidden
from cnnxfer.data.images.source import ImageSource
from cnnxfer.data.sources.layout import arrange
from cnnxfer.data.sources.packed import Pack, copy_dir, packed
from cnnxfer.errors import DataError, RunError
from cnnxfer.files import cache_dir, format_bytes
from cnnxfer.reporting import Reporter

LEFT_FREE_BYTES = 500_000_000  # a disk that is full stops more than us


def load(spec: str, reporter: Reporter) -> Dataset:
    """Copies the files of an archive into the cache, once, and lists them.

    They are arranged as those of a folder; see `arrange`. A folder that holds all of
    them is looked through. Of files of one name, the last one counts.

    Raises:
        DataError: if the archive is damaged, or holds no file in a class folder. A
            member that can't be read is an example that can't.
        RunError: if the cache has no room for what is in it.
    """
    path = Path(spec).resolve()
    found = path.stat()
    key = [os.fspath(path), found.st_size, found.st_mtime_ns]
    directory = copy_dir("archives", path.name, key)
    size_bytes = 0 if directory.exists() else _size_bytes(spec)
    copy = packed(
        directory,
        lambda pack: _fill(pack, spec, size_bytes, reporter),
        size_bytes=size_bytes,
    )
    examples = {example.id: example for example in copy.examples}
    layout = arrange([*examples, *copy.about], spec, reporter, wrapped=True)
    return Dataset(
        name=_stem(path.name),
        class_names=layout.class_names,
        examples=tuple(
            replace(
                examples[place.name],
                id=place.id,
                labels=(place.label,),
                split=place.split,
            )
            for place in layout.places
        ),
        hidden=layout.hidden,
    )


def _fill(pack: Pack, spec: str, told_bytes: int, reporter: Reporter) -> list[str]:
    """Packs what isn't hidden; returns the names of what is."""
    hidden = []
    unpacked_bytes = 0
    with reporter.progress(f"reading {os.path.basename(spec)}", None, "files") as step:
        for member in _members(spec):
            step()
            name = _clean(member.name)
            if any(map(is_hidden, name.split("/"))):
                hidden.append(name)
                continue
            try:
                content = member.read()
            except DataError as error:
                pack.refuse(name, str(error))
            else:
                unpacked_bytes += len(content)
                if unpacked_bytes > told_bytes:
                    _check_room(spec, len(content))
                pack.add(name, content)
    return hidden


def _check_room(spec: str, size_bytes: int) -> None:
    """Stops what unpacks to more than it told before it has filled the disk."""
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
    except Exception as error:  # the parsers raise whatever they trip over
        raise _unreadable(spec, error) from error


def _size_bytes(spec: str) -> int:
    """Returns how much there is to unpack, as far as the archive tells it."""
    if not spec.lower().endswith(archives.ZIP_SUFFIXES):
        return os.path.getsize(spec)
    try:
        with ZipFile(spec) as archive:
            return sum(member.file_size for member in archive.infolist())
    except Exception as error:  # see _members
        raise _unreadable(spec, error) from error


def _unreadable(spec: str, error: Exception) -> DataError:
    return DataError(
        f"{spec} cannot be read: {archive_problem(error)}. Download or pack it anew."
    )


def _clean(name: str) -> str:
    """Returns a member's name below the archive, with slashes; never used as a path."""
    parts = name.replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", ".", ".."))


def _stem(name: str) -> str:
    suffix = next(end for end in archives.SUFFIXES if name.lower().endswith(end))
    return name[: -len(suffix)] or name
