"""Reader of an image at a web address, which by default must be a public one."""

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

IDLE_TIMEOUT_SECONDS = 10.0
TOTAL_TIMEOUT_SECONDS = 60.0
MAX_BYTES = 100_000_000
MAX_REDIRECTS = 5
REDIRECTS = (301, 302, 303, 307, 308)
# Networks of IPv6 addresses that end in the IPv4 address that they lead to: compatible
# and mapped addresses (RFC 4291, 2.5.5), and those behind NAT64 (RFC 6052, 2.1).
_IPV4_NETWORKS = tuple(
    map(ipaddress.IPv6Network, ("::/96", "::ffff:0:0/96", "64:ff9b::/96"))
)
_READ_BYTES = 1 << 16


def check(item: str, options: InputOptions) -> None:
    """Accepts any address; one that cannot be read becomes an unreadable image."""


def walk(item: str, options: InputOptions) -> Iterator[ImageSource]:
    """Yields the image at the address."""
    read = partial(fetch, item, allow_private=options.allow_private)
    yield ImageSource(item, read, here=True)


def count(item: str, options: InputOptions) -> int:
    """Returns one."""
    return 1


def fetch(url: str, *, allow_private: bool = False) -> bytes:
    """Downloads a file from a web address, following redirects.

    Private addresses are refused before a connection is opened, and again on the open
    connection before anything is sent, because a name can resolve to different
    addresses each time. The proxies of the environment are used, and may be private.
    Behind a proxy, the address is only checked in advance, and a name that this machine
    cannot resolve is left to the proxy.

    Args:
        url: an http or https address.
        allow_private: whether the address may lie in a private network or on this
            machine.

    Returns:
        The bytes of the file.

    Raises:
        DataError: if the download takes longer than `TOTAL_TIMEOUT_SECONDS`, is larger
            than `MAX_BYTES` or shorter than announced, fails, or is refused; the
            message is only the reason.
    """
    deadline = time.monotonic() + TOTAL_TIMEOUT_SECONDS
    with _network_errors(deadline):
        for _ in range(MAX_REDIRECTS + 1):
            try:
                with _open(url, deadline, allow_private) as response:
                    return _read_body(response)
            except HTTPError as error:
                error.close()
                url = _redirect_target(url, error)
    raise DataError(f"too many redirects: over {MAX_REDIRECTS}, the limit")


def _open(url: str, deadline: float, allow_private: bool) -> HTTPResponse:
    request = Request(_ascii(url), headers={"User-Agent": f"cnnxfer/{__version__}"})
    opener = build_opener(_NoRedirects, _Handler(deadline, allow_private))
    response: HTTPResponse = opener.open(request, timeout=IDLE_TIMEOUT_SECONDS)
    return response


def _read_body(response: HTTPResponse) -> bytes:
    too_large = DataError(f"too large: over {format_bytes(MAX_BYTES)}, the limit")
    total = response.length  # None if the server does not say
    if total is not None and total > MAX_BYTES:
        raise too_large
    content = bytearray()
    with suppress(IncompleteRead, ConnectionError):
        while chunk := response.read(_READ_BYTES):
            content += chunk
            if len(content) > MAX_BYTES:
                raise too_large
        # `read` also ends without an error when the connection closes early.
        if total is None or len(content) == total:
            return bytes(content)
    if total is None:
        raise DataError("truncated download")
    raise DataError(f"truncated download: {len(content):,} of {total:,} bytes")


def _redirect_target(url: str, error: HTTPError) -> str:
    """Returns the address that a response redirects to.

    Raises:
        DataError: if it is not a redirect to an http or https address.
    """
    location = error.headers.get("Location")
    if error.code not in REDIRECTS or not location:
        # The standard phrase, since the server's own text could be anything.
        raise DataError(f"HTTP {error.code} {responses.get(error.code, '')}".strip())
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


class _NoRedirects(HTTPRedirectHandler):
    """Leaves redirects to `fetch`.

    urllib's own handler would also follow them to FTP, and read bodies of any size.
    """

    def redirect_request(self, *arguments: object) -> None:
        return None


class _Handler(HTTPHandler, HTTPSHandler):
    """Opens connections that check the address and keep to the deadline."""

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
    return ssl.create_default_context()  # cached: it reads many certificates


class _Connection(HTTPConnection):
    """A connection that times out at a deadline.

    Attributes:
        deadline: time of `time.monotonic` at which reading ends.
        checked: whether private addresses are refused.
    """

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
    """A `_Connection` that is encrypted once the address has been checked."""


class _TimedReader(io.RawIOBase):
    """A stream from a socket that times out at a deadline; it has `makefile` too.

    A socket's own timeout applies to each read, so a server that sends a byte now and
    then would never time out.
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
        self._socket.settimeout(min(IDLE_TIMEOUT_SECONDS, left))
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
        address = _embedded_ipv4(address)
    if not address.is_global or address.is_multicast or _is_site_local(address):
        raise DataError(f"private address: {text}; allow it with --allow-private")


def _embedded_ipv4(address: ipaddress.IPv6Address) -> _Address:
    """Returns the IPv4 address that an IPv6 address leads to, or the address itself."""
    if any(address in network for network in _IPV4_NETWORKS):
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.sixtofour or address


def _is_site_local(address: _Address) -> bool:
    return isinstance(address, ipaddress.IPv6Address) and address.is_site_local


@contextmanager
def _network_errors(deadline: float) -> Iterator[None]:
    """Turns network errors into a DataError with a short reason."""
    try:
        yield
    except (OSError, HTTPException, ValueError) as error:
        raise DataError(_reason(error, deadline)) from error


def _reason(error: Exception, deadline: float) -> str:
    # urllib wraps errors up to the request in a URLError, but none after it.
    cause = error.reason if isinstance(error, URLError) else error
    if time.monotonic() >= deadline:
        return f"timeout: not whole after {TOTAL_TIMEOUT_SECONDS:g} seconds"
    if isinstance(cause, TimeoutError):
        return f"timeout: no answer for {IDLE_TIMEOUT_SECONDS:g} seconds"
    if isinstance(cause, (ValueError, InvalidURL)):
        return "not a web address"
    # Only messages of the system: others could contain what the server has sent.
    detail = cause if isinstance(cause, str) else getattr(cause, "strerror", None)
    kind = "unreachable" if isinstance(error, URLError) else "broken connection"
    return f"{kind}: {detail.lower() if detail else type(cause).__name__}"
