"""The process that reads, decodes and looks at images for another; see `pool`.

It takes jobs from its standard input and writes records to its standard output. Jobs
are pickled, for who asks is trusted. Records are not, since an image may have taken
over this process: each is a line of JSON, with bare pixels behind it.
"""

from __future__ import annotations

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

See = Callable[[Picture], np.ndarray]
# What a job is here: the encoded image, or what reads it.
Order = bytes | Callable[[], bytes]
Record = tuple[dict[str, Any], np.ndarray | None]

MAX_FRAMES = 1000  # of one file


@dataclass(frozen=True)
class Setup:
    """What holds for all jobs.

    Attributes:
        see: the function, pickled, that returns what is looked at of a picture.
        frames: "first" or "all".
        max_pixels: the most that a picture may have.
        time_limit: seconds that a picture, or a frame, may take.
    """

    see: bytes
    frames: str
    max_pixels: int
    time_limit: float


def main() -> None:
    """Works until nobody is at the other end of its standard input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who asks
    with _taken_over(sys.stdin, "rb") as jobs, _taken_over(sys.stdout, "wb") as records:
        _end_with(jobs)
        try:
            setup: Setup = pickle.load(jobs)
            see: See = pickle.loads(setup.see)
            write_record(records, {"ready": True})
            # Libraries in C complain of images there.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
            for job in _received(jobs):
                for record in _limited(_records(job, see, setup), setup.time_limit):
                    write_record(records, *record)
        except MemoryError:  # even for a job, or for its record: it costs that image
            sys.exit("too little memory")
        except BaseException:
            write_record(records, {"bug": traceback.format_exc()})


def write_record(
    stream: IO[bytes], record: dict[str, Any], pixels: np.ndarray | None = None
) -> None:
    """Writes a record, which `read_record` reads, and flushes.

    Args:
        stream: to write to.
        record: what JSON can hold.
        pixels: uint8, of any shape.
    """
    if pixels is None:
        data = b""
    else:
        assert pixels.dtype == np.uint8, f"{pixels.dtype} instead of uint8"
        record, data = {**record, "shape": pixels.shape}, pixels.tobytes()
    # In one piece, so that who reads is woken once.
    stream.write(json.dumps(record).encode() + b"\n" + data)
    stream.flush()


def read_record(stream: IO[bytes]) -> Record:
    """Reads what `write_record` wrote.

    Raises:
        EOFError: if the stream ended before.
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


def reason_why(error: DataError | MemoryError) -> str:
    """Returns why an image is not read, as its record says it."""
    return "too little memory" if isinstance(error, MemoryError) else str(error)


def _taken_over(stream: Any, mode: str) -> IO[bytes]:
    """Returns a standard stream, and leaves nothing in its place.

    So nothing that is printed by chance gets between the records.
    """
    kept = os.fdopen(os.dup(stream.fileno()), mode)
    os.dup2(os.open(os.devnull, os.O_RDWR), stream.fileno())
    return kept


def _end_with(jobs: IO[bytes]) -> None:
    """Ends the process, whatever it does, when nobody is there to give more jobs."""
    end = select.poll()
    end.register(jobs, 0)  # not what comes in, only that nothing can any more

    def wait() -> None:
        end.poll()
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def _received(jobs: IO[bytes]) -> Iterator[Order]:
    with suppress(EOFError):
        while True:
            yield pickle.load(jobs)


def _limited(records: Iterator[Record], seconds: float) -> Iterator[Record]:
    """Yields records; ends the process when one takes too long, whatever it does."""
    while True:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        record = next(records, None)
        signal.setitimer(signal.ITIMER_REAL, 0)
        if record is None:
            return
        yield record


def _records(job: Order, see: See, setup: Setup) -> Iterator[Record]:
    """Yields the record of an image, or one for each frame; the last one says so."""
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
        record, pixels = _seen(Picture(content, max_pixels=setup.max_pixels), see)
        yield {**known, **record, "done": True}, pixels
    except (DataError, MemoryError) as error:
        yield {"error": reason_why(error), "done": True}, None


def _frame_records(opened: Image.Image, see: See, max_pixels: int) -> Iterator[Record]:
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
            record, pixels = _seen(Picture.of_frame(opened), see)
            yield {"frame": frame, **record}, pixels
        except (DataError, MemoryError) as error:
            yield {"frame": frame, "error": reason_why(error)}, None
            if opened.format != "TIFF":  # frames build on one another; pages don't
                return


def _seen(picture: Picture, see: See) -> Record:
    return {"width": picture.width, "height": picture.height}, see(picture)
