"""A decoder process, for the one who asks, and the thread that talks to it."""

from __future__ import annotations

import fcntl
import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress

from cnnxfer.data.decoding.child import Record, Setup, read_record
from cnnxfer.data.decoding.jobs import Jobs
from cnnxfer.errors import RunError, reason_of

# It finds its modules where this process finds them.
START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from cnnxfer.data.decoding.child import main; main()"
)
# There is a worker a core; libraries of linear algebra would start as many threads.
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("MKL", "OMP", "OPENBLAS")}
# Room for a few records of the usual size, so that nobody is woken for a part of one.
PIPE_BYTES = 512 * 1024


class DecoderProcess:
    """A process that runs `child.main`.

    By `subprocess`: `multiprocessing` would import the user's script again, or fork a
    process in which TensorFlow or OpenVINO have threads.
    """

    def __init__(self, setup: Setup) -> None:
        """Starts it, without waiting for it.

        Raises:
            RunError: if it cannot be started.
        """
        self._time_limit = setup.time_limit
        try:
            self._stderr = tempfile.TemporaryFile()  # noqa: SIM115
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", START, json.dumps(_search_path())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                env=os.environ | ONE_THREAD,
                process_group=0,  # Ctrl-C and Ctrl-Z are for the one who asks
            )
        except OSError as error:
            raise RunError(
                f"images are decoded by processes of their own, and {sys.executable!r} "
                f"cannot be started: {reason_of(error)}. End "
                "other programs, or raise the limits that `ulimit -a` shows."
            ) from error
        assert self._process.stdin
        assert self._process.stdout
        self._jobs, self._records = self._process.stdin, self._process.stdout
        if hasattr(fcntl, "F_SETPIPE_SZ"):  # of Linux
            with suppress(OSError):  # there is a limit for each user
                fcntl.fcntl(self._records, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self.give(setup)

    def give(self, job: object) -> None:
        """Gives it a job, or its setup before all jobs."""
        with suppress(OSError):  # it has ended, and `hear` will tell
            pickle.dump(job, self._jobs, pickle.HIGHEST_PROTOCOL)
            self._jobs.flush()

    def hear(self) -> Record:
        """Returns its next record, once it is there.

        Raises:
            EOFError: if it has ended instead.
        """
        record = read_record(self._records)
        if "bug" in record[0]:
            raise RuntimeError(f"a decoder process failed.\n{record[0]['bug']}")
        return record

    def wait_for_start(self) -> None:
        """Waits until it has imported all that it needs.

        Raises:
            RunError: if it has ended instead.
        """
        try:
            self.hear()
        except EOFError as error:
            self._process.wait()
            self._stderr.seek(0)
            said = self._stderr.read().decode(errors="replace").split("\n")
            last = next(filter(None, reversed(said)), self.fate())
            raise RunError(
                f"a process that decodes images could not start: {last}. See what "
                f"this says: {sys.executable} -c 'import cnnxfer.data.decoding.child'"
            ) from error

    def has_ended(self) -> bool:
        """Tells whether it is no more."""
        return self._process.poll() is not None

    def fate(self) -> str:
        """Waits for its end; returns what that was, as the reason of a record."""
        code = self._process.wait()
        if code == -signal.SIGALRM:
            return f"took over {self._time_limit:g} s to decode"
        try:
            return f"crashed the decoder ({signal.Signals(-code).name})"
        except ValueError:
            return f"crashed the decoder (exit code {code})"

    def kill(self) -> None:
        """Ends it at once; any thread may."""
        self._process.kill()

    def close(self) -> None:
        """Ends it, and frees all that it took here."""
        self._process.kill()
        self._process.wait()
        for stream in (self._jobs, self._records, self._stderr):
            with suppress(OSError):  # it will not take what is left to write
                stream.close()


def _search_path() -> list[str]:
    # Python passes over other types in it, such as a Path.
    return [entry for entry in sys.path if isinstance(entry, str)]


class Worker:
    """A thread that has a process do jobs; another one where that has ended."""

    def __init__(
        self, jobs: Jobs, setup: Setup, process: DecoderProcess | None
    ) -> None:
        """Starts the thread.

        Args:
            jobs: where it gets its jobs.
            setup: of its processes.
            process: the first of them, if it was started before.
        """
        self._jobs = jobs
        self._setup = setup
        self._process = process
        self._held = jobs.enter()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Has it end at once, after the jobs were closed."""
        if self._process:
            self._process.kill()
        self._thread.join()

    def _run(self) -> None:
        process = self._process
        try:
            try:
                process = self._started(process)
            except RunError:
                if self._jobs.quit(self._held):
                    return  # others do the work
                raise
            while not self._jobs.closed:
                idle = not self._held
                new = self._jobs.take(self._held)
                if idle and new and process.has_ended():
                    process = self._started(None)
                for job in new:
                    here = job.content is not None
                    process.give(job.content if here else job.source.read)
                if not new and not self._jobs.closed:
                    self._hear(process)
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
        if self._jobs.closed:  # `stop` may have come before it was there
            process.kill()
        process.wait_for_start()
        return process

    def _hear(self, process: DecoderProcess) -> None:
        """Takes a record; where the process has ended, its job is to blame."""
        job = self._held[0]
        try:
            record, pixels = process.hear()
        except EOFError:
            self._jobs.give_back(self._held)
            frame = {"frame": job.frames} if job.frames else {}
            record, pixels = {**frame, "error": process.fate()}, None
            self._jobs.put(job, (record, pixels))
            self._jobs.finish(job)
            return
        done = record.pop("done", False)
        if record:
            self._jobs.put(job, (record, pixels))
        if done:
            self._jobs.finish(job)
