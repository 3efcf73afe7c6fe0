"""Connections whose clients may be slow, silent, or too many."""

from __future__ import annotations

import asyncio
from asyncio import TimerHandle

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_SECONDS = 10.0  # that a client has to send the head of a request
READER_SECONDS = 60.0  # that a client has to take what was written at once
MAX_HEADER_BYTES = 64 * 1024
MAX_CONNECTIONS = 512


class Connection(HttpToolsProtocol):
    """A connection of uvicorn's, with limits that uvicorn does not have.

    uvicorn closes a connection that is idle between two requests, and waits for ever
    for the end of a head that was begun, for its beginning, or for a client to take a
    response; heads, and what stands behind a body in chunks, may have any size.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins to wait for a head, if there are not too many connections."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(0)  # `pause_writing` is told of every byte
        self._head_timer: TimerHandle | None = None
        self._reader_timer: TimerHandle | None = None
        self._fruitless_bytes = 0  # since there was a head, or a piece of a body
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
        else:
            self._begin_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the waiting."""
        self._end_head()
        self._end_reading()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Takes a piece; what belongs to no complete head or body is counted."""
        if self._head_timer is None and self._is_between_requests():
            self._begin_head()
        self._fruitless_bytes += len(data)
        super().data_received(data)
        too_many = self._fruitless_bytes > MAX_HEADER_BYTES
        if too_many and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")

    def eof_received(self) -> bool:  # type: ignore[override]
        """Goes on if the client, which sends no more, waits for its response."""
        waits = not self._is_between_requests() and not self.cycle.more_body
        if waits:
            self.cycle.keep_alive = False
        return waits

    def on_headers_complete(self) -> None:
        """Ends the waiting for a head."""
        self._end_head()
        self._fruitless_bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Takes a piece of a body."""
        self._fruitless_bytes = 0
        super().on_body(body)

    def pause_writing(self) -> None:
        """Begins to wait for the client to take what was written."""
        super().pause_writing()
        self._reader_timer = self.loop.call_later(READER_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Ends the waiting for the client."""
        self._end_reading()
        super().resume_writing()

    def _is_between_requests(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _begin_head(self) -> None:
        self._fruitless_bytes = 0
        self._head_timer = self.loop.call_later(HEADER_SECONDS, self.transport.close)

    def _end_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _end_reading(self) -> None:
        if self._reader_timer is not None:
            self._reader_timer.cancel()
            self._reader_timer = None
