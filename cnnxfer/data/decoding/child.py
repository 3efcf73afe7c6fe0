"""The decoder process: reads and decodes images for its parent, which is in `pool`.

It takes jobs from its standard input and writes records to its standard output. Jobs
are pickled, since the parent is trusted. Records are not, since a malicious image may
have taken over this process: a record is a line of JSON, followed by bare pixels.
"""

import hashlib
import json
import os
import pickle
import select
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import IO, Any

import numpy as np
from PIL import Image

from cnnxfer.data.images.decode import is_animated, open_image, seek
from cnnxfer.data.images.picture import Picture
from cnnxfer.errors import DataError

ViewFunction = Callable[[Picture], np.ndarray]
# What is sent for a job: the encoded image, or a function that reads it.
JobInput = bytes | Callable[[], bytes]
ViewRecord = tuple[dict[str, Any], np.ndarray | None]

MAX_FRAMES = 1000  # of one file


@dataclass(frozen=True)
class DecoderSetup:
    """What all jobs of a decoder process have in common.

    Attributes:
        see: the pickled function that computes uint8 pixels from a decoded image.
        frames: "first" or "all".
        max_pixels: the most pixels that an image may have.
        time_limit_seconds: how long an image, or a frame, may take.
    """

    see: bytes
    frames: str
    max_pixels: int
    time_limit_seconds: float


def main() -> None:
    """Decodes images until the parent closes this process's standard input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    with _claimed(sys.stdin, "rb") as jobs, _claimed(sys.stdout, "wb") as records:
        _exit_when_closed(jobs)
        try:
            setup: DecoderSetup = pickle.load(jobs)
            see: ViewFunction = pickle.loads(setup.see)
            write_record(records, {"ready": True})
            # C libraries write warnings about images to standard error.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
            for job in _read_jobs(jobs):
                results = _records(job, see, setup)
                for record in _with_time_limit(results, setup.time_limit_seconds):
                    write_record(records, *record)
        except MemoryError:  # while a job is read or a record written
            sys.exit("too little memory")
        except BaseException:
            write_record(records, {"bug": traceback.format_exc()})


def write_record(
    stream: IO[bytes], record: dict[str, Any], pixels: np.ndarray | None = None
) -> None:
    """Writes a record in the form that `read_record` reads, and flushes the stream.

    Args:
        stream: the stream to write to.
        record: values of types that JSON has.
        pixels: uint8, of any shape; None for no pixels.
    """
    if pixels is None:
        data = b""
    else:
        assert pixels.dtype == np.uint8, f"{pixels.dtype} instead of uint8"
        record, data = {**record, "shape": pixels.shape}, pixels.tobytes()
    # In one piece, so that the reader is woken once.
    stream.write(json.dumps(record).encode() + b"\n" + data)
    stream.flush()


def read_record(stream: IO[bytes]) -> ViewRecord:
    """Returns the next record of a stream that `write_record` wrote to.

    Raises:
        EOFError: if the stream ends before the end of a record.
    """
    line = stream.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    record = json.loads(line)
    if "shape" not in record:
        return record, None
    pixels = np.empty(record.pop("shape"), np.uint8)
    if stream.readinto(pixels.data) < pixels.nbytes:  # type: ignore[attr-defined]
        raise EOFError
    return record, pixels


def error_text(error: DataError | MemoryError) -> str:
    """Returns why an image could not be read, for the error of its record."""
    return "too little memory" if isinstance(error, MemoryError) else str(error)


def _claimed(stream: Any, mode: str) -> IO[bytes]:
    """Returns a standard stream, and puts the null device in its place.

    So nothing that a library prints gets between the records.
    """
    claimed = os.fdopen(os.dup(stream.fileno()), mode)
    os.dup2(os.open(os.devnull, os.O_RDWR), stream.fileno())
    return claimed


def _exit_when_closed(jobs: IO[bytes]) -> None:
    """Ends this process, whatever it does, when the parent closes its end of `jobs`."""
    hang_up = select.poll()
    hang_up.register(jobs, 0)  # no events except the closing, which needs no flag

    def wait() -> None:
        hang_up.poll()
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def _read_jobs(stream: IO[bytes]) -> Iterator[JobInput]:
    with suppress(EOFError):
        while True:
            yield pickle.load(stream)


def _with_time_limit(
    records: Iterator[ViewRecord], seconds: float
) -> Iterator[ViewRecord]:
    """Yields records; ends this process if one takes too long."""
    while True:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        record = next(records, None)
        signal.setitimer(signal.ITIMER_REAL, 0)
        if record is None:
            return
        yield record


def _records(
    job: JobInput, see: ViewFunction, setup: DecoderSetup
) -> Iterator[ViewRecord]:
    """Yields the record of an image, or one for each frame; the last one is marked."""
    try:
        content = job if isinstance(job, bytes) else job()
        known = {"sha256": hashlib.sha256(content).hexdigest()}
        if setup.frames == "all":
            opened = open_image(content, setup.max_pixels)
            if is_animated(opened):
                for record, pixels in _frame_records(opened, see, setup.max_pixels):
                    yield known | record, pixels
                yield {"done": True}, None
                return
        record, pixels = _record(Picture(content, max_pixels=setup.max_pixels), see)
        yield {**known, **record, "done": True}, pixels
    except (DataError, MemoryError) as error:
        yield {"error": error_text(error), "done": True}, None


def _frame_records(
    opened: Image.Image, see: ViewFunction, max_pixels: int
) -> Iterator[ViewRecord]:
    for frame in count():
        try:
            if not seek(opened, frame, max_pixels):
                return
            if frame == MAX_FRAMES:
                raise DataError(f"over {MAX_FRAMES:,} frames, the limit")
        except DataError as error:
            yield {"frame": frame, "error": str(error)}, None
            return
        try:
            record, pixels = _record(Picture.of_frame(opened), see)
            yield {"frame": frame, **record}, pixels
        except (DataError, MemoryError) as error:
            yield {"frame": frame, "error": error_text(error)}, None
            if opened.format != "TIFF":  # frames build on one another; pages don't
                return


def _record(picture: Picture, see: ViewFunction) -> ViewRecord:
    return {"width": picture.width, "height": picture.height}, see(picture)
