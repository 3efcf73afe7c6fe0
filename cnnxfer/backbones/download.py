"""Download of one file, which is stored complete and verified or not at all."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from filelock import FileLock, Timeout

from cnnxfer.errors import ConfigError, RunError
from cnnxfer.files import atomic_path, format_bytes
from cnnxfer.reporting import Reporter
from cnnxfer.version import __version__

TIMEOUT_SECONDS = 30.0  # how long the server may send nothing
_READ_BYTES = 1 << 16


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
            for `TIMEOUT_SECONDS`, or sends too much or too little.
        OSError: if the directory or the file cannot be written.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise ConfigError(f"{url} cannot be downloaded; expected http:// or https://.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with _download_lock(target, reporter):
        if target.exists():
            return
        _remove_leftovers(target)
        with atomic_path(target) as temporary:
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
    with _network_errors(url):
        response: HTTPResponse = urlopen(
            Request(url, headers={"User-Agent": f"cnnxfer/{__version__}"}),
            timeout=TIMEOUT_SECONDS,
        )
    total = response.length  # None if the server does not say
    received = 0
    with (
        response,
        path.open("wb") as stream,
        reporter.progress(title, total, "bytes") as advance,
    ):
        if total is not None and total > size_limit:
            raise _too_large(url, size_limit)
        while chunk := _read(response, url):
            received += len(chunk)
            if received > size_limit:
                raise _too_large(url, size_limit)
            stream.write(chunk)
            advance(len(chunk))
    # `HTTPResponse.read(size)` ends quietly when the connection closes early.
    if total is not None and received < total:
        raise RunError(f"{url} ended after {received:,} of {total:,} bytes. Try again.")


def _read(response: HTTPResponse, url: str) -> bytes:
    with _network_errors(url):
        return response.read(_READ_BYTES)


def _too_large(url: str, size_limit: int) -> RunError:
    return RunError(f"{url} sends more than the limit of {format_bytes(size_limit)}.")


@contextmanager
def _network_errors(url: str) -> Iterator[None]:
    """Turns network errors into a RunError that names the host."""
    host = urlsplit(url).netloc
    try:
        yield
    except HTTPError as error:
        error.close()
        raise RunError(f"{url} answered HTTP {error.code} ({error.reason}).") from error
    except (OSError, HTTPException) as error:
        # urllib wraps errors up to the request in a URLError, but none after it.
        reason = error.reason if isinstance(error, URLError) else error
        if isinstance(reason, TimeoutError):
            message = f"{host} did not answer for {TIMEOUT_SECONDS:g} seconds."
        elif isinstance(error, URLError):
            detail = getattr(reason, "strerror", None) or reason
            message = f"{host} cannot be reached ({detail})."
        else:
            message = f"the connection to {host} was lost ({error}). Try again."
        raise RunError(message) from error
