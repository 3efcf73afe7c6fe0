"""The cache of activations, from which the least recently used entries are removed.

CACHE/activations/
  NETWORK.lock  held by a process that computes activations of this network
  NETWORK/KEY/  an entry; see `activations.entry`
"""

import mmap
import os
import re
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from cnnxfer.cache import (
    cache_dir,
    entry_problem,
    is_trusted,
    own_directory,
    remove_entry,
)
from cnnxfer.errors import ConfigError, RunError
from cnnxfer.files import format_bytes
from cnnxfer.reporting import Reporter
from cnnxfer.training.activations.entry import (
    BYTES_PER_VALUE,
    MANIFEST,
    Damaged,
    Manifest,
    OpenEntry,
    Writer,
    delete_entry,
    digest,
    explain_full_disk,
    in_use,
    open_entry,
    read_manifest,
)

STORED = np.dtype("<f2")
DEFAULT_LIMIT_BYTES = 20 * 10**9

_HEX = re.compile("[0-9a-f]{64}")
_SIZE = re.compile(r"(\d+(?:\.\d+)?) *([kmgt]?)b?", re.IGNORECASE)


class Activations:
    """Rows of activations that stay on disk and are read when they are indexed.

    They take no memory, however many there are. Their shape is `(images, channels)`, or
    `(images, height, width, channels)`.
    """

    def __init__(self, entry: OpenEntry) -> None:
        manifest = entry.manifest
        self.shape = (manifest.count, *manifest.row_shape)
        # The map's copy of the file descriptor still marks the entry as in use.
        self._map = mmap.mmap(entry.file.fileno(), 0, access=mmap.ACCESS_READ)
        entry.file.close()
        self._stored = np.frombuffer(self._map, STORED).reshape(self.shape)
        self._scales = np.repeat(
            np.array([2.0**chunk.exponent for chunk in manifest.chunks], np.float32),
            [chunk.rows for chunk in manifest.chunks],
        )

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, indices: np.ndarray | slice) -> np.ndarray:
        """Returns rows as float32 `(rows, ...)`."""
        rows: np.ndarray = self._stored[indices].astype(np.float32)
        rows *= self._scales[indices].reshape(-1, *[1] * (rows.ndim - 1))
        self._forget_pages()
        return rows

    def stored(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns rows as stored, for callers that convert them themselves.

        NumPy takes far longer to convert rows to float32 than to copy them.

        Returns:
            float16 `(rows, ...)`, and the float32 `(rows,)` factors to multiply the
            rows with.
        """
        rows = self._stored[indices]
        self._forget_pages()
        return rows, self._scales[indices]

    def _forget_pages(self) -> None:
        """Releases the pages that were read, which would count as used memory."""
        if hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
            self._map.madvise(mmap.MADV_DONTNEED)


@dataclass(frozen=True)
class Entry:
    """An entry on disk, of which only the manifest has been read."""

    path: Path
    manifest: Manifest | None  # None if it cannot be read
    size_bytes: int
    last_used: float  # seconds since 1970


class ActivationStore:
    """A cache of activations in one directory, of limited size."""

    def __init__(self, root: Path | None = None, limit_bytes: int | None = None):
        """Uses a directory and a limit.

        Args:
            root: the directory; by default that of activations in the user's cache.
            limit_bytes: the maximum size. By default it is `CNNXFER_CACHE_LIMIT`, or
                else the smaller of 20 GB and half of the space that would be free on
                the disk without the store.

        Raises:
            ConfigError: if `CNNXFER_CACHE_LIMIT` is not a size, or the cache directory
                cannot be created.
        """
        self.root = cache_dir() / "activations" if root is None else root
        self._locks: dict[str, FileLock] = {}
        if limit_bytes is None:
            limit_bytes = self._default_limit()
        self.limit_bytes = limit_bytes

    @staticmethod
    def size_bytes(rows: int, values: int) -> int:
        """Returns the size on disk of rows with a number of values each."""
        return rows * values * BYTES_PER_VALUE

    def find(self, key: Mapping[str, Any]) -> Activations | None:
        """Opens a complete entry and checks every byte; None if there is none.

        One that others can have written counts as none; `writer` tells of it.

        The key is everything that determines the values, for JSON; `key["network"]` is
        the network's own key.
        """
        path = self.path_of(key)
        try:
            entry = None if entry_problem(path) else open_entry(path, key)
        except Damaged:
            return None
        if entry is None:
            return None
        if not entry.manifest.complete:
            entry.file.close()
            return None
        with suppress(OSError):  # a read-only cache
            os.utime(path / MANIFEST)
        return Activations(entry)

    @contextmanager
    def computing(self, network_key: str, reporter: Reporter) -> Iterator[None]:
        """Waits until no other process computes for a network, and locks it."""
        with explain_full_disk(self.root):
            own_directory(self.root)
            lock = self._lock(network_key)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                reporter.info("waiting for another process that computes the same")
                lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def writer(
        self,
        key: Mapping[str, Any],
        about: Mapping[str, Any],
        count: int,
        reporter: Reporter,
    ) -> Writer:
        """Returns the writer of a new entry, or of one that is incomplete.

        An entry that is damaged, or that others can have written, is deleted first.
        Call this within `computing`.

        Raises:
            ConfigError: if another user's entry is in its place.
        """
        path = self.path_of(key)
        if not is_trusted(path, reporter):
            remove_entry(path)
        try:
            if entry := open_entry(path, key):
                entry.file.close()
                return Writer(path, entry.manifest)
        except Damaged as damage:
            reporter.info(f"{path} {damage}; it is computed again")
            delete_entry(path)
        return Writer(path, Manifest(key, about, count))

    def fits(self, size_bytes: int) -> bool:
        """Returns whether entries of a size would fit if the store were empty."""
        return size_bytes <= min(self.limit_bytes, self._used() + self._free())

    def make_room(self, size_bytes: int, keep: Collection[Path]) -> None:
        """Deletes the least recently used entries until `size_bytes` more fit.

        Entries that a running process has open are deleted last; those that one is
        writing are not deleted, nor those whose directories are in `keep`.

        Raises:
            RunError: if there is not enough room.
        """
        entries = self.entries()
        needed = size_bytes + sum(entry.size_bytes for entry in entries)
        others = [entry for entry in entries if entry.path not in keep]
        others.sort(key=lambda entry: (in_use(entry.path), entry.last_used))
        for entry in others:
            if needed <= self.limit_bytes and size_bytes <= self._free():
                return
            if self._remove(entry):
                needed -= entry.size_bytes
        if needed > self.limit_bytes or size_bytes > self._free():
            raise RunError(
                f"{self.root} has no room for {format_bytes(size_bytes)} more of "
                f"activations: its limit is {format_bytes(self.limit_bytes)}, and the "
                f"disk has {format_bytes(self._free())} free. Set CNNXFER_CACHE_LIMIT "
                "(such as 50GB), or CNNXFER_CACHE to a directory on another disk."
            )

    def entries(self) -> list[Entry]:
        """Returns all entries, complete or not."""
        entries = []
        for path in sorted(self.root.glob("*/*")):
            if _HEX.fullmatch(path.parent.name) and _HEX.fullmatch(path.name):
                with suppress(FileNotFoundError, NotADirectoryError):  # just deleted
                    entries.append(_entry(path))
        return entries

    def clear(self) -> int:
        """Deletes all entries that no process is writing; returns the bytes freed."""
        return sum(entry.size_bytes for entry in self.entries() if self._remove(entry))

    def _remove(self, entry: Entry) -> bool:
        """Deletes an entry, unless a process computes for its network."""
        try:
            with self._lock(entry.path.parent.name).acquire(timeout=0):
                delete_entry(entry.path)
        except Timeout:
            return False
        return not entry.path.exists()

    def _used(self) -> int:
        return sum(entry.size_bytes for entry in self.entries())

    def _free(self) -> int:
        existing = next(
            path for path in (self.root, *self.root.parents) if path.exists()
        )
        return shutil.disk_usage(existing).free

    def _default_limit(self) -> int:
        if text := os.environ.get("CNNXFER_CACHE_LIMIT"):
            return _parse_size(text)
        return min(DEFAULT_LIMIT_BYTES, (self._used() + self._free()) // 2)

    def path_of(self, key: Mapping[str, Any]) -> Path:
        """Returns the directory of the entry of a key, which need not exist."""
        return self.root / str(key["network"]) / digest(key)

    def _lock(self, network_key: str) -> FileLock:
        # Always the same object, since its holder may acquire it again.
        if network_key not in self._locks:
            self._locks[network_key] = FileLock(self.root / f"{network_key}.lock")
        return self._locks[network_key]


def _parse_size(text: str) -> int:
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ConfigError(
            f"CNNXFER_CACHE_LIMIT is {text!r}; expected a size such as 20GB or 500MB."
        )
    power = ("", "k", "m", "g", "t").index(match[2].lower())
    return int(float(match[1]) * 1000**power)


def _entry(path: Path) -> Entry:
    files = [child.stat() for child in path.iterdir()]
    try:
        manifest = read_manifest(path)
    except (OSError, Damaged):
        manifest = None
    return Entry(
        path=path,
        manifest=manifest,
        size_bytes=sum(stat.st_size for stat in files),
        last_used=max((stat.st_mtime for stat in files), default=0.0),
    )
