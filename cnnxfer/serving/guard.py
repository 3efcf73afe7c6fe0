"""What every request passes before a route sees it: who asks, and how much."""

from __future__ import annotations

import hmac
import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cnnxfer.serving.admission import Admission, Held
from cnnxfer.serving.bodies import Body, too_large
from cnnxfer.serving.refusals import Refusal
from cnnxfer.serving.responses import JsonAnswer

VANISHED = 499  # the status in figures, where a client has gone before its response
HELD = "cnnxfer.held"  # the key of a request's `Held` in its scope
# What may be asked without a token, and from pages of other sites: the page asks its
# user for the token.
OPEN = ("/", "/v2/health/live", "/v2/health/ready")


@dataclass(frozen=True)
class Guard:
    """Refuses what may not ask, asks too much or too slowly, and counts the rest.

    Attributes:
        app: answers what passes.
        admission: counts bytes.
        token: what clients must send as `Authorization: Bearer TOKEN`; empty for none.
        local: whether only names of this machine are answered, so that a page whose
            name was made to lead here (DNS rebinding) learns nothing.
        most_bytes: of a body.
        body_seconds: how long a body may take to arrive.
        on_response: told the route, the status and the seconds of each response.
    """

    app: ASGIApp
    admission: Admission
    token: str
    local: bool
    most_bytes: int
    body_seconds: float
    on_response: Callable[[Scope, int, float], None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers it with the reason why not."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.monotonic(), 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                message = await body.before_response(message)
                status = message["status"]
            await send(message)

        with self.admission.request() as held:
            scope[HELD] = held
            body = Body(scope, receive, held, self.most_bytes, self.body_seconds)
            try:
                try:
                    self._require_access(scope)
                    await self.app(scope, body.receive, watched)
                except Refusal as refusal:
                    await refused(refusal)(scope, receive, watched)
            except ClientDisconnect:
                status = VANISHED
            finally:
                self.on_response(scope, status, time.monotonic() - started)

    def _require_access(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        if self.local and not is_local(_host(headers.get("host", ""))):
            raise Refusal(
                421, "this server answers on its own machine alone: http://localhost"
            )
        # CORS is off: a page of another site may link to ours, and not make a browser
        # ask anything else.
        path = scope["path"]
        if _is_of_other_site(headers) and path not in OPEN:
            raise Refusal(403, "pages of other sites may not ask this server.")
        if self.token and path not in OPEN:
            scheme, _, sent = headers.get("authorization", "").partition(" ")
            # Starlette reads headers as Latin-1, whatever their bytes meant.
            same = hmac.compare_digest(sent.encode("latin-1"), self.token.encode())
            if scheme.lower() != "bearer" or not same:
                raise Refusal(
                    401,
                    "a token is needed: Authorization: Bearer TOKEN.",
                    {"WWW-Authenticate": "Bearer"},
                )
        if headers.get("content-encoding", "identity") != "identity":
            raise Refusal(415, "the body is compressed; send it as it is.")
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > self.most_bytes:
            raise too_large(self.most_bytes)


def held_bytes(scope: Scope) -> Held:
    """Returns what counts the bytes of a request that has passed."""
    return cast(Held, scope[HELD])


def refused(refusal: Refusal) -> JsonAnswer:
    """Returns the response to a request that is not answered."""
    return JsonAnswer(
        {"error": refusal.message}, refusal.status, headers=refusal.headers
    )


def is_local(host: str) -> bool:
    """Tells whether a name or an address leads to this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_of_other_site(headers: Headers) -> bool:
    """Tells whether a page of another site asks, by what its browser says of it.

    Browsers say Sec-Fetch-Site only where the connection is encrypted or stays on the
    machine. Everywhere they say the Origin, with all that is not a mere reading.
    """
    if site := headers.get("sec-fetch-site"):
        return site not in ("none", "same-origin")
    if origin := headers.get("origin"):
        return origin.partition("://")[2].lower() != headers.get("host", "").lower()
    return False


def _host(header: str) -> str:
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""
