"""The workers that train together: what they tell each other, and who is still there.

The first worker, of rank 0, decides whatever is not a computation: when to stop, when
to save, which batch size is fastest. All workers compute the same steps in the same
order, so what one of them waits for is always what another is about to say.
"""

import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, is_dataclass
from typing import Any, TypeVar, cast

import numpy as np

from cnnxfer.errors import RunError
from cnnxfer.hardware.memory import is_out_of_memory
from cnnxfer.spelling import option
from cnnxfer.stopping import SIGNALS
from cnnxfer.training.workers.cluster import Cluster
from cnnxfer.training.workers.link import LAST_WORDS, Link
from cnnxfer.training.workers.meeting import meet

Result = TypeVar("Result")

SIGN_OF_LIFE_SECONDS = 2.0
# After which a worker is taken for dead. While TensorFlow connects, it may be silent,
# and ends by itself if that takes longer than `guard.STUCK_SECONDS`.
SILENCE_SECONDS = 30.0
# After a worker is lost, or a signal has come, for the work to end by itself.
GRACE_SECONDS = 10.0


class Workers:
    """The workers that train together, as one of them sees them.

    Attributes:
        rank: the number of this one, from 0.
        count: how many there are.
        addresses: the server of TensorFlow of each, `host:port`.
        local_rank: the number of this one among those of its machine.
        retry: what to type to go on if a worker is lost; "" if nothing has begun.
    """

    def __init__(self, cluster: Cluster, wait_seconds: float) -> None:
        """Waits for all workers, and begins to watch them; see `meet`."""
        self.rank, self.count = cluster.rank, cluster.count
        self._links, self.addresses = meet(cluster, wait_seconds)
        self.local_rank = _local_rank(cluster, self.addresses)
        self.retry = ""
        self.abort: Callable[[str], None] = lambda reason: None
        self._failure: RunError | None = None
        self._failing = threading.Lock()
        self._heard_out = False  # whoever waits for workers knows of the failure
        self._blocked_since: float | None = None
        for link in self._links:
            link.start(self._lost)
        self._signals, self._wakeup = socket.socketpair()
        self._wakeup.setblocking(False)
        self.hear_signals()
        threading.Thread(target=self._watch, daemon=True).start()

    @property
    def is_first(self) -> bool:
        """Whether this is the worker that decides, records and speaks."""
        return self.rank == 0

    def agreed(self, value: Any) -> Any:
        """Returns the first worker's value, as JSON has it, to all of them.

        Raises:
            RunError: if a worker is lost, as all others that wait for workers do.
        """
        if not self.is_first:
            return self._receive(self._links[0])
        value = asdict(value) if is_dataclass(value) else value  # type: ignore[arg-type]
        self._send_all(value)
        return value

    def gathered(self, value: Any) -> list[Any]:
        """Returns the values of all workers in order, to all of them; they are JSON."""
        if not self.is_first:
            self._links[0].send_json(value)
            values: list[Any] = self._receive(self._links[0])
            return values
        values = [value, *(self._receive(link) for link in self._links)]
        self._send_all(values)
        return values

    def computed(self, compute: Callable[[], Result]) -> Result:
        """Returns what this worker computes, if memory suffices for all of them.

        Raises:
            MemoryError: if the memory of one of them has run out.
        """
        result: Result | None = None
        shortage: Exception | None = None
        try:
            result = compute()
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            shortage = error
        short = self.gathered(shortage is not None)
        if any(short):
            raise MemoryError(
                f"out of memory: worker {short.index(True)}"
            ) from shortage
        return cast(Result, result)

    def collect(self, array: np.ndarray) -> list[np.ndarray]:
        """Returns the arrays of all workers in order, to the first; none to others."""
        if not self.is_first:
            link = self._links[0]
            shape, dtype = array.shape, array.dtype.str
            link.send_json({"size": array.nbytes, "shape": shape, "dtype": dtype})
            link.send_data(memoryview(array.tobytes()))
            return []
        with self.watching():
            return [array, *(self._receive_array(link) for link in self._links)]

    def received_data(self, rank: int = 0) -> bytes:
        """Waits for bytes of a worker; see `Link.send_data`."""
        (link,) = (link for link in self._links if link.rank == rank)
        with self.watching():
            return link.receive_data()

    def require_same(self, value: str, what: str) -> None:
        """Checks that a text is the same for all workers.

        Raises:
            RunError: if it differs; it names the worker and `what` differs, in plural.
        """
        values = self.gathered(value)
        for rank, other in enumerate(values):
            if other != values[0]:
                raise RunError(f"{what} of worker {rank} are not those of worker 0.")

    @property
    def links(self) -> Sequence[Link]:
        """The connections: of the first worker to all others, else to the first."""
        return self._links

    def leave(self, reason: str) -> None:
        """Tells the others why this worker ends, which ends them, too."""
        text = f"worker {self.rank} has ended: {reason}"
        with self._failing:
            self._heard_out = True  # it ends by itself
            if self._failure:
                return
            self._failure = RunError(text)
        for link in self._links:
            link.send(LAST_WORDS, text.encode()[:4096])

    def hear_signals(self) -> None:
        """Has signals noticed even where Python hears none, until `part`."""
        if threading.current_thread() is threading.main_thread():
            signal.set_wakeup_fd(self._wakeup.fileno(), warn_on_full_buffer=False)

    def part(self) -> None:
        """Says that all is done; each worker may end now, or begin something else."""
        for link in self._links:
            link.say_farewell()
        if threading.current_thread() is threading.main_thread():
            signal.set_wakeup_fd(-1)

    def check(self) -> None:
        """Raises RunError if one has ended with whom something else is to begin."""
        if self._failure or any(link.has_ended for link in self._links):
            raise self._ended()

    def _ended(self) -> RunError:
        cause = str(self._failure or "the others have ended").rstrip(".")
        return RunError(f"{cause}. Start all workers again.")

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Turns what fails inside because a worker is lost into an error that says so.

        Python hears signals while it waits inside; see `in_tensorflow`.
        """
        try:
            yield
        except EOFError:
            self._settle()
            raise self._ended() from None
        except RunError:
            raise
        except Exception as error:
            # TensorFlow may notice first, and doesn't know what has happened.
            deadline = time.monotonic() + GRACE_SECONDS / 2
            while not self._failure and time.monotonic() < deadline:
                time.sleep(0.05)
            if not self._failure:
                raise error
            self._settle()

    @contextmanager
    def in_tensorflow(self) -> Iterator[None]:
        """Does what `watching` does, where no signal is heard while others are awaited.

        Raises:
            RunError: if a worker is lost, or memory runs out: the others wait for what
                this worker cannot compute, so that it has to leave them.
        """
        self._blocked_since = time.monotonic()
        try:
            with self.watching():
                try:
                    yield
                except Exception as error:
                    if self._failure or not is_out_of_memory(error):
                        raise
                    raise RunError(
                        f"out of memory on worker {self.rank}, while gradients were "
                        f"exchanged. Use a smaller {option('--batch')}, or more "
                        "workers."
                    ) from error
        finally:
            self._blocked_since = None

    def _settle(self) -> None:
        if self._failure:
            self._heard_out = True
            raise self._failure from None

    def _receive(self, link: Link) -> Any:
        with self.watching():
            return link.receive_json()

    def _receive_array(self, link: Link) -> np.ndarray:
        header = link.receive_json()
        content, size = bytearray(), int(header["size"])
        while len(content) < size:
            content += link.receive_data()
        return np.frombuffer(content, header["dtype"]).reshape(header["shape"])

    def _send_all(self, value: Any) -> None:
        for link in self._links:
            link.send_json(value)

    def _lost(self, link: Link, reason: str) -> None:
        """Notes that a worker is lost, tells the others, and makes this one end."""
        with self._failing:
            if self._failure:
                return
            self._failure = RunError(self._explained(reason))
        for other in self._links:
            if other is not link and self.is_first:
                other.send(LAST_WORDS, reason.encode()[:4096])
        for other in self._links:
            other.end_waiting()
        self.abort(reason)
        threading.Thread(target=self._force_end, daemon=True).start()

    def _explained(self, reason: str) -> str:
        advice = f" Go on with: {self.retry}" if self.retry else ""
        return f"{reason.rstrip('.')}.{advice}"

    def _force_end(self) -> None:
        """Ends the process where the work does not notice that it has to."""
        time.sleep(GRACE_SECONDS)
        if not self._heard_out:
            end_at_once(str(self._failure), 1)

    def _watch(self) -> None:
        """Sends signs of life, misses those of others, and hears signals."""
        signalled: float | None = None
        awake = time.monotonic()
        while True:
            if select.select([self._signals], [], [], SIGN_OF_LIFE_SECONDS)[0]:
                numbers = self._signals.recv(64)
                if set(SIGNALS) & set(numbers):
                    signalled = signalled or time.monotonic()
            # Where no thread of Python has run for long, none has heard the others.
            slept, awake = awake, time.monotonic()
            late = awake - slept > 2 * SIGN_OF_LIFE_SECONDS
            for link in self._links:
                link.send_sign_of_life()
                if late:
                    link.forgive_silence()
                if link.silent_seconds > SILENCE_SECONDS:
                    seconds = f"{SILENCE_SECONDS:.0f} seconds"
                    self._lost(link, f"{link.name} has said nothing for {seconds}")
            # Python hears a signal only where it is not inside of TensorFlow.
            blocked = self._blocked_since
            if signalled and blocked and blocked < signalled:
                if time.monotonic() - signalled > GRACE_SECONDS:
                    self.leave("it was interrupted")
                    end_at_once(self._explained("interrupted"), 130)
            elif signalled and not blocked:
                signalled = None


def end_at_once(message: str, code: int) -> None:
    """Ends the process with a line on stderr, even where nothing else could."""
    with suppress(OSError):
        sys.stderr.write(f"error: {message}\n")
        sys.stderr.flush()
    os._exit(code)


def _local_rank(cluster: Cluster, addresses: Sequence[str]) -> int:
    if cluster.local_rank is not None:
        return cluster.local_rank
    hosts = [address.rpartition(":")[0] for address in addresses]
    return hosts[: cluster.rank].count(hosts[cluster.rank])
