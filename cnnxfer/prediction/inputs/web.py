"""An image at a web address: whole and from a public place, or a reason why not."""

from __future__ import annotations

import io
import ipaddress
import os
import socket
import ssl
import string
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from http.client import (
    HTTPConnection,
    HTTPException,
    HTTPResponse,
    HTTPSConnection,
    IncompleteRead,
    InvalidURL,
    responses,
)
from typing import TYPE_CHECKING, Any, cast
from urllib.error import HTTPError, URLError
from urllib.parse import quote, unquote, urljoin, urlsplit
from urllib.request import (
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    Request,
    build_opener,
)

from cnnxfer.data.images.source import ImageSource
from cnnxfer.errors import DataError
from cnnxfer.files import format_bytes
from cnnxfer.prediction.inputs.kinds import InputOptions
from cnnxfer.version import __version__

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

SILENCE_SECONDS = 10.0
WHOLE_SECONDS = 60.0
MAX_BYTES = 100_000_000
MAX_REDIRECTS = 5
REDIRECTS = (301, 302, 303, 307, 308)
# IPv6 addresses that end in the IPv4 address which they lead to: in old notation
# (RFC 4291, 2.5.5), as sockets show them, and behind NAT64 (RFC 6052, 2.1).
_MEAN_IPV4 = tuple(
    map(ipaddress.IPv6Network, ("::/96", "::ffff:0:0/96", "64:ff9b::/96"))
)
_READ_BYTES = 1 << 16


def check(item: str, options: InputOptions) -> None:
    """Accepts it: only the network knows, and what it says is reported in its place."""


def walk(item: str, options: InputOptions) -> Iterator[ImageSource]:
    """Yields the one image."""
    read = partial(fetch, item, allow_private=options.allow_private)
    yield ImageSource(item, read, here=True)


def count(item: str, options: InputOptions) -> int:
    """Returns one."""
    return 1


def fetch(url: str, *, allow_private: bool = False) -> bytes:
    """Returns what a web address holds, following its redirects.

    Whether an address is private is seen before anything connects to it, and again at
    the connection, before anything is sent: a name may mean one address when it is
    looked up and another when it is used. The proxies of the environment are used, and
    may be private; what lies behind one is only looked up, and left to the proxy where
    this machine doesn't know the name.

    Args:
        url: http or https.
        allow_private: whether the address may lie in a private network, on this
            machine or the like.

    Raises:
        DataError: if it can't be had within `WHOLE_SECONDS`, is over `MAX_BYTES`,
            shorter than announced, or refused; the message is the reason alone.
    """
    deadline = time.monotonic() + WHOLE_SECONDS
    with _reasons(deadline):
        for _ in range(MAX_REDIRECTS + 1):
            try:
                with _open(url, deadline, allow_private) as response:
                    return _body(response)
            except HTTPError as error:
                error.close()
                url = _redirected(url, error)
    raise DataError(f"too many redirects: over {MAX_REDIRECTS}, the limit")


def _open(url: str, deadline: float, allow_private: bool) -> HTTPResponse:
    request = Request(_ascii(url), headers={"User-Agent": f"cnnxfer/{__version__}"})
    opener = build_opener(_NoRedirects, _Handler(deadline, allow_private))
    response: HTTPResponse = opener.open(request, timeout=SILENCE_SECONDS)
    return response


def _body(response: HTTPResponse) -> bytes:
    too_large = DataError(f"too large: over {format_bytes(MAX_BYTES)}, the limit")
    total = response.length  # None if the server doesn't say
    if total is not None and total > MAX_BYTES:
        raise too_large
    content = bytearray()
    with suppress(IncompleteRead, ConnectionError):
        while piece := response.read(_READ_BYTES):
            content += piece
            if len(content) > MAX_BYTES:
                raise too_large
        # `read` ends quietly, too, when the connection closes early.
        if total is None or len(content) == total:
            return bytes(content)
    if total is None:
        raise DataError("truncated download")
    raise DataError(f"truncated download: {len(content):,} of {total:,} bytes")


def _redirected(url: str, answer: HTTPError) -> str:
    """Returns where an answer that isn't the image sends us on to."""
    location = answer.headers.get("Location")
    if answer.code not in REDIRECTS or not location:
        # The server's own words may be anything.
        raise DataError(f"HTTP {answer.code} {responses.get(answer.code, '')}".strip())
    # Headers are read as Latin-1, whatever their bytes were.
    location = quote(location, safe=string.punctuation, encoding="latin-1")
    url = urljoin(url, location)
    scheme = urlsplit(url).scheme
    if scheme not in ("http", "https"):
        raise DataError(f"redirect refused: to {scheme}; expected http or https")
    return url


