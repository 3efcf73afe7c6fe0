"""Download of one file, which is stored complete and verified or not at all."""

import glob
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from cnnxfer.errors import ConfigError, DataError, RunError
from cnnxfer.files import atomic_path
from cnnxfer.reporting import Reporter
from cnnxfer.trust import KEPT
from cnnxfer.web import Limits, open_url

IDLE_SECONDS = 30.0  # how long the server may send nothing


def download(
    url: str,
    target: Path,
    *,
    verify: Callable[[Path], None],
    reporter: Reporter,
    size_limit: int,
) -> None:
    """Downloads `url` to `target`, unless `target` exists.

    The bytes are written under a temporary name in the same directory, which is created
    if it does not exist. However the download ends, `target` is the complete verified
    file or does not exist. Of several processes that ask for the same file, one
    downloads it and the others wait.

    Args:
        url: an http or https address; proxy settings of the environment are used.
        target: the path to store the file at.
        verify: receives the path of the temporary file and raises if the file is wrong.
        reporter: shows progress, and that another process is waited for.
        size_limit: largest accepted size in bytes.

    Raises:
        ConfigError: if `url` is neither http nor https.
        RunError: if the host cannot be reached, answers with an error, sends nothing
            for `IDLE_SECONDS`, or sends too much or too little.
        OSError: if the directory or the file cannot be written.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise ConfigError(f"{url} cannot be downloaded; expected http:// or https://.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with _download_lock(target, reporter):
        if target.exists():
            return
        _remove_leftovers(target)
        with atomic_path(target, KEPT) as temporary:
            _fetch(url, temporary, f"downloading {target.name}", reporter, size_limit)
            verify(temporary)


@contextmanager
def _download_lock(target: Path, reporter: Reporter) -> Iterator[None]:
    """Holds a lock file beside `target`; the system frees it when a process dies."""
    lock = FileLock(target.with_name(f".{target.name}.lock"))
    try:
        lock.acquire(blocking=False)
    except Timeout:
        reporter.info(f"waiting for another process to download {target.name}")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _remove_leftovers(target: Path) -> None:
    """Removes temporary files of killed downloads; the lock must be held."""
    # Exactly eight characters, as in names from `tempfile`: with `*`, the pattern for
    # "b.h5" would also match a running download of "a-b.h5".
    for path in target.parent.glob(f".tmp-????????-{glob.escape(target.name)}"):
        path.unlink(missing_ok=True)


def _fetch(
    url: str, path: Path, title: str, reporter: Reporter, size_limit: int
) -> None:
    limits = Limits(size_limit, IDLE_SECONDS, allow_private=True)

    def tell(seconds: float) -> None:
        host = urlsplit(url).hostname
        reporter.info(f"{host} is busy; trying again after {seconds:,.0f} seconds")

    try:
        with (
            open_url(url, limits, tell) as (total, pieces),
            path.open("wb") as stream,
            reporter.progress(title, total, "bytes") as advance,
        ):
            for piece in pieces:
                stream.write(piece)
                advance(len(piece))
    except DataError as error:
        raise RunError(f"{url}: {error}.") from error
