"""Takes back what TensorFlow Datasets has made in vain, where it found nothing.

It makes folders before it knows whether a data set can be had, and leaves them, and
what it began to download, where it cannot.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tensorflow_datasets.core.download import downloader

_lock = threading.Lock()  # what is replaced serves all threads


@contextmanager
def nothing_left_on_failure(data_dir: Path, root: Path) -> Iterator[None]:
    """Removes what a failed preparation, the block, has made: partial files, folders.

    Files that were downloaded whole stay, since the next attempt takes them.

    Args:
        data_dir: the folder of the data set and its version.
        root: the folder of all prepared data sets, in which that is.
    """
    downloads = root / "downloads"
    about_configs = data_dir.parent.parent / ".config"  # of sets that have some
    folders = {downloads, downloads / "extracted", data_dir, *data_dir.parents}
    known = {path for path in (*folders, about_configs) if path.exists()}
    if downloads.is_dir():
        known |= set(downloads.iterdir())
    with _noted_downloads() as begun:
        try:
            yield
        except BaseException:
            for path in begun:
                shutil.rmtree(path, ignore_errors=True)
            if about_configs not in known:
                shutil.rmtree(about_configs, ignore_errors=True)
            made = folders | {path.parent for path in begun}
            for path in sorted(made - known, reverse=True):  # the deepest first
                with suppress(OSError):  # not empty, or not there
                    path.rmdir()
            raise


@contextmanager
def _noted_downloads() -> Iterator[list[Path]]:
    """Yields the folders of downloads that begin in the block, each of its own."""
    begun: list[Path] = []
    with _lock:
        kind: Any = downloader._Downloader
        original = kind.download

        def download(self: Any, url: str, folder: Any, **more: Any) -> Any:
            begun.append(Path(folder))
            return original(self, url, folder, **more)

        kind.download = download
        try:
            yield begun
        finally:
            kind.download = original
