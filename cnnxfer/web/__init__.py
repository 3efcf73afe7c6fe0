"""Files from web addresses, within limits of size, of time, and to public networks."""

import os
import string
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPResponse, IncompleteRead, responses
from urllib.parse import quote, urljoin, urlsplit
from urllib.request import OpenerDirector, ProxyHandler, Request

from cnnxfer.errors import DataError
from cnnxfer.files import format_bytes
from cnnxfer.version import __version__
from cnnxfer.web.connections import Handler
from cnnxfer.web.encodings import unpacked
from cnnxfer.web.limits import Limits
from cnnxfer.web.reasons import reasons
from cnnxfer.web.retries import seconds_to_wait

__all__ = ["Limits", "open_url"]

MAX_REDIRECTS = 5
MAX_RETRIES = 3
REDIRECTS = (301, 302, 303, 307, 308)
_READ_BYTES = 1 << 16


@contextmanager
def open_url(
    url: str, limits: Limits, on_wait: Callable[[float], None] = lambda seconds: None
) -> Iterator[tuple[int | None, Iterator[bytes]]]:
    """Opens the file at a web address, following redirects.

    A server that is busy (429 or 503) and says when to try again is asked up to
    `MAX_RETRIES` more times. The content is asked for as it is, and unpacked if the
    server compresses it all the same (gzip or deflate); the limit of size holds for
    both forms.

    Private addresses are refused before a connection is opened, and again on the open
    connection before anything is sent, because a name can resolve to different
    addresses each time. The proxies of the environment are used, and may be private.
    Behind a proxy, the address is only checked in advance, and a name that this machine
    cannot resolve is left to the proxy.

    Args:
        url: an http or https address.
        limits: what the download may do.
        on_wait: called with the seconds before each wait for a busy server.

    Yields:
        The size in bytes that the server announces, None if it does not, or if it has
        compressed the file; and the content of the file in pieces.

    Raises:
        DataError: if the download exceeds a limit, is shorter than announced, fails, or
            is refused; the message is only the reason. The pieces raise it, too.
    """
    deadline = time.monotonic() + limits.total_seconds
    with reasons(limits, deadline):
        response = _follow(url, limits, deadline, on_wait)
    with response:
        total = response.length
        if total is not None and total > limits.max_bytes:
            raise _too_large(limits)
        pieces = _limited(_pieces(response, total, limits, deadline), limits)
        encoding = response.headers.get("Content-Encoding", "")
        content = unpacked(pieces, encoding)
        if content is pieces:
            yield total, pieces
        else:
            yield None, _limited(content, limits)


def _follow(
    url: str, limits: Limits, deadline: float, on_wait: Callable[[float], None]
) -> HTTPResponse:
    # Without urllib's own handler of redirects, which would also follow them to FTP,
    # and read bodies of any size.
    opener = OpenerDirector()
    opener.add_handler(ProxyHandler())
    opener.add_handler(Handler(limits, deadline))
    for _ in range(MAX_REDIRECTS + 1):
        response = _ask(opener, url, limits, deadline, on_wait)
        if 200 <= response.status < 300:
            return response
        with response:
            url = _redirect_target(url, response)
    raise DataError(f"too many redirects: over {MAX_REDIRECTS}, the limit")


def _ask(
    opener: OpenerDirector,
    url: str,
    limits: Limits,
    deadline: float,
    on_wait: Callable[[float], None],
) -> HTTPResponse:
    """Returns a server's answer, once it is no longer busy.

    Raises:
        DataError: if it asks to wait for too long.
    """
    headers = {"User-Agent": f"cnnxfer/{__version__}", "Accept-Encoding": "identity"}
    tries = 0
    while True:
        request = Request(_ascii(url), headers=headers)
        response: HTTPResponse = opener.open(request, timeout=limits.idle_seconds)
        seconds = seconds_to_wait(response)
        if seconds is None or tries == MAX_RETRIES:
            return response
        response.close()
        left = min(limits.wait_seconds, deadline - time.monotonic())
        if seconds >= left:
            raise DataError(
                f"{_status(response)}; the server asks to try again after "
                f"{seconds:,.0f} seconds, over the limit of {max(0, left):,.0f}"
            )
        on_wait(seconds)
        time.sleep(seconds)
        tries += 1


def _pieces(
    response: HTTPResponse, total: int | None, limits: Limits, deadline: float
) -> Iterator[bytes]:
    received = 0
    with reasons(limits, deadline), suppress(IncompleteRead, ConnectionError):
        while piece := response.read(_READ_BYTES):
            received += len(piece)
            yield piece
        # `read` also ends without an error when the connection closes early.
        if total is None or received == total:
            return
    of_total = "" if total is None else f": {received:,} of {total:,} bytes"
    raise DataError(f"truncated download{of_total}")


def _limited(pieces: Iterator[bytes], limits: Limits) -> Iterator[bytes]:
    size_bytes = 0
    for piece in pieces:
        size_bytes += len(piece)
        if size_bytes > limits.max_bytes:
            raise _too_large(limits)
        yield piece


def _too_large(limits: Limits) -> DataError:
    return DataError(f"too large: over {format_bytes(limits.max_bytes)}, the limit")


def _redirect_target(url: str, response: HTTPResponse) -> str:
    """Returns the address that a response redirects to.

    Raises:
        DataError: if it is not a redirect to an http or https address.
    """
    location, status = response.headers.get("Location"), response.status
    if status not in REDIRECTS or not location:
        raise DataError(_status(response))
    # `http.client` decodes headers as Latin-1, whatever their encoding was.
    location = quote(location, safe=string.punctuation, encoding="latin-1")
    target = urljoin(url, location)
    scheme = urlsplit(target).scheme
    if scheme not in ("http", "https"):
        raise DataError(f"redirect refused: to {scheme}; expected http or https")
    if scheme == "http" and urlsplit(url).scheme == "https":
        raise DataError("redirect refused: from https to http, which is not encrypted")
    return target


def _status(response: HTTPResponse) -> str:
    # The standard phrase, since the server's own text could be anything.
    return f"HTTP {response.status} {responses.get(response.status, '')}".strip()


def _ascii(url: str) -> str:
    """Returns an address as it is sent to the server: in ASCII, without spaces."""
    parts = urlsplit(url)
    if not parts.netloc.isascii():
        parts = parts._replace(netloc=parts.netloc.encode("idna").decode())
    return quote(os.fsencode(parts.geturl()), safe=string.punctuation)
