"""Connections that check the address that they lead to, and time out at a deadline."""

import io
import re
import socket
import ssl
import time
from functools import cache
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection, responses
from typing import Any
from urllib.error import URLError
from urllib.parse import unquote, urlsplit
from urllib.request import HTTPHandler, HTTPSHandler, Request, getproxies

from cnnxfer.errors import DataError
from cnnxfer.web import addresses
from cnnxfer.web.limits import Limits
from cnnxfer.web.reasons import words_of


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
                addresses.refuse_private(self.sock.getpeername()[0])
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


class Handler(HTTPHandler, HTTPSHandler):
    """Opens connections that check the address and keep to the deadline."""

    def __init__(self, limits: Limits, deadline: float) -> None:
        super().__init__(context=_tls())
        self._limits = limits
        self._deadline = deadline

    def http_open(self, req: Request) -> HTTPResponse:
        """Sends a request, in plain text."""
        return self._open(req, _Connection)

    def https_open(self, req: Request) -> HTTPResponse:
        """Sends a request, encrypted."""
        return self._open(req, _TlsConnection, context=_tls())

    def _open(
        self, request: Request, connection_class: type[_Connection], **arguments: Any
    ) -> HTTPResponse:
        address = urlsplit(request.full_url)
        if not self._limits.allow_private:
            addresses.refuse_private_name(address.hostname or "")
        proxied = request.host != unquote(address.netloc)

        def connect(host: str, **arguments: Any) -> _Connection:
            connection = connection_class(host, **arguments)
            connection.idle_seconds = self._limits.idle_seconds
            connection.deadline = self._deadline
            connection.checked = not (proxied or self._limits.allow_private)
            return connection

        if not proxied:
            return self.do_open(connect, request, **arguments)
        _check_proxy(address.scheme)
        proxy = request.host  # without the name and password in it
        try:
            return self.do_open(connect, request, **arguments)
        except URLError as error:
            if isinstance(error.reason, (TimeoutError, ssl.SSLError)):
                raise  # of the target, for all that is known
            raise DataError(f"proxy {proxy}: {_proxy_reason(error.reason)}") from error


def _check_proxy(scheme: str) -> None:
    kind, separator, _ = getproxies().get(scheme, "").partition("://")
    if separator and kind.lower() not in ("http", "https"):
        raise DataError(
            f"proxy of an unknown kind: {kind}; expected http://HOST:PORT in "
            f"{scheme}_proxy"
        )


def _proxy_reason(cause: str | BaseException) -> str:
    # The proxy's refusal of a connection has no number, but this text.
    refused = re.match(r"Tunnel connection failed: (\d+)", str(cause))
    if refused is None:
        return words_of(cause)
    status = int(refused[1])
    return f"HTTP {status} {responses.get(status, '')}".strip()


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()  # cached: it reads many certificates
