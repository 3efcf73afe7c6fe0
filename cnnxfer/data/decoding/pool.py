"""Decodes images on all cores, in processes that a broken image may crash."""

import pickle
import threading
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cnnxfer.data.decoding.child import DecoderSetup, Reader, failure
from cnnxfer.data.decoding.jobs import Jobs
from cnnxfer.data.decoding.worker import DecoderProcess, Worker
from cnnxfer.data.images.source import ImageSource
from cnnxfer.errors import DataError, RunError
from cnnxfer.hardware.cores import usable_cores

TIME_LIMIT_SECONDS = 60.0  # for an image, or for a frame
WORKERS = usable_cores()
# Of encoded images that are held in this process's memory.
BYTES_PER_WORKER = 16 * 1024 * 1024
READERS = 8  # threads for images that only this process can read


@dataclass(frozen=True)
class DecodedImage:
    """The result of decoding an image, or one frame of it.

    Attributes:
        source: the image.
        frame: the number of the frame, from 0, if all frames were requested and the
            file has several; otherwise None.
        width: the width of the upright image, in pixels; 0 if it could not be read.
        height: the height of the upright image, in pixels; 0 if it could not be read.
        pixels: what the reader saw, uint8; None if it sees none, or the image could not
            be read.
        error: why the image could not be read; None if it could.
        passing: whether that reason may not lie in the image: memory, time, a refusal
            of the system, a missing library. So it may be read the next time.
        sha256: the SHA-256 of the encoded image, in hexadecimal; may be empty if it
            could not be read.
        facts: what else the reader tells: values of types that JSON has, by name.
    """

    source: ImageSource
    frame: int | None = None
    width: int = 0
    height: int = 0
    pixels: np.ndarray | None = None
    error: str | None = None
    passing: bool = False
    sha256: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


class Decoders:
    """Processes that decode one sequence of images after another, until closed.

    They run on all cores. An image that crashes its decoder, or takes over a minute,
    yields a result with an `error`, as any unreadable image does.
    """

    def __init__(
        self,
        reader: Reader,
        *,
        ahead: int = 128,
        processes: int | None = None,
    ) -> None:
        """Starts the first process, so that it is ready for the first image.

        Args:
            reader: yields the records of an encoded image, whose values are those of
                `DecodedImage`. It is pickled, so it must be importable.
            ahead: how many images may be in progress, and how many results may wait.
            processes: the most processes; None for one on each core.

        Raises:
            RunError: if it cannot be started.
        """
        self._setup = DecoderSetup(pickle.dumps(reader), TIME_LIMIT_SECONDS)
        self._processes = min(WORKERS, processes or WORKERS)
        self._jobs = Jobs(ahead, WORKERS * BYTES_PER_WORKER)
        self._workers: list[Worker] = []
        self._readers = 0
        self._first: DecoderProcess | None = DecoderProcess(self._setup)
        # While it is held, a worker may start, and will be stopped at the end.
        self._starting = threading.Lock()

    @property
    def closed(self) -> bool:
        """Whether all processes have ended."""
        return self._jobs.closed

    def decode(
        self, sources: Iterable[ImageSource]
    ) -> Generator[DecodedImage, None, None]:
        """Reads and decodes images; only one thread may do so at a time.

        If the consumer stops early (an exception, Ctrl-C), or an error is raised, this
        is `closed` afterwards.

        Args:
            sources: the images. Another thread takes them, at most `ahead` images
                before the one that is yielded. An error that they raise is raised in
                its place.

        Yields:
            The results, in the order of `sources` and of the frames.

        Raises:
            RunError: if no process can be started.
        """
        try:
            if not self._workers:
                self._start_worker()
            self._jobs.begin()
            taker = threading.Thread(
                target=self._take, args=[iter(sources)], daemon=True
            )
            taker.start()
            while found := self._jobs.next_record():
                source, (record, pixels) = found
                yield DecodedImage(source, pixels=pixels, **record)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Ends all processes and threads at once; any thread may call this."""
        self._jobs.fail(RunError("the decoders were closed."))
        with self._starting:
            self._jobs.close()
        for worker in self._workers:
            worker.kill()  # all of them, since one may wait for another's memory
        for worker in self._workers:
            worker.stop()

    def _take(self, sources: Iterator[ImageSource]) -> None:
        """Takes the images as they come, in a thread, since taking one may wait."""
        try:
            while self._jobs.wait_for_room() and (source := next(sources, None)):
                self._add(source)
            self._jobs.end()
        except BaseException as error:
            self._jobs.end(error)

    def _add(self, source: ImageSource) -> None:
        self._jobs.add(source)
        if len(self._workers) < self._processes and self._jobs.needs_worker():
            self._start_worker()
        may_read = source.here and self._readers < READERS
        if may_read and self._jobs.needs_reader(self._readers):
            self._readers += 1
            threading.Thread(target=_read, args=[self._jobs], daemon=True).start()

    def _start_worker(self) -> None:
        with self._starting:
            if not self._jobs.closed:
                self._workers.append(Worker(self._jobs, self._setup, self._first))
                self._first = None


def _read(jobs: Jobs) -> None:
    """Reads images that only this process can read, until the jobs are closed."""
    try:
        while job := jobs.next_unread():
            try:
                jobs.put_content(job, job.source.read())
            except (DataError, MemoryError) as error:
                jobs.put(job, (failure(error), None))
                jobs.finish(job)
    except BaseException as error:
        jobs.fail(error)
