"""Connections whose clients may be slow, silent, or too many."""

from __future__ import annotations

import asyncio
from asyncio import TimerHandle

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_SECONDS = 10.0  # that a client has to send the head of a request
MAX_HEADER_BYTES = 64 * 1024
MAX_CONNECTIONS = 512


class Connection(HttpToolsProtocol):
    """A connection of uvicorn's, with limits that uvicorn does not have.

    uvicorn closes a connection that is idle between two requests, and waits for ever
    for the end of a head that was begun, or for its beginning; a head may have any
    size.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins to wait for a head, if there are not too many connections."""
        super().connection_made(transport)
        self._timer: TimerHandle | None = None
        self._head_bytes = 0
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
        else:
            self._begin_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the waiting."""
        self._end_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Takes a piece; what belongs to no complete head is counted."""
        if self._timer is None and self._is_between_requests():
            self._begin_head()
        super().data_received(data)
        if self._timer is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEADER_BYTES and not self.transport.is_closing():
                self.send_400_response("The head of the request is too large.")

    def on_headers_complete(self) -> None:
        """Ends the waiting for a head."""
        self._end_head()
        super().on_headers_complete()

    def _is_between_requests(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _begin_head(self) -> None:
        self._head_bytes = 0
        self._timer = self.loop.call_later(HEADER_SECONDS, self.transport.close)

    def _end_head(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
