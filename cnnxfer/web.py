"""Files from web addresses, within limits of size, of time, and to public networks."""

import io
import ipaddress
import os
import socket
import ssl
import string
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from http.client import (
    HTTPConnection,
    HTTPException,
    HTTPResponse,
    HTTPSConnection,
    IncompleteRead,
    InvalidURL,
    responses,
)
from typing import Any
from urllib.error import URLError
from urllib.parse import quote, unquote, urljoin, urlsplit
from urllib.request import (
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from cnnxfer.errors import DataError
from cnnxfer.files import format_bytes
from cnnxfer.spelling import option
from cnnxfer.version import __version__

MAX_REDIRECTS = 5
REDIRECTS = (301, 302, 303, 307, 308)
# Networks of IPv6 addresses that end in the IPv4 address that they lead to: compatible
# and mapped addresses (RFC 4291, 2.5.5), and those behind NAT64 (RFC 6052, 2.1).
_IPV4_NETWORKS = tuple(
    map(ipaddress.IPv6Network, ("::/96", "::ffff:0:0/96", "64:ff9b::/96"))
)
_READ_BYTES = 1 << 16


@dataclass(frozen=True)
class Limits:
    """What a download may do.

    Attributes:
        max_bytes: the largest size of the file.
        idle_seconds: how long the server may send nothing.
        total_seconds: how long the download may take.
        allow_private: whether the address may lie in a private network or on this
            machine.
    """

    max_bytes: int
    idle_seconds: float
    total_seconds: float = float("inf")
    allow_private: bool = False


@contextmanager
def open_url(url: str, limits: Limits) -> Iterator[tuple[int | None, Iterator[bytes]]]:
    """Opens the file at a web address, following redirects.

    Private addresses are refused before a connection is opened, and again on the open
    connection before anything is sent, because a name can resolve to different
    addresses each time. The proxies of the environment are used, and may be private.
    Behind a proxy, the address is only checked in advance, and a name that this machine
    cannot resolve is left to the proxy.

    Args:
        url: an http or https address.
        limits: what the download may do.

    Yields:
        The size in bytes that the server announces, None if it does not; and the
        content of the file in pieces.

    Raises:
        DataError: if the download exceeds a limit, is shorter than announced, fails, or
            is refused; the message is only the reason. The pieces raise it, too.
    """
    deadline = time.monotonic() + limits.total_seconds
    with _reasons(limits, deadline):
        response = _follow(url, limits, deadline)
    with response:
        total = response.length
        if total is not None and total > limits.max_bytes:
            raise _too_large(limits)
        yield total, _pieces(response, total, limits, deadline)


def _follow(url: str, limits: Limits, deadline: float) -> HTTPResponse:
    # Without urllib's own handler of redirects, which would also follow them to FTP,
    # and read bodies of any size.
    opener = OpenerDirector()
    opener.add_handler(ProxyHandler())
    opener.add_handler(_Handler(limits, deadline))
    for _ in range(MAX_REDIRECTS + 1):
        request = Request(_ascii(url), headers={"User-Agent": f"cnnxfer/{__version__}"})
        response: HTTPResponse = opener.open(request, timeout=limits.idle_seconds)
        if 200 <= response.status < 300:
            return response
        with response:
            url = _redirect_target(url, response)
    raise DataError(f"too many redirects: over {MAX_REDIRECTS}, the limit")


def _pieces(
    response: HTTPResponse, total: int | None, limits: Limits, deadline: float
) -> Iterator[bytes]:
    received = 0
    with _reasons(limits, deadline), suppress(IncompleteRead, ConnectionError):
        while piece := response.read(_READ_BYTES):
            received += len(piece)
            if received > limits.max_bytes:
                raise _too_large(limits)
            yield piece
        # `read` also ends without an error when the connection closes early.
        if total is None or received == total:
            return
    of_total = "" if total is None else f": {received:,} of {total:,} bytes"
    raise DataError(f"truncated download{of_total}")


def _too_large(limits: Limits) -> DataError:
    return DataError(f"too large: over {format_bytes(limits.max_bytes)}, the limit")


def _redirect_target(url: str, response: HTTPResponse) -> str:
    """Returns the address that a response redirects to.

    Raises:
        DataError: if it is not a redirect to an http or https address.
    """
    location, status = response.headers.get("Location"), response.status
    if status not in REDIRECTS or not location:
        # The standard phrase, since the server's own text could be anything.
        raise DataError(f"HTTP {status} {responses.get(status, '')}".strip())
    # `http.client` decodes headers as Latin-1, whatever their encoding was.
    location = quote(location, safe=string.punctuation, encoding="latin-1")
    url = urljoin(url, location)
    scheme = urlsplit(url).scheme
    if scheme not in ("http", "https"):
        raise DataError(f"redirect refused: to {scheme}; expected http or https")
    return url


def _ascii(url: str) -> str:
    """Returns an address as it is sent to the server: in ASCII, without spaces."""
    parts = urlsplit(url)
    if not parts.netloc.isascii():
        parts = parts._replace(netloc=parts.netloc.encode("idna").decode())
    return quote(os.fsencode(parts.geturl()), safe=string.punctuation)


class _TimedReader(io.RawIOBase):
    """The stream of a socket, which times out at a deadline.

    A socket's own timeout applies to each read, so a server that sends a byte now and
    then would never time out.
    """

    def __init__(
        self, stream: Any, sock: socket.socket, idle_seconds: float, deadline: float
    ) -> None:
        self._stream = stream
        self._socket = sock
        self._idle_seconds = idle_seconds
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(min(self._idle_seconds, left))
        received: int | None = self._stream.readinto(buffer)
        return received

    def close(self) -> None:
        self._stream.close()
        super().close()


class _Connection(HTTPConnection):
    """A connection that times out at a deadline.

    Attributes:
        idle_seconds: how long reading waits for the next bytes.
        deadline: time of `time.monotonic` at which reading ends.
        checked: whether private addresses are refused.
    """

    idle_seconds: float
    deadline: float
    checked: bool

    def connect(self) -> None:
        super().connect()
        if self.checked:
            try:
                _refuse_private(self.sock.getpeername()[0])
            except DataError:
                self.close()
                raise

    def response_class(  # type: ignore[override]
        self, sock: socket.socket, **arguments: Any
    ) -> HTTPResponse:
        response = HTTPResponse(sock, **arguments)
        response.fp = io.BufferedReader(
            _TimedReader(response.fp.detach(), sock, self.idle_seconds, self.deadline)
        )
        return response


class _TlsConnection(HTTPSConnection, _Connection):
    """A `_Connection` that is encrypted once the address has been checked."""


class _Handler(HTTPHandler, HTTPSHandler):
    """Opens connections that check the address and keep to the deadline."""

    def __init__(self, limits: Limits, deadline: float) -> None:
        super().__init__(context=_tls())
        self._limits = limits
        self._deadline = deadline

    def http_open(self, req: Request) -> HTTPResponse:
        return self._open(req, _Connection)

    def https_open(self, req: Request) -> HTTPResponse:
        return self._open(req, _TlsConnection, context=_tls())

    def _open(
        self, request: Request, connection_class: type[_Connection], **arguments: Any
    ) -> HTTPResponse:
        address = urlsplit(request.full_url)
        if not self._limits.allow_private:
            _refuse_private_name(address.hostname or "")
        proxied = request.host != unquote(address.netloc)

        def connect(host: str, **arguments: Any) -> _Connection:
            connection = connection_class(host, **arguments)
            connection.idle_seconds = self._limits.idle_seconds
            connection.deadline = self._deadline
            connection.checked = not (proxied or self._limits.allow_private)
            return connection

        return self.do_open(connect, request, **arguments)


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()  # cached: it reads many certificates


def _refuse_private_name(host: str) -> None:
    with suppress(socket.gaierror):
        for *_, address in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM):
            _refuse_private(str(address[0]))


