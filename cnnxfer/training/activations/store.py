"""The cache of activations: what was used least recently makes room.

CACHE/activations/
  NETWORK.lock  held by who computes for this network
  NETWORK/KEY/  an entry; see `activation_entry`
"""

from __future__ import annotations

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

from cnnxfer.errors import ConfigError, RunError
from cnnxfer.files import cache_dir, format_bytes
from cnnxfer.reporting import Reporter
from cnnxfer.training.activations.entry import (
    BYTES_PER_VALUE,
    MANIFEST,
    Damaged,
    Kept,
    Manifest,
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
    """Rows of numbers that stay on disk until they are asked for.

    They take no memory, however many they are.

    Attributes:
        shape: `(images, channels)`, or `(images, height, width, channels)`.
    """

    def __init__(self, kept: Kept) -> None:
        """Maps an entry of the store into memory."""
        manifest = kept.manifest
        self.shape = (manifest.count, *manifest.row_shape)
        # The map's copy of the descriptor goes on marking the file as in use.
        self._map = mmap.mmap(kept.file.fileno(), 0, access=mmap.ACCESS_READ)
        kept.file.close()
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
        """Returns rows in float16, and what each is to be multiplied with, float32.

        NumPy takes far longer to make float32 of rows than to copy them.
        """
        rows = self._stored[indices]
        self._forget_pages()
        return rows, self._scales[indices]

    def _forget_pages(self) -> None:
        """Or those that were read would go on counting as this process's memory."""
        if hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
            self._map.madvise(mmap.MADV_DONTNEED)


@dataclass(frozen=True)
class Entry:
    """An entry as it lies there; only its manifest has been looked at.

    Attributes:
        path: its directory.
        manifest: None if it cannot be read.
        size_bytes: on disk.
        last_used: seconds since 1970.
    """

    path: Path
    manifest: Manifest | None
    size_bytes: int
    last_used: float


class ActivationStore:
    """Entries under one directory, within a limit.

    Attributes:
        root: the directory; it need not exist.
        limit_bytes: how much it may hold.
    """

    def __init__(self, root: Path | None = None, limit_bytes: int | None = None):
        """Uses the cache directory and its limit, unless told otherwise.

        The limit is `CNNXFER_CACHE_LIMIT`; or 20 GB, or half of what the disk would
        have free without the store, whichever is less.

        Raises:
            ConfigError: if `CNNXFER_CACHE_LIMIT` is no size, or the cache directory
                cannot be made.
        """
        self.root = cache_dir() / "activations" if root is None else root
        self._locks: dict[str, FileLock] = {}
        if limit_bytes is None:
            limit_bytes = self._usual_limit()
        self.limit_bytes = limit_bytes

    @staticmethod
    def size_bytes(rows: int, values: int) -> int:
        """Returns what rows of so many values each take on disk."""
        return rows * values * BYTES_PER_VALUE

    def find(self, key: Mapping[str, Any]) -> Activations | None:
        """Opens a whole entry, every byte of which is checked; None if there is none.

        Args:
            key: all that decides the values, for JSON; with the network's own as
                "network".
        """
        path = self._path(key)
        try:
            kept = open_entry(path, key)
        except Damaged:
            return None
        if kept is None:
            return None
        if not kept.manifest.whole:
            kept.file.close()
            return None
        with suppress(OSError):  # a cache that may only be read
            os.utime(path / MANIFEST)
        return Activations(kept)

    @contextmanager
    def computing(self, network_key: str, reporter: Reporter) -> Iterator[None]:
        """Waits until nobody else computes for this network, and keeps them off."""
        with explain_full_disk(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
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
        """Begins an entry, or goes on with one that is not whole.

        A damaged one is deleted first. To be called within `computing`.

        Args:
            key: all that decides the values, for JSON.
            about: what people want to know besides, for JSON.
            count: how many rows there will be.
            reporter: told of the damage.
        """
        path = self._path(key)
        try:
            if kept := open_entry(path, key):
                kept.file.close()
                return Writer(path, kept.manifest)
        except Damaged as damage:
            reporter.info(f"{path} {damage}; it is computed again")
            delete_entry(path)
        return Writer(path, Manifest(key, about, count))

    def fits(self, size_bytes: int) -> bool:
        """Whether so much could be kept if all that is there went."""
        return size_bytes <= min(self.limit_bytes, self._used() + self._free())

    def make_room(self, size_bytes: int, keep: Collection[Path]) -> None:
        """Deletes what was used least recently until `size_bytes` more fit.

        What a running process has open goes last, what one is writing not at all.

        Args:
            size_bytes: what is going to be written.
            keep: directories of entries that stay.

        Raises:
            RunError: if it does not fit.
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
        """Lists what is there, whole or not."""
        entries = []
        for path in sorted(self.root.glob("*/*")):
            if _HEX.fullmatch(path.parent.name) and _HEX.fullmatch(path.name):
                with suppress(FileNotFoundError, NotADirectoryError):  # just deleted
                    entries.append(_entry(path))
        return entries

    def clear(self) -> int:
        """Deletes all but what is being written; returns the bytes that were freed."""
        return sum(entry.size_bytes for entry in self.entries() if self._remove(entry))

    def _remove(self, entry: Entry) -> bool:
        """Deletes an entry, unless someone computes for its network."""
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

    def _usual_limit(self) -> int:
        if text := os.environ.get("CNNXFER_CACHE_LIMIT"):
            return _parse_size(text)
        return min(DEFAULT_LIMIT_BYTES, (self._used() + self._free()) // 2)

    def _path(self, key: Mapping[str, Any]) -> Path:
        return self.root / str(key["network"]) / digest(key)

    def _lock(self, network_key: str) -> FileLock:
        # Always the same object: who holds it may take it once more.
        if network_key not in self._locks:
            self._locks[network_key] = FileLock(self.root / f"{network_key}.lock")
        return self._locks[network_key]


def _parse_size(text: str) -> int:
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ConfigError(
            f"CNNXFER_CACHE_LIMIT is {text!r}; expected a size such as 20GB or 500MB."
        )
    power = ("", "k", "m", "g", "t").index(found[2].lower())
    return int(float(found[1]) * 1000**power)


def _entry(path: Path) -> Entry:
    found = [child.stat() for child in path.iterdir()]
    try:
        manifest = read_manifest(path)
    except (OSError, Damaged):
        manifest = None
    return Entry(
        path=path,
        manifest=manifest,
        size_bytes=sum(stat.st_size for stat in found),
        last_used=max((stat.st_mtime for stat in found), default=0.0),
    )
