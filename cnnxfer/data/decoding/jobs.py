"""The queue of decoding jobs, which readers, workers and the consumer share."""

import threading
from collections import deque
from dataclasses import dataclass, field

from cnnxfer.data.decoding.child import Record
from cnnxfer.data.images.source import ImageSource

JOBS_PER_WORKER = 2  # so that a process has its next job when it finishes one
# While there are many, jobs are sent by the handful: waking a thread takes as long as
# decoding a small image.
MAX_JOBS_PER_WORKER = 32
# Of encoded images that this process has read and that no worker has taken yet.
MAX_UNSENT_BYTES = 64 * 1024 * 1024


@dataclass(eq=False)
class Job:
    """An image to decode.

    Attributes:
        source: the image.
        content: the encoded image, once it was read, if only this process can read it;
            otherwise None.
        unsent_bytes: how much of `MAX_UNSENT_BYTES` it takes.
        records: the records that wait for the consumer.
        frames: how many records of frames have been added.
        done: whether all records have been added.
    """

    source: ImageSource
    content: bytes | None = None
    unsent_bytes: int = 0
    records: deque[Record] = field(default_factory=deque)
    frames: int = 0
    done: bool = False


class Jobs:
    """The jobs that the threads share: readers, workers, and the one consumer.

    Workers take the jobs in the order in which the consumer wants their records, so
    that it never waits for a job that waits for a worker. An image that only this
    process can read is taken once it was read, and those after it wait for that.

    Few records wait, however many frames a file has. While `ahead` records wait, a
    worker stops, unless the consumer waits for a record of its job.

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
        # One lock, and for each kind of thread what it waits for.
        self._lock = threading.RLock()
        self._room = threading.Condition(self._lock)
        self._records = threading.Condition(self._lock)
        self._reading = threading.Condition(self._lock)
        self._work = threading.Condition(self._lock)
        self._in_progress: deque[Job] = deque()  # the consumer takes from the first
        self._in_progress_bytes = 0
        self._ended = False  # whether there are no more images
        self._end_error: BaseException | None = None  # what the images ended with
        self._unread: deque[Job] = deque()  # to be read by this process
        self._untaken: deque[Job] = deque()  # by a worker
        self._unsent_bytes = 0
        self._held: list[deque[Job]] = []  # by each worker; it works on the first
        self._waiting_records = 0
        self._failure: BaseException | None = None

    def wait_for_room(self) -> bool:
        """Waits until one more image may be added; returns False if all work ended."""
        with self._lock:
            self._room.wait_for(lambda: self.closed or self._may_add())
            return not self.closed

    def add(self, source: ImageSource) -> None:
        """Adds an image after all others."""
        with self._lock:
            job = Job(source)
            self._in_progress.append(job)
            self._in_progress_bytes += source.size_bytes
            self._untaken.append(job)
            if source.here:
                self._unread.append(job)
                self._reading.notify_all()
            self._work.notify_all()

    def begin(self) -> None:
        """Begins a sequence of images; all of an earlier one have been removed."""
        with self._lock:
            self._ended, self._end_error = False, None

    def end(self, error: BaseException | None = None) -> None:
        """Ends the sequence of images.

        Args:
            error: the error that the images raised; None if there are no more.
        """
        with self._lock:
            self._ended, self._end_error = True, error
            self._records.notify_all()

    def needs_reader(self, readers: int) -> bool:
        """Tells whether more images wait to be read here than there are readers."""
        with self._lock:
            return len(self._unread) > readers

    def needs_worker(self) -> bool:
        """Tells whether more jobs wait than there are idle workers."""
        with self._lock:
            return len(self._untaken) > self._idle_workers()

    def next_record(self) -> tuple[ImageSource, Record] | None:
        """Waits for the consumer's next record; returns None after the last.

        Returns:
            The image, and its next record.

        Raises:
            BaseException: what a thread failed with, or what the images ended with.
        """
        with self._lock:
            while True:
                if self._failure:
                    raise self._failure
                job = self._in_progress[0] if self._in_progress else None
                if job and job.records:
                    record = job.records.popleft()
                    self._waiting_records -= 1
                    if job.done and not job.records:
                        self._remove_first()
                    self._work.notify_all()
                    return job.source, record
                if job and job.done:
                    self._remove_first()
                elif self._ended and not job:
                    if self._end_error:
                        raise self._end_error
                    return None
                else:
                    self._records.wait()

    def next_unread(self) -> Job | None:
        """Waits for a reader's next job; returns None if all work ended."""
        with self._lock:
            self._reading.wait_for(lambda: self.closed or self._may_read())
            if self.closed:
                return None
            job = self._unread.popleft()
            self._count_unsent(job, job.source.size_bytes)
            return job

    def put_content(self, job: Job, content: bytes) -> None:
        """Adds the content of a job that was read, so that a worker can take it."""
        with self._lock:
            job.content = content
            self._count_unsent(job, len(content))
            self._reading.notify_all()
            self._work.notify_all()

    def add_worker(self) -> deque[Job]:
        """Adds a worker; returns the jobs that it holds, which `take` adds to."""
        with self._lock:
            self._held.append(deque())
            return self._held[-1]

    def remove_worker(self, held: deque[Job]) -> bool:
        """Removes a worker that holds no jobs; returns whether there are others."""
        with self._lock:
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
        with self._lock:
            self._work.wait_for(
                lambda: self.closed or self._may_continue(held) or self._may_take(held)
            )
            # By the handful: not before half of what it held is done.
            if not held or len(held) <= self._most_held() // 2:
                while self._may_take(held) and not self.closed:
                    job = self._untaken.popleft()
                    self._count_unsent(job, 0)
                    held.append(job)
                    new.append(job)
                self._reading.notify_all()
        return new

    def put(self, job: Job, record: Record) -> None:
        """Adds a record of a job, for the consumer."""
        with self._lock:
            job.records.append(record)
            job.frames += "frame" in record[0]
            self._waiting_records += 1
            self._wake_consumer(job)

    def finish(self, job: Job) -> None:
        """Marks a job as done: it will have no more records."""
        with self._lock:
            job.done, job.content = True, None
            self._count_unsent(job, 0)
            for jobs in (*self._held, self._untaken):
                if job in jobs:
                    jobs.remove(job)
                    break
            self._wake_consumer(job)
            self._reading.notify_all()
            self._work.notify_all()

    def fail(self, error: BaseException) -> None:
        """Ends the work with an error that is not due to an image."""
        with self._lock:
            self._failure = self._failure or error
            self._records.notify_all()

    def close(self) -> None:
        """Ends all work and wakes all threads that wait."""
        with self._lock:
            self.closed = True
            for waiting in (self._room, self._records, self._reading, self._work):
                waiting.notify_all()

    def _wake_consumer(self, job: Job) -> None:
        if job is self._in_progress[0]:
            self._records.notify_all()

    def _remove_first(self) -> None:
        """Removes the consumer's first job, of which it has all records."""
        job = self._in_progress.popleft()
        self._in_progress_bytes -= job.source.size_bytes
        # Many at a time, since each waking takes time.
        if len(self._in_progress) <= self._ahead // 2:
            self._room.notify_all()
        self._reading.notify_all()
        self._work.notify_all()

    def _most_held(self) -> int:
        """Returns how many jobs a worker may hold, so that all of them have some."""
        share = len(self._untaken) // (2 * len(self._held))
        return max(JOBS_PER_WORKER, min(MAX_JOBS_PER_WORKER, share))

    def _count_unsent(self, job: Job, size_bytes: int) -> None:
        self._unsent_bytes += size_bytes - job.unsent_bytes
        job.unsent_bytes = size_bytes

    def _idle_workers(self) -> int:
        return sum(not held for held in self._held)

    def _may_add(self) -> bool:
        return (
            len(self._in_progress) < self._ahead
            and self._in_progress_bytes < self._max_bytes
        )

    def _may_read(self) -> bool:
        if not self._unread:
            return False
        is_awaited = self._unread[0] is self._in_progress[0]
        return is_awaited or self._unsent_bytes < MAX_UNSENT_BYTES

    def _may_take(self, held: deque[Job]) -> bool:
        if not self._untaken or len(held) >= self._most_held():
            return False
        job = self._untaken[0]
        if not held:
            return not job.source.here or job.content is not None
        # Idle workers come first. And a busy process is not sent an encoded image: if
        # the process waits to write a record, the image would block the pipe.
        return len(self._untaken) > self._idle_workers() and not job.source.here

    def _may_continue(self, held: deque[Job]) -> bool:
        if not held:
            return False
        is_awaited = held[0] is self._in_progress[0] and not held[0].records
        return is_awaited or self._waiting_records < self._ahead
