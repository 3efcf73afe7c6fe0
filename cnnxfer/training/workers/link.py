"""The connection between two workers: messages in order, and signs of life.

A message is a letter, its length and its content. Nothing in it is ever executed: it is
JSON, or the bytes of an array or a file, whose size its receiver knows beforehand.
"""

import json
import queue
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from cnnxfer.errors import RunError
from cnnxfer.records import parse_json

HEADER = struct.Struct("!cI")
CHUNK_BYTES = 4 << 20
LARGEST_BYTES = 64 << 20  # of a message, against what is no worker at all
JSON, DATA, SIGN_OF_LIFE, LAST_WORDS, FAREWELL = b"J", b"D", b"S", b"L", b"F"
WAITING = 64  # messages that have come and nobody has read yet

Lost = Callable[["Link", str], None]


class Link:
    """The connection to another worker.

    Attributes:
        rank: the number of the other worker.
        name: what messages call it.
        has_ended: whether nothing more comes.
    """

    def __init__(self, connection: socket.socket, rank: int, host: str) -> None:
        """Takes a connection; nothing is read from it before `start`."""
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(None)
        self.rank = rank
        self.name = f"worker {rank} on {host}"
        self._connection = connection
        self._inbox: queue.Queue[tuple[bytes, bytes] | None] = queue.Queue(WAITING)
        self._sending = threading.Lock()
        self._heard = time.monotonic()
        self._full = False
        self._said_farewell = False  # the other one, and nothing since
        self.has_ended = False

    def start(self, lost: Lost) -> None:
        """Begins to read, on a thread; `lost` is told why, when nothing more comes."""
        threading.Thread(target=self._read, args=[lost], daemon=True).start()

    @property
    def silent_seconds(self) -> float:
        """How long nothing has come that should; 0 while what has come is not read."""
        if self._full or self._said_farewell:
            return 0.0
        return time.monotonic() - self._heard

    def forgive_silence(self) -> None:
        """Counts silence from now on."""
        self._heard = time.monotonic()

    def send(self, kind: bytes, content: bytes | memoryview = b"") -> None:
        """Sends a message; a connection that is gone is noticed by who reads."""
        with suppress(OSError), self._sending:
            self._connection.sendall(HEADER.pack(kind, len(content)))
            self._connection.sendall(content)

    def send_sign_of_life(self) -> None:
        """Says that this worker is alive, unless it is just sending something."""
        if self._sending.acquire(blocking=False):
            self._sending.release()
            self.send(SIGN_OF_LIFE)

    def send_json(self, value: Any) -> None:
        """Sends a value that JSON has."""
        self.send(JSON, json.dumps(value).encode())

    def send_data(self, data: memoryview) -> None:
        """Sends bytes; the receiver has to know how many."""
        for start in range(0, len(data), CHUNK_BYTES):
            self.send(DATA, data[start : start + CHUNK_BYTES])

    def receive_json(self) -> Any:
        """Waits for the next message, which has to be JSON.

        Raises:
            EOFError: if none comes any more.
            RunError: if it is something else.
        """
        return parse_json(self._next(JSON))

    def receive_data(self) -> bytes:
        """Waits for the next message, which has to be bytes; see `receive_json`."""
        return self._next(DATA)

    def end_waiting(self) -> None:
        """Makes whoever waits for a message get an EOFError."""
        with suppress(queue.Full):
            self._inbox.put_nowait(None)

    def say_farewell(self) -> None:
        """Says that the work is done, so that the end of the connection is no loss."""
        self.send(FAREWELL)

    def _next(self, expected: bytes) -> bytes:
        while True:
            # With a time-out, so that signals are handled while this waits.
            with suppress(queue.Empty):
                message = self._inbox.get(timeout=0.5)
                break
        if message is None:
            raise EOFError
        kind, content = message
        if kind != expected:
            raise RunError(
                f"{self.name} is at another point of the training. Please report this "
                "as a bug."
            )
        return content

    def _read(self, lost: Lost) -> None:
        try:
            while True:
                kind, size = HEADER.unpack(self._exactly(HEADER.size))
                if size > LARGEST_BYTES:
                    raise EOFError
                content = self._exactly(size)
                if kind == LAST_WORDS:
                    lost(self, content.decode("utf-8", "replace"))
                elif kind == FAREWELL:
                    self._said_farewell = True
                elif kind != SIGN_OF_LIFE:
                    self._said_farewell = False
                    self._full = True
                    self._inbox.put((kind, content))
                    self._full = False
                    self._heard = time.monotonic()
        except (OSError, EOFError, struct.error):
            self.has_ended = True
            if self._said_farewell:
                self.end_waiting()
            else:
                lost(self, f"{self.name} is gone")

    def _exactly(self, size: int) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            part = self._connection.recv(min(size - len(parts), 1 << 20))
            if not part:
                raise EOFError
            self._heard = time.monotonic()
            parts += part
        return bytes(parts)