def _refuse_private(text: str) -> None:
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        if any(address in network for network in _IPV4_NETWORKS):
            address = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        elif address.sixtofour:
            address = address.sixtofour
    site_local = isinstance(address, ipaddress.IPv6Address) and address.is_site_local
    if not address.is_global or address.is_multicast or site_local:
        allow = option("--allow-private", True)
        raise DataError(f"private address: {text}; allow it with {allow}")


@contextmanager
def _reasons(limits: Limits, deadline: float) -> Iterator[None]:
    """Turns network errors into a DataError with a short reason."""
    try:
        yield
    except (OSError, HTTPException, ValueError) as error:
        # urllib wraps errors up to the request in a URLError, but none after it.
        cause = error.reason if isinstance(error, URLError) else error
        if time.monotonic() >= deadline:
            reason = f"timeout: not whole after {limits.total_seconds:g} seconds"
        elif isinstance(cause, TimeoutError):
            reason = f"timeout: no answer for {limits.idle_seconds:g} seconds"
        elif isinstance(cause, (ValueError, InvalidURL)):
            reason = "not a web address"
        else:
            kind = "unreachable" if cause is not error else "broken connection"
            # Only the system's words: others could contain what the server has sent.
            words = cause if isinstance(cause, str) else getattr(cause, "strerror", "")
            reason = f"{kind}: {words.lower() if words else type(cause).__name__}"
        raise DataError(reason) from error
