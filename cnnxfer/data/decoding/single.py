"""A decoder of one image at a time, for a thread that waits for each."""

from __future__ import annotations

import pickle

from cnnxfer.data.decoding.child import DecoderSetup, Reader, Record, failure
from cnnxfer.data.decoding.pool import DecodedImage
from cnnxfer.data.decoding.worker import DecoderProcess
from cnnxfer.data.images.source import ImageSource
from cnnxfer.errors import DataError


class SingleDecoder:
    """Decodes images in a process of its own, which is replaced when it has ended.

    An image that crashes the process, or takes too long, has an `error`, as any
    unreadable image has. One thread asks; any thread may close it.
    """

    def __init__(self, reader: Reader, time_limit_seconds: float) -> None:
        """Starts the process, without waiting until it is ready.

        Args:
            reader: yields one record of an encoded image; see `Decoders`.
            time_limit_seconds: how long an image may take.

        Raises:
            RunError: if it cannot be started.
        """
        self._setup = DecoderSetup(pickle.dumps(reader), time_limit_seconds)
        self._process = DecoderProcess(self._setup)
        self._ready = False

    def decode(self, source: ImageSource) -> DecodedImage:
        """Reads an image in this process, and decodes it in the other one.

        Raises:
            RunError: if the process cannot be started.
        """
        try:
            record, pixels = self._record(source.read())
        except DataError as error:
            record, pixels = failure(error), None
        return DecodedImage(source, pixels=pixels, **record)

    def close(self) -> None:
        """Ends the process at once."""
        self._process.close()

    def _record(self, content: bytes) -> Record:
        if self._ready and self._process.has_ended():
            self._process.close()
            self._process, self._ready = DecoderProcess(self._setup), False
        if not self._ready:
            self._process.wait_for_start()
            self._ready = True
        self._process.send(content)
        try:
            return self._process.receive()
        except EOFError:
            return {"error": self._process.exit_reason(), "passing": True}, None
