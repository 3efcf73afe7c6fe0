"""A decoder of one image at a time, for a thread that waits for each."""

from __future__ import annotations

import pickle
from typing import Any

from cnnxfer.data.decoding.child import DecoderSetup, Reader, Record, failure
from cnnxfer.data.decoding.pool import DecodedImage
from cnnxfer.data.decoding.worker import DecoderProcess
from cnnxfer.data.images.decode import LITTLE
from cnnxfer.data.images.source import ImageSource
from cnnxfer.errors import DataError, RunError


class SingleDecoder:
    """Decodes images in a process of its own, which is replaced when it has ended.

    An image that crashes the process, or takes too long, has an `error`, as any
    unreadable image has. What is this machine's trouble, and no image's, is raised. One
    thread asks; any thread may close it.
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
            RunError: if the process cannot be started, the system has killed it, or
                there was too little memory.
        """
        try:
            record, pixels = self._record(source.read())
        except (DataError, MemoryError) as error:
            record, pixels = failure(error), None
        if record.get("error", "").startswith(LITTLE):
            raise RunError(f"{source.name}: {record['error']}")
        return DecodedImage(source, pixels=pixels, **record)

    def close(self) -> None:
        """Ends the process at once."""
        self._process.close()

    def _record(self, content: bytes) -> Record:
        if self._process.has_ended():
            self._process.close()
            self._process, self._ready = DecoderProcess(self._setup), False
        try:
            if not self._ready:
                self._process.wait_for_start()
                self._ready = True
            self._process.send(content)
            return self._process.receive()
        except EOFError:
            return self._record_of_end(), None
        except BaseException:
            self._process.close()  # the next image would get the rest of this record
            raise

    def _record_of_end(self) -> dict[str, Any]:
        reason = self._process.exit_reason()
        if self._process.was_killed():
            raise RunError(f"an image was not decoded: {reason}")
        return {"error": reason, "passing": True}
