"""The queue of decoding jobs, which readers, workers and the consumer share."""

from __future__ import annotations

import heapq
import threading
from collections import deque
from dataclasses import dataclass, field

from cnnxfer.data.decoding.child import Record
from cnnxfer.data.images.source import ImageSource

JOBS_PER_WORKER = 2  # so that a process has its next job when it finishes one
# Of encoded images that this process has read and that no worker has taken yet.
MAX_UNSENT_BYTES = 64 * 1024 * 1024


@dataclass(eq=False)
class Job:
    """An image to decode.

    Attributes:
        number: the position of the image among all images, from 0.
        source: the image.
        content: the encoded image, once it was read, if only this process can read it;
            otherwise None.
        reserved_bytes: how much memory is reserved for it while it is read.
        records: the records that wait for the consumer.
        frames: how many records of frames have been added.
        done: whether all records have been added.
    """

    number: int
    source: ImageSource
    content: bytes | None = None
    reserved_bytes: int = 0
    records: deque[Record] = field(default_factory=deque)
    frames: int = 0
    done: bool = False

    def __lt__(self, other: Job) -> bool:
        return self.number < other.number


class Jobs:
    """The jobs that the threads share: readers, workers, and the one consumer.

    Few records wait, however many frames a file has. While `ahead` records wait, a
    worker stops, unless the consumer waits for a record that cannot be decoded before
    the worker continues.

    A separate thread adds the images, so that those at hand are decoded while the next
    one is awaited. An image is in progress from the time that it is added until the
    consumer has all its records.

    Attributes:
        closed: whether all work has ended.
    """

    def __init__(self, ahead: int, max_bytes: int) -> None:
        """Starts without a job.

        Args:
            ahead: how many images may be in progress, and how many records may wait.
            max_bytes: no further image is added while images in progress take so much
                memory.
        """
        self.closed = False
        self._ahead = ahead
        self._max_bytes = max_bytes
        self._changed = threading.Condition()
        self._added = 0
        self._in_progress: deque[Job] = deque()
        self._in_progress_bytes = 0
        self._ended = False  # whether there are no more images
        self._end_error: BaseException | None = None  # what the images ended with
        self._unread: deque[Job] = deque()
        self._unsent_bytes = 0
        self._ready: list[Job] = []  # a heap
        self._held: list[deque[Job]] = []  # by each worker; it works on the first
        self._waiting_records = 0
        self._current = 0  # the number of the job whose records the consumer takes
        self._consumer_waits = False  # whether the consumer waits for a record
        self._failure: BaseException | None = None

    def wait_for_room(self) -> bool:
        """Waits until one more image may be added; returns False if all work ended."""
        with self._changed:
            self._changed.wait_for(lambda: self.closed or self._may_add())
            return not self.closed

    def add(self, source: ImageSource) -> None:
        """Adds an image after all others."""
        with self._changed:
            job = Job(self._added, source)
            self._added += 1
            self._in_progress.append(job)
            self._in_progress_bytes += source.size_bytes
            if source.here:
                self._unread.append(job)
            else:
                heapq.heappush(self._ready, job)
            self._changed.notify_all()

    def begin(self) -> None:
        """Begins a sequence of images; all of an earlier one have been removed."""
        with self._changed:
            self._ended, self._end_error = False, None

    def end(self, error: BaseException | None = None) -> None:
        """Ends the sequence of images.

        Args:
            error: the error that the images raised; None if there are no more.
        """
        with self._changed:
            self._ended, self._end_error = True, error
            self._changed.notify_all()

    def needs_reader(self, readers: int) -> bool:
        """Tells whether more images wait to be read here than there are readers."""
        with self._changed:
            return len(self._unread) > readers

    def needs_worker(self) -> bool:
        """Tells whether more jobs wait than there are idle workers."""
        with self._changed:
            return len(self._ready) + len(self._unread) > self._idle_workers()

    def next_job(self) -> Job | None:
        """Waits for the consumer's next job; returns None if there are no more.

        Raises:
            BaseException: what a thread failed with, or what the images ended with.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._in_progress or self._ended or self._failure
            )
            if self._failure:
                raise self._failure
            if self._in_progress:
                return self._in_progress[0]
            if self._end_error:
                raise self._end_error
            return None

    def remove(self, job: Job) -> None:
        """Removes a job of which the consumer has all records."""
        with self._changed:
            self._in_progress.remove(job)  # the first
            self._in_progress_bytes -= job.source.size_bytes
            self._changed.notify_all()

    def next_record(self, job: Job) -> Record | None:
        """Waits for the consumer's next record of a job; returns None after the last.

        Raises:
            BaseException: what a thread failed with.
        """
        with self._changed:
            self._current = job.number
            self._consumer_waits = not job.records
            self._changed.notify_all()
            self._changed.wait_for(lambda: job.records or job.done or self._failure)
            if self._failure:
                raise self._failure
            if not job.records:
                return None
            self._waiting_records -= 1
            self._changed.notify_all()
            return job.records.popleft()

    def next_unread(self) -> Job | None:
        """Waits for a reader's next job; returns None if all work ended."""
        with self._changed:
            self._changed.wait_for(lambda: self.closed or self._may_read())
            if self.closed:
                return None
            job = self._unread.popleft()
            job.reserved_bytes = job.source.size_bytes
            self._unsent_bytes += job.reserved_bytes
            return job

    def put_content(self, job: Job, content: bytes) -> None:
        """Adds the content of a job that was read, so that a worker can take it."""
        with self._changed:
            job.content = content
            self._release(job)
            self._make_ready(job)

    def add_worker(self) -> deque[Job]:
        """Adds a worker; returns the jobs that it holds, which `take` adds to."""
        with self._changed:
            self._held.append(deque())
            return self._held[-1]

    def remove_worker(self, held: deque[Job]) -> bool:
        """Removes a worker that holds no jobs; returns whether there are others."""
        with self._changed:
            self._held = [other for other in self._held if other is not held]
            return bool(self._held)

    def take(self, held: deque[Job]) -> list[Job]:
        """Waits until a worker may take or continue jobs; adds those that it takes.

        Args:
            held: the jobs that the worker holds, from `add_worker`.

        Returns:
            The jobs that were added to `held`: none if the worker should continue with
            those that it has, or all work ended.
        """
        new: list[Job] = []
        with self._changed:
            self._changed.wait_for(
                lambda: self.closed or self._may_take(held) or self._may_continue(held)
            )
            while self._may_take(held) and not self.closed:
                job = heapq.heappop(self._ready)
                self._unsent_bytes -= len(job.content or b"")
                held.append(job)
                new.append(job)
            self._changed.notify_all()
        return new

    def give_back(self, held: deque[Job]) -> None:
        """Returns a worker's jobs to the queue, except for the one that it works on."""
        with self._changed:
            while len(held) > 1:
                self._make_ready(held.pop())

    def put(self, job: Job, record: Record) -> None:
        """Adds a record of a job, for the consumer."""
        with self._changed:
            job.records.append(record)
            job.frames += "frame" in record[0]
            self._waiting_records += 1
            if job.number == self._current:
                self._consumer_waits = False
            self._changed.notify_all()

    def finish(self, job: Job) -> None:
        """Marks a job as done: it will have no more records."""
        with self._changed:
            job.done, job.content = True, None
            self._release(job)
            for held in self._held:
                if job in held:
                    held.remove(job)
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """Ends the work with an error that is not due to an image."""
        with self._changed:
            self._failure = self._failure or error
            self._changed.notify_all()

    def close(self) -> None:
        """Ends all work and wakes all threads that wait."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()

    def _make_ready(self, job: Job) -> None:
        self._unsent_bytes += len(job.content or b"")
        heapq.heappush(self._ready, job)
        self._changed.notify_all()

    def _release(self, job: Job) -> None:
        self._unsent_bytes -= job.reserved_bytes
        job.reserved_bytes = 0

    def _may_add(self) -> bool:
        return (
            len(self._in_progress) < self._ahead
            and self._in_progress_bytes < self._max_bytes
        )

    def _idle_workers(self) -> int:
        return sum(not held for held in self._held)

    def _has_room(self) -> bool:
        return self._waiting_records < self._ahead

    def _may_read(self) -> bool:
        if not self._unread:
            return False
        is_current = self._unread[0].number == self._current
        return is_current or self._unsent_bytes < MAX_UNSENT_BYTES

    def _may_take(self, held: deque[Job]) -> bool:
        if not self._ready or len(held) == JOBS_PER_WORKER:
            return False
        if not held:
            return True
        # Idle workers come first. And a busy process is not sent an encoded image: if
        # the process waits to write a record, the image would block the pipe.
        return (
            len(self._ready) > self._idle_workers() and self._ready[0].content is None
        )

    def _may_continue(self, held: deque[Job]) -> bool:
        if not held:
            return False
        return self._has_room() or (self._consumer_waits and self._blocks(held))

    def _blocks(self, held: deque[Job]) -> bool:
        """Tells whether the current job is held here, or waits for these jobs."""
        oldest = min(map(min, filter(None, self._held)))
        is_current = min([oldest, *self._ready[:1]]).number == self._current
        return is_current and oldest in held
