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
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from cnnxfer.child_process import be_the_first_to_be_killed
from cnnxfer.data.images.decode import LITTLE
from cnnxfer.data.images.memory import use_budget
from cnnxfer.errors import DataError, PassingError

# What is sent for a job: the encoded image, or a function that reads it.
JobInput = bytes | Callable[[], bytes]
# Values of types that JSON has, and pixels. Each record of an image but the last one
# has a "frame"; a record without any value ends an image of several frames.
Record = tuple[dict[str, Any], np.ndarray | None]
# Yields the records of an encoded image.
Reader = Callable[[bytes], Iterator[Record]]

# What the parent answers to "needed_bytes", among the jobs.
GO_ON = "go on"


@dataclass(frozen=True)
class DecoderSetup:
    """What all jobs of a decoder process have in common.

    Attributes:
        reader: the pickled function that yields the records of an encoded image.
        time_limit_seconds: how long an image, or a frame, may take.
    """

    reader: bytes
    time_limit_seconds: float


def main() -> None:
    """Decodes images until the parent closes this process's standard input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    be_the_first_to_be_killed()
    with claimed(sys.stdin, "rb") as stream, claimed(sys.stdout, "wb") as records:
        exit_when_closed(stream)
        try:
            setup: DecoderSetup = pickle.load(stream)
            reader: Reader = pickle.loads(setup.reader)
            write_record(records, {"ready": True})
            # C libraries write warnings about images to standard error.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
            jobs = _Jobs(stream)
            use_budget(_ParentsBudget(jobs, records))
            for job in jobs:
                results = _records(job, reader)
                for record in _with_time_limit(results, setup.time_limit_seconds):
                    write_record(records, *record)
        except MemoryError:  # while a job is read or a record written
            sys.exit(LITTLE)
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


def read_record(stream: IO[bytes]) -> Record:
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


def failure(error: DataError | MemoryError) -> dict[str, Any]:
    """Returns the record of an image, or of a frame, that could not be read."""
    if isinstance(error, MemoryError):
        return {"error": LITTLE, "passing": True}
    return {"error": str(error), "passing": isinstance(error, PassingError)}


class _Jobs(Iterator[JobInput]):
    """The jobs that the parent sends, and its permissions among them."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._waiting: deque[JobInput] = deque()

    def __next__(self) -> JobInput:
        if self._waiting:
            return self._waiting.popleft()
        try:
            job: JobInput = pickle.load(self._stream)
        except EOFError:
            raise StopIteration from None
        return job

    def wait_for_permission(self) -> None:
        while (sent := pickle.load(self._stream)) != GO_ON:
            self._waiting.append(sent)


class _ParentsBudget:
    """Counts large images in the parent's budget, until their next record."""

    def __init__(self, jobs: _Jobs, records: IO[bytes]) -> None:
        self._jobs = jobs
        self._records = records

    def wait(self, size_bytes: int) -> None:
        """Waits for the parent; the time doesn't count towards the time limit."""
        left_seconds, _ = signal.setitimer(signal.ITIMER_REAL, 0)
        write_record(self._records, {"needed_bytes": size_bytes})
        self._jobs.wait_for_permission()
        signal.setitimer(signal.ITIMER_REAL, left_seconds)

    def release(self, size_bytes: int) -> None:
        """Does nothing: what was decoded is kept until the record has been sent."""


def claimed(stream: Any, mode: str) -> IO[bytes]:
    """Returns a standard stream, and puts the null device in its place.

    So nothing that a library prints gets between the records.
    """
    own = os.fdopen(os.dup(stream.fileno()), mode)
    os.dup2(os.open(os.devnull, os.O_RDWR), stream.fileno())
    return own


def exit_when_closed(jobs: IO[bytes]) -> None:
    """Ends this process, whatever it does, when the parent closes its end of `jobs`."""
    hang_up = select.poll()
    hang_up.register(jobs, 0)  # no events except the closing, which needs no flag

    def wait() -> None:
        hang_up.poll()
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def _with_time_limit(records: Iterator[Record], seconds: float) -> Iterator[Record]:
    """Yields records; ends this process if one takes too long."""
    while True:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        record = next(records, None)
        signal.setitimer(signal.ITIMER_REAL, 0)
        if record is None:
            return
        yield record


def _records(job: JobInput, reader: Reader) -> Iterator[Record]:
    """Yields the records of an image, with its SHA-256 once that is known."""
    known: dict[str, Any] = {}
    try:
        content = job if isinstance(job, bytes) else job()
        known = {"sha256": hashlib.sha256(content).hexdigest()}
        for record, pixels in reader(content):
            yield known | record if record else record, pixels
    except (DataError, MemoryError) as error:
        yield known | failure(error), None
