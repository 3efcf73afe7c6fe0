"""Heat maps, from a process of its own: it has TensorFlow, which this one does without.

It is started by the first demand, and ends when nobody has asked for a while.
"""

from __future__ import annotations

import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from signal import Signals
from typing import IO, Any

import anyio
import numpy as np

from cnnxfer.child_process import last_line, python_command
from cnnxfer.data.decoding.child import Record, read_record, write_record
from cnnxfer.data.images.decode import LITTLE
from cnnxfer.registry import BUILT_IN
from cnnxfer.reporting import Reporter
from cnnxfer.serving.refusals import Refusal, busy, unavailable
from cnnxfer.serving.served_model import Version

MOST_WAITING = 8  # with the one that is explained
SECONDS_EACH = 60.0  # the first has TensorFlow imported and the network built
IDLE_SECONDS = 300.0  # after which the process ends
COME_AGAIN_SECONDS = 5


class Explainer:
    """Explains one image at a time, and lets a few wait.

    Attributes:
        seconds_each: that an image may take.
        idle_seconds: that the process lives on without an image.
    """

    def __init__(
        self,
        max_pixels: int,
        reporter: Reporter,
        seconds_each: float = SECONDS_EACH,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        """Starts nothing yet.

        Args:
            max_pixels: those of the largest image that is decoded.
            reporter: is told why a model cannot be explained.
            seconds_each: see the attributes.
            idle_seconds: see the attributes.
        """
        self.seconds_each, self.idle_seconds = seconds_each, idle_seconds
        self._max_pixels, self._reporter = max_pixels, reporter
        self._waiting = 0
        self._one = anyio.CapacityLimiter(1)
        self._held = threading.Lock()  # while the process is asked or ended
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None  # its standard error
        self._idle: threading.Timer | None = None
        self._closed = False

    async def explain(self, version: Version, label: int | None, image: bytes) -> bytes:
        """Returns a PNG: the image, with colours where the model sees a class.

        Args:
            version: the model; see `explains`.
            label: the position of the class among its classes; None for the most
                probable one.
            image: the encoded image.

        Raises:
            Refusal: if the image cannot be read, too many others wait, or the process
                ends or takes too long.
        """
        if self._waiting >= MOST_WAITING:
            raise busy(COME_AGAIN_SECONDS)
        job = {
            "model": _name(version),
            "stamp": version.stamp,
            "max_pixels": self._max_pixels,
            "classes": [] if label is None else [label],
        }
        self._waiting += 1
        try:
            record, png = await anyio.to_thread.run_sync(
                self._ask, job, image, limiter=self._one
            )
        except (OSError, MemoryError) as error:
            self._reporter.warn(f"an image is not explained: {str(error) or LITTLE}")
            raise unavailable() from error
        finally:
            self._waiting -= 1
        if "bug" in record:
            raise RuntimeError(f"the process that explains failed.\n{record['bug']}")
        if "failure" in record:
            self._reporter.warn(record["failure"])
            raise Refusal(503, "it cannot be explained; the server's messages say why.")
        if png is None:
            raise Refusal(422, f"the image cannot be read: {record['error']}.")
        return png.tobytes()

    def close(self) -> None:
        """Ends the process at once, whatever it does."""
        self._closed = True
        if process := self._process:
            process.kill()
        self._end()

    def _ask(self, job: dict[str, Any], image: bytes) -> Record:
        with self._held:
            process = self._running()
            assert process.stdin
            assert process.stdout
            started = time.monotonic()
            limit = threading.Timer(self.seconds_each, process.kill)
            limit.start()
            try:
                write_record(process.stdin, job, np.frombuffer(image, np.uint8))
                return read_record(process.stdout)
            except (OSError, EOFError) as error:
                late = time.monotonic() - started >= self.seconds_each
                reason = f"over {self.seconds_each:g} s" if late else _end_of(process)
                assert self._errors
                said = last_line(self._errors)
                self._reporter.warn(
                    f"an image is not explained: {reason}. {said}".strip()
                )
                raise Refusal(503, f"the image is not explained: {reason}.") from error
            except BaseException:
                self._close_process()  # the next would get the rest of this answer
                raise
            finally:
                limit.cancel()
                self._end_when_idle()

    def _running(self) -> subprocess.Popen[bytes]:
        """Returns the process, started if there is none."""
        if self._idle:
            self._idle.cancel()
        if self._process and self._process.poll() is None:
            return self._process
        self._close_process()
        if self._closed:
            raise Refusal(503, "the server ends.")
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            python_command("cnnxfer.serving.explainer_child"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            process_group=0,  # so that Ctrl-C reaches only the parent
        )
        return self._process

    def _end_when_idle(self) -> None:
        self._idle = threading.Timer(self.idle_seconds, self._end)
        self._idle.daemon = True
        self._idle.start()

    def _end(self) -> None:
        with self._held:
            if self._idle:
                self._idle.cancel()
            self._close_process()

    def _close_process(self) -> None:
        if process := self._process:
            self._process = None
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, self._errors):
                with suppress(OSError):  # what is still buffered cannot be written
                    assert stream
                    stream.close()


def explains(version: Version) -> bool:
    """Tells whether there are heat maps of a model: it answers with classes, in Keras.

    Boxes and masks say themselves where something is, and the files of other runtimes
    have no layers to look into.
    """
    source = version.source
    return version.kind == "classes" and not source.exported


def _name(version: Version) -> str:
    """Returns what `find_model` finds the model by, whatever is called like it."""
    source = version.source
    return source.place if source.files else f"{BUILT_IN}{source.place}"


def _end_of(process: subprocess.Popen[bytes]) -> str:
    """Returns how the process has ended that explains."""
    code = process.wait()
    try:
        return f"the process that explains was ended ({Signals(-code).name})"
    except ValueError:
        return f"the process that explains has ended (exit code {code})"
