"""Images decoded by other processes: what breaks a decoder costs one image."""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from cnnxfer.data.dataset import MAX_PIXELS
from cnnxfer.data.decoding.child import See, Setup, reason_why
from cnnxfer.data.decoding.jobs import Jobs
from cnnxfer.data.decoding.worker import DecoderProcess, Worker
from cnnxfer.data.images.source import ImageSource
from cnnxfer.errors import DataError

FRAMES = ("first", "all")
TIME_LIMIT = 60.0  # seconds for a picture, or for a frame
# As many as the cores that this process may use; only some systems tell.
WORKERS = (
    len(os.sched_getaffinity(0))
    if hasattr(os, "sched_getaffinity")
    else os.cpu_count() or 1
)
BYTES_EACH = 16 * 1024 * 1024  # of sources that take memory, under way for a worker
READERS = 8  # of sources that only this process can read


@dataclass(frozen=True)
class Decoded:
    """What became of an image, or of a frame of it.

    Attributes:
        source: the image.
        frame: number of the frame, from 0, of a file with several when all are asked
            for; else None.
        width: of the upright picture, in pixels; 0 if it could not be read.
        height: the same.
        pixels: what `see` returned, uint8; None if it could not be read.
        error: why it could not be read; None if it could.
        sha256: of the encoded image, in hexadecimal; may be empty if it could not be
            read.
    """

    source: ImageSource
    frame: int | None = None
    width: int = 0
    height: int = 0
    pixels: np.ndarray | None = None
    error: str | None = None
    sha256: str = ""


def decode_all(
    sources: Iterable[ImageSource],
    see: See,
    *,
    frames: str = "first",
    max_pixels: int = MAX_PIXELS,
    ahead: int = 128,
) -> Generator[Decoded, None, None]:
    """Reads, decodes and sees images in processes of their own, on all cores.

    An image that crashes its decoder, or takes over a minute, is a record as any other
    that cannot be read. The first process is started by the call itself, so that it is
    ready when the first image is asked for. A consumer that stops early (an exception,
    Ctrl-C) ends all of them at once.

    Args:
        sources: images, taken by another thread, at most `ahead` further than what
            was yielded; an error of theirs is raised in its place.
        see: what is looked at of a picture: returns uint8 of any shape, or raises
            DataError. It is pickled, so it must be importable.
        frames: "first", or "all" of GIF, WebP, TIFF, AVIF and PNG, up to 1,000 a file.
        max_pixels: the most that a picture may have.
        ahead: how many images may be under way, and how many records may wait.

    Yields:
        Records in the order of `sources`, and of frames.

    Raises:
        RunError: if no process can be started.
    """
    assert frames in FRAMES, frames
    setup = Setup(pickle.dumps(see), frames, max_pixels, TIME_LIMIT)
    return _Decoders(setup, ahead).decode(iter(sources), DecoderProcess(setup))


class _Decoders:
    """The threads at work: readers and workers, as many as there is work for."""

    def __init__(self, setup: Setup, ahead: int) -> None:
        self._setup = setup
        self._jobs = Jobs(ahead, WORKERS * BYTES_EACH)
        self._workers: list[Worker] = []
        self._readers = 0
        self._starting = threading.Lock()  # of workers, which are ended all

    def decode(
        self, sources: Iterator[ImageSource], first: DecoderProcess
    ) -> Generator[Decoded, None, None]:
        try:
            self._start_worker(first)
            threading.Thread(target=self._take, args=[sources], daemon=True).start()
            while job := self._jobs.next_job():
                while found := self._jobs.next_record(job):
                    record, pixels = found
                    yield Decoded(job.source, pixels=pixels, **record)
                self._jobs.leave(job)
        finally:
            with self._starting:
                self._jobs.close()
            for worker in self._workers:
                worker.stop()

    def _take(self, sources: Iterator[ImageSource]) -> None:
        """Takes the images as they come; where they come from may keep one waiting."""
        try:
            while self._jobs.wait_for_room() and (source := next(sources, None)):
                self._add(source)
            self._jobs.end()
        except BaseException as error:
            self._jobs.end(error)

    def _add(self, source: ImageSource) -> None:
        self._jobs.add(source)
        if len(self._workers) < WORKERS and self._jobs.lack_workers():
            self._start_worker(None)
        if self._readers < READERS and self._jobs.lack_readers(self._readers):
            self._readers += 1
            threading.Thread(target=_read, args=[self._jobs], daemon=True).start()

    def _start_worker(self, process: DecoderProcess | None) -> None:
        with self._starting:
            if not self._jobs.closed:
                self._workers.append(Worker(self._jobs, self._setup, process))


def _read(jobs: Jobs) -> None:
    """Reads what only this process can read, until the jobs are closed."""
    try:
        while job := jobs.next_unread():
            try:
                jobs.put_content(job, job.source.read())
            except (DataError, MemoryError) as error:
                jobs.put(job, ({"error": reason_why(error)}, None))
                jobs.finish(job)
    except BaseException as error:
        jobs.fail(error)
