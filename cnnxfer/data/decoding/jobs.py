"""The jobs of decoder processes: who does which, and what of them waits."""

from __future__ import annotations

import heapq
import threading
from collections import deque
from dataclasses import dataclass, field

from cnnxfer.data.decoding.child import Record
from cnnxfer.data.images.source import ImageSource

JOBS_EACH = 2  # a worker is given its next job before it asks for it
# Of encoded images that were read here, and that no worker has yet.
MAX_UNSENT_BYTES = 64 * 1024 * 1024


@dataclass(eq=False)
class Job:
    """An image to decode.

    Attributes:
        number: of its place in the order of all.
        source: the image.
        content: once it was read, of a source that only this process can read.
        reserved_bytes: how much memory is kept for it while it is read.
        records: those that wait for the consumer.
        frames: how many records of frames there have been.
        done: whether there will be no more records.
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
    """What the threads share: of readers, of workers, and of the one consumer.

    However many records a file has, few wait. While `ahead` of them do, a worker stops,
    unless it is in the way of the one that the consumer waits for.

    Images are taken by a thread of its own, so that those at hand are done while the
    next is waited for. An image is under way from the time that it is taken until the
    consumer has all its records.

    Attributes:
        closed: whether all is over.
    """

    def __init__(self, ahead: int, most_bytes: int) -> None:
        """Begins without a job.

        Args:
            ahead: how many images may be under way, and how many records may wait.
            most_bytes: of sources that take memory, no more than one over that is
                under way.
        """
        self.closed = False
        self._ahead = ahead
        self._most_bytes = most_bytes
        self._changed = threading.Condition()
        self._added = 0
        self._under_way: deque[Job] = deque()
        self._under_way_bytes = 0
        self._ended = False  # whether there are no more images
        self._end: BaseException | None = None  # what they ended with
        self._unread: deque[Job] = deque()
        self._unsent_bytes = 0
        self._ready: list[Job] = []  # a heap
        self._held: list[deque[Job]] = []  # by each worker; it is at the first
        self._waiting = 0  # records
        self._wanted = 0  # number of the job that the consumer is at
        self._starving = False  # whether it waits for a record
        self._failure: BaseException | None = None

    def wait_for_room(self) -> bool:
        """Waits until one more image may be taken; returns False if all is over."""
        with self._changed:
            self._changed.wait_for(lambda: self.closed or self._may_add())
            return not self.closed

    def add(self, source: ImageSource) -> None:
        """Adds an image behind all others."""
        with self._changed:
            job = Job(self._added, source)
            self._added += 1
            self._under_way.append(job)
            self._under_way_bytes += source.size_bytes
            if source.here:
                self._unread.append(job)
            else:
                heapq.heappush(self._ready, job)
            self._changed.notify_all()

    def end(self, error: BaseException | None = None) -> None:
        """Says that there are no more images, and what has gone wrong with them."""
        with self._changed:
            self._ended, self._end = True, error
            self._changed.notify_all()

    def lack_readers(self, readers: int) -> bool:
        """Tells whether more jobs are to be read here than there are readers."""
        with self._changed:
            return len(self._unread) > readers

    def lack_workers(self) -> bool:
        """Tells whether there is more to do than there are workers who hold nothing."""
        with self._changed:
            return len(self._ready) + len(self._unread) > self._free()

    def next_job(self) -> Job | None:
        """Returns the consumer's next job, in its time; None if there are no more.

        Raises:
            BaseException: what a thread failed with, or what the images ended with.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._under_way or self._ended or self._failure
            )
            if self._failure:
                raise self._failure
            if self._under_way:
                return self._under_way[0]
            if self._end:
                raise self._end
            return None

    def leave(self, job: Job) -> None:
        """Says that the consumer has all records of a job."""
        with self._changed:
            self._under_way.remove(job)  # the first
            self._under_way_bytes -= job.source.size_bytes
            self._changed.notify_all()

    def next_record(self, job: Job) -> Record | None:
        """Returns the consumer's next record of a job, in its time; None if done.

        Raises:
            BaseException: what a thread failed with.
        """
        with self._changed:
            self._wanted = job.number
            self._starving = not job.records
            self._changed.notify_all()
            self._changed.wait_for(lambda: job.records or job.done or self._failure)
            if self._failure:
                raise self._failure
            if not job.records:
                return None
            self._waiting -= 1
            self._changed.notify_all()
            return job.records.popleft()

    def next_unread(self) -> Job | None:
        """Returns a reader's next job, in its time; None if all is over."""
        with self._changed:
            self._changed.wait_for(lambda: self.closed or self._may_read())
            if self.closed:
                return None
            job = self._unread.popleft()
            job.reserved_bytes = job.source.size_bytes
            self._unsent_bytes += job.reserved_bytes
            return job

    def put_content(self, job: Job, content: bytes) -> None:
        """Gives a job that was read to the workers."""
        with self._changed:
            job.content = content
            self._release(job)
            self._make_ready(job)

    def enter(self) -> deque[Job]:
        """Returns the jobs that a new worker holds: none, and all that it takes."""
        with self._changed:
            self._held.append(deque())
            return self._held[-1]

    def quit(self, held: deque[Job]) -> bool:
        """Takes out a worker that holds none; returns whether there are others."""
        with self._changed:
            self._held = [other for other in self._held if other is not held]
            return bool(self._held)

    def take(self, held: deque[Job]) -> list[Job]:
        """Adds a worker's next jobs to those that it holds, in their time.

        Returns:
            What was added: nothing if it should go on with what it has, or all is over.
        """
        new: list[Job] = []
        with self._changed:
            self._changed.wait_for(
                lambda: self.closed or self._may_take(held) or self._may_go_on(held)
            )
            while self._may_take(held) and not self.closed:
                job = heapq.heappop(self._ready)
                self._unsent_bytes -= len(job.content or b"")
                held.append(job)
                new.append(job)
            self._changed.notify_all()
        return new

    def give_back(self, held: deque[Job]) -> None:
        """Leaves what a worker holds to others, except for the job that it is at."""
        with self._changed:
            while len(held) > 1:
                self._make_ready(held.pop())

    def put(self, job: Job, record: Record) -> None:
        """Adds a record for the consumer."""
        with self._changed:
            job.records.append(record)
            job.frames += "frame" in record[0]
            self._waiting += 1
            if job.number == self._wanted:
                self._starving = False
            self._changed.notify_all()

    def finish(self, job: Job) -> None:
        """Says that there will be no more records."""
        with self._changed:
            job.done, job.content = True, None
            self._release(job)
            for held in self._held:
                if job in held:
                    held.remove(job)
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """Ends the work with an error that is not an image's."""
        with self._changed:
            self._failure = self._failure or error
            self._changed.notify_all()

    def close(self) -> None:
        """Ends the work: nobody waits any longer."""
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
            len(self._under_way) < self._ahead
            and self._under_way_bytes < self._most_bytes
        )

    def _free(self) -> int:
        return sum(not held for held in self._held)

    def _has_room(self) -> bool:
        return self._waiting < self._ahead

    def _may_read(self) -> bool:
        if not self._unread:
            return False
        wanted = self._unread[0].number == self._wanted
        return wanted or self._unsent_bytes < MAX_UNSENT_BYTES

    def _may_take(self, held: deque[Job]) -> bool:
        if not self._ready or len(held) == JOBS_EACH:
            return False
        if not held:
            return True
        # Who holds none comes first. And a process that is at work takes no more than
        # the pipe holds: while it cannot write a record, an image would not go in.
        return len(self._ready) > self._free() and self._ready[0].content is None

    def _may_go_on(self, held: deque[Job]) -> bool:
        if not held:
            return False
        return self._has_room() or (self._starving and self._is_in_the_way(held))

    def _is_in_the_way(self, held: deque[Job]) -> bool:
        """Tells whether the wanted job is held, or can't be while these jobs are."""
        oldest = min(map(min, filter(None, self._held)))
        wanted = min([oldest, *self._ready[:1]]).number == self._wanted
        return wanted and oldest in held
