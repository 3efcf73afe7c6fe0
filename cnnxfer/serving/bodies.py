"""Bodies of requests, read within limits."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive, Scope

from cnnxfer.files import format_bytes
from cnnxfer.serving.admission import Held
from cnnxfer.serving.refusals import Refusal

LEFT_SECONDS = 5.0  # to take the rest of a body that nobody reads


class Body:
    """The body of a request, which may be neither too large nor too slow."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        held: Held,
        most_bytes: int,
        seconds: float,
    ) -> None:
        """Starts before the first byte.

        Args:
            scope: of the request.
            receive: of the server.
            held: counts the bytes.
            most_bytes: how many they may be.
            seconds: how long it may take from now on to arrive.
        """
        self._receive, self._held = receive, held
        self._most_bytes, self._seconds = most_bytes, seconds
        self._deadline = time.monotonic() + seconds
        self._complete = False
        # Whether the client sends nothing before it is asked to.
        self._unasked = "expect" in Headers(scope=scope)

    async def receive(self) -> Message:
        """Returns the next piece, or the end of the connection.

        Raises:
            ClientDisconnect: if the connection ends before the body does.
            Refusal: if the body is too large or too slow, or too much is held.
        """
        if self._complete:  # what may come now is the end of the connection
            return await self._receive()
        try:
            message = await self._next(self._deadline)
        except TimeoutError as error:
            raise Refusal(
                408, f"the body took over {self._seconds:g} s to arrive."
            ) from error
        self._held.take(len(message.get("body", b"")))
        if self._held.bytes > self._most_bytes:
            raise too_large(self._most_bytes)
        return message

    async def before_response(self, start: Message) -> Message:
        """Takes what is left of the body; returns the start of the response.

        What is left would be read as the next request, and a connection that is closed
        before all was read is reset, at which clients lose the response. So the rest is
        taken for a moment; only after that, the connection is closed.

        Raises:
            ClientDisconnect: if the connection ends meanwhile.
        """
        deadline = min(self._deadline, time.monotonic() + LEFT_SECONDS)
        with suppress(TimeoutError):
            while not (self._complete or self._unasked):
                await self._next(deadline)
        if not self._complete:
            MutableHeaders(raw=start["headers"])["connection"] = "close"
        return start

    async def _next(self, deadline: float) -> Message:
        self._unasked = False
        async with asyncio.timeout(deadline - time.monotonic()):
            message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        self._complete = not message.get("more_body", False)
        return message


def too_large(most_bytes: int) -> Refusal:
    """Returns what a client is told whose body has too many bytes."""
    return Refusal(413, f"the body is over {format_bytes(most_bytes)}, the limit.")


async def read_json(request: Request) -> dict[str, Any]:
    """Returns the JSON object in a request's body.

    Raises:
        Refusal: if it is none.
    """
    return parse_object(await request.body())


def parse_object(text: bytes) -> dict[str, Any]:
    """Returns a JSON object.

    Raises:
        Refusal: if the text is none.
    """
    try:
        found = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f"the body is no JSON: {error}.") from error
    if not isinstance(found, dict):
        kind = type(found).__name__
        raise Refusal(400, f"the body is a JSON {kind}; expected an object.")
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")
