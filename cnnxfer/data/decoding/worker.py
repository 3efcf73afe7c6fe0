"""A decoder process as its parent sees it, and the thread that sends it jobs."""

import fcntl
import pickle
import signal
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress

from cnnxfer.child_process import last_line
from cnnxfer.data.decoding.child import (
    GO_ON,
    DecoderSetup,
    Record,
    read_record,
)
from cnnxfer.data.decoding.jobs import MAX_JOBS_PER_WORKER, Job, Jobs
from cnnxfer.data.decoding.launch import launch
from cnnxfer.data.images.memory import budget
from cnnxfer.errors import RunError, reason_of

# Room for a few records of the usual size, so that no thread wakes for part of one.
PIPE_BYTES = 512 * 1024
# A thread that has sent many jobs sleeps for so long, to wake for several records at
# once. Their process has enough to do meanwhile: a small image takes 0.2 ms.
PAUSE_SECONDS = 0.002


class DecoderProcess:
    """A process that runs `child.main`.

    It has pipes of its own: on a channel that processes share, one that is killed while
    it writes stops all others.
    """

    def __init__(self, setup: DecoderSetup) -> None:
        """Starts the process, without waiting until it is ready.

        Args:
            setup: what all jobs of the process have in common.

        Raises:
            RunError: if the process cannot be started.
        """
        self._time_limit_seconds = setup.time_limit_seconds
        try:
            launched = launch()
        except OSError as error:
            raise RunError(
                f"images are decoded in separate processes, and {sys.executable!r} "
                f"cannot be started: {reason_of(error)}. End other programs, or raise "
                "the limits that `ulimit -a` shows."
            ) from error
        self._process, self._stderr = launched.process, launched.errors
        assert self._process.stdin
        assert self._process.stdout
        self._jobs, self._records = self._process.stdin, self._process.stdout
        if hasattr(fcntl, "F_SETPIPE_SZ"):  # only on Linux
            with suppress(OSError):  # over the user's limit
                fcntl.fcntl(self._records, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self.send(setup)

    def send(self, *jobs: object) -> None:
        """Sends jobs to the process; the first that it is sent is its setup."""
        with suppress(OSError):  # it has ended, which `receive` will raise
            for job in jobs:
                pickle.dump(job, self._jobs, pickle.HIGHEST_PROTOCOL)
            self._jobs.flush()

    def receive(self) -> Record:
        """Waits for the next record of the process and returns it.

        The memory that a large image takes meanwhile is counted here.

        Raises:
            EOFError: if the process has ended instead.
            RuntimeError: if the process failed by a bug.
        """
        counted_bytes = 0
        try:
            record, pixels = read_record(self._records)
            # Without waiting for the consumer in between: it may wait for an image that
            # waits for this one's memory.
            while "needed_bytes" in record:
                budget.release(counted_bytes)
                counted_bytes = 0
                budget.wait(record["needed_bytes"])
                counted_bytes = record["needed_bytes"]
                self.send(GO_ON)
                record, pixels = read_record(self._records)
        finally:
            if counted_bytes:
                budget.release(counted_bytes)
        if "bug" in record:
            raise RuntimeError(f"a decoder process failed.\n{record['bug']}")
        return record, pixels

    def wait_for_start(self) -> None:
        """Waits until the process has imported all that it needs.

        Raises:
            RunError: if the process has ended instead.
        """
        try:
            self.receive()
        except EOFError as error:
            self._process.wait()
            last = last_line(self._stderr) or self.exit_reason()
            raise RunError(
                f"a process that decodes images could not start: {last}. See what "
                f"this says: {sys.executable} -c 'import cnnxfer.data.decoding.child'"
            ) from error

    def has_ended(self) -> bool:
        """Tells whether the process has ended."""
        return self._process.poll() is not None

    def was_killed(self) -> bool:
        """Tells whether the system has killed it, as it does where memory runs out."""
        return self._process.wait() == -signal.SIGKILL

    def exit_reason(self) -> str:
        """Waits until the process ends; returns why it did, as an image's error."""
        code = self._process.wait()
        if code == -signal.SIGALRM:
            return f"took over {self._time_limit_seconds:g} s to decode"
        try:
            return f"crashed the decoder ({signal.Signals(-code).name})"
        except ValueError:
            return f"crashed the decoder (exit code {code})"

    def kill(self) -> None:
        """Ends the process at once; any thread may call this."""
        self._process.kill()

    def close(self) -> None:
        """Ends the process and closes its streams."""
        self._process.kill()
        self._process.wait()
        for stream in (self._jobs, self._records, self._stderr):
            with suppress(OSError):  # what is still buffered cannot be written
                stream.close()


class Worker:
    """A thread that sends jobs to a decoder process, and replaces one that ended."""

    def __init__(
        self, jobs: Jobs, setup: DecoderSetup, process: DecoderProcess | None
    ) -> None:
        """Starts the thread.

        Args:
            jobs: the jobs to do.
            setup: the setup of the decoder processes.
            process: a decoder process to begin with; None to start one.
        """
        self._jobs = jobs
        self._setup = setup
        self._process = process
        self._held = jobs.add_worker()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def kill(self) -> None:
        """Ends the process at once; its thread ends, if the jobs were closed."""
        if self._process:
            self._process.kill()

    def stop(self) -> None:
        """Ends the thread and its process at once, after the jobs were closed."""
        self.kill()
        self._thread.join()

    def _run(self) -> None:
        try:
            try:
                process = self._started(self._process)
            except RunError:
                if self._jobs.remove_worker(self._held):
                    return  # other workers do the jobs
                raise
            while not self._jobs.closed:
                idle = not self._held
                new = self._jobs.take(self._held)
                if idle and new and process.has_ended():
                    process = self._started(None)
                self._send(new, process)
                if len(new) >= MAX_JOBS_PER_WORKER // 2:
                    time.sleep(PAUSE_SECONDS)
                if new or self._jobs.closed or self._receive(process):
                    continue
                if self._held:  # what had been sent to the process that ended
                    process = self._started(None)
                    self._send(self._held, process)
        except BaseException as error:
            self._jobs.fail(error)
        finally:
            if self._process:
                self._process.close()

    def _started(self, process: DecoderProcess | None) -> DecoderProcess:
        if process is None:
            if self._process:
                self._process.close()
            process = self._process = DecoderProcess(self._setup)
        if self._jobs.closed:  # `stop` may have been called before there was a process
            process.kill()
        process.wait_for_start()
        return process

    def _send(self, jobs: Iterable[Job], process: DecoderProcess) -> None:
        if jobs:
            process.send(
                *(
                    job.source.read if job.content is None else job.content
                    for job in jobs
                )
            )

    def _receive(self, process: DecoderProcess) -> bool:
        """Takes a record; returns whether the process goes on.

        If the process has ended, the job that it worked on gets an error.
        """
        job = self._held[0]
        try:
            record, pixels = process.receive()
        except EOFError:
            failure = {"error": process.exit_reason(), "passing": True}
            frame = {"frame": job.frames} if job.frames else {}
            self._jobs.put(job, (frame | failure, None))
            self._jobs.finish(job)
            return False
        if record:
            self._jobs.put(job, (record, pixels))
        if "frame" not in record:
            self._jobs.finish(job)
        return True