def _ascii(url: str) -> str:
    """Returns an address as it is sent: in ASCII, without spaces."""
    parts = urlsplit(url)
    if not parts.netloc.isascii():
        parts = parts._replace(netloc=parts.netloc.encode("idna").decode())
    return quote(os.fsencode(parts.geturl()), safe=string.punctuation)


class _NoRedirects(HTTPRedirectHandler):
    """Leaves redirects to `fetch`: urllib's own go to FTP, too, and read any body."""

    def redirect_request(self, *arguments: object) -> None:
        return None


class _Handler(HTTPHandler, HTTPSHandler):
    """Opens connections that look at the address and at the clock."""

    def __init__(self, deadline: float, allow_private: bool) -> None:
        super().__init__(context=_tls())
        self._deadline = deadline
        self._allow_private = allow_private

    def http_open(self, req: Request) -> HTTPResponse:
        return self._open(_Connection, req)

    def https_open(self, req: Request) -> HTTPResponse:
        return self._open(_TlsConnection, req, context=_tls())

    def _open(
        self, connection_class: type[_Connection], request: Request, **arguments: Any
    ) -> HTTPResponse:
        address = urlsplit(request.full_url)
        if not self._allow_private:
            _refuse_private_name(address.hostname or "")
        proxied = request.host != unquote(address.netloc)

        def connect(host: str, **arguments: Any) -> _Connection:
            connection = connection_class(host, **arguments)
            connection.deadline = self._deadline
            connection.checked = not (proxied or self._allow_private)
            return connection

        return self.do_open(connect, request, **arguments)


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()  # it reads many certificates


class _Connection(HTTPConnection):
    """A connection that ends at `deadline`, to a public address if `checked`."""

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
        reader = cast(socket.socket, _TimedReader(sock, self.deadline))
        return HTTPResponse(reader, **arguments)


class _TlsConnection(HTTPSConnection, _Connection):
    """The same, and encrypted once the address has been looked at."""


class _TimedReader(io.RawIOBase):
    """What comes out of a socket until the deadline, with `makefile` like a socket.

    The timeout of a socket is for each piece; one byte now and then would never end.
    """

    def __init__(self, connected: socket.socket, deadline: float) -> None:
        self._socket = connected
        self._stream = connected.makefile("rb", buffering=0)
        self._deadline = deadline

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(min(SILENCE_SECONDS, left))
        return self._stream.readinto(buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()


def _refuse_private_name(host: str) -> None:
    with suppress(socket.gaierror):
        for *_, address in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM):
            _refuse_private(str(address[0]))


def _refuse_private(text: str) -> None:
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        address = _meant_by(address)
    if not address.is_global or address.is_multicast or _is_site_local(address):
        raise DataError(f"private address: {text}; allow it with --allow-private")


def _meant_by(address: ipaddress.IPv6Address) -> _Address:
    if any(address in network for network in _MEAN_IPV4):
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.sixtofour or address


def _is_site_local(address: _Address) -> bool:
    return isinstance(address, ipaddress.IPv6Address) and address.is_site_local


@contextmanager
def _reasons(deadline: float) -> Iterator[None]:
    """Says in few words what went wrong on the network."""
    try:
        yield
    except (OSError, HTTPException, ValueError) as error:
        raise DataError(_reason(error, deadline)) from error


def _reason(error: Exception, deadline: float) -> str:
    # urllib wraps what happens up to the request, and nothing after it.
    cause = error.reason if isinstance(error, URLError) else error
    if time.monotonic() >= deadline:
        return f"timeout: not whole after {WHOLE_SECONDS:g} seconds"
    if isinstance(cause, TimeoutError):
        return f"timeout: no answer for {SILENCE_SECONDS:g} seconds"
    if isinstance(cause, (ValueError, InvalidURL)):
        return "not a web address"
    # Other messages may hold what the server has sent.
    said = cause if isinstance(cause, str) else getattr(cause, "strerror", None)
    kind = "unreachable" if isinstance(error, URLError) else "broken connection"
    return f"{kind}: {said.lower() if said else type(cause).__name__}"
