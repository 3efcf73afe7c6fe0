"""How much may wait at once: images for their answers, and bytes for their end."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

from cnnxfer.serving.refusals import Refusal, busy

MEMORY_SECONDS = 10.0  # how far back the rate of answers is remembered
MOST_SECONDS = 60  # that a client is asked to wait


class Admission:
    """Counts what waits, and refuses what would be too much.

    Only the thread of the event loop may call it.

    Attributes:
        waiting: how many images wait for their answers.
        bytes_held: of requests that are read or answered.
        most_bytes: that may be held.
    """

    def __init__(self, most_images: int, most_bytes: int) -> None:
        """Starts with nothing waiting."""
        self.waiting = self.bytes_held = 0
        self.most_bytes, self._most_images = most_bytes, most_images
        self._rate = 0.0  # images a second, a moving average
        self._since = time.monotonic()

    @contextmanager
    def images(self, number: int) -> Iterator[None]:
        """Counts images while they wait for their answers.

        Raises:
            Refusal: if they were too many.
        """
        if self.waiting + number > self._most_images:
            raise busy(self.seconds_to_wait(number))
        self.waiting += number
        try:
            yield
        finally:
            self.waiting -= number
            self._count_answered(number)

    @contextmanager
    def request(self) -> Iterator[Held]:
        """Counts the bytes of a request, until it is answered."""
        held = Held(self)
        try:
            yield held
        finally:
            self.bytes_held -= held.bytes

    def seconds_to_wait(self, number: int) -> int:
        """Returns in how many seconds there may be room, as answers come now."""
        over = self.waiting + number - self._most_images
        seconds = over / self._rate if self._rate and over > 0 else 1
        return max(1, min(MOST_SECONDS, math.ceil(seconds)))

    def _count_answered(self, number: int) -> None:
        now = time.monotonic()
        passed, self._since = now - self._since, now
        kept = math.exp(-passed / MEMORY_SECONDS)
        self._rate = self._rate * kept + number / MEMORY_SECONDS


class Held:
    """The bytes that one request holds.

    Attributes:
        bytes: how many.
    """

    def __init__(self, admission: Admission) -> None:
        """Starts with none."""
        self.bytes = 0
        self._admission = admission

    def take(self, number: int) -> None:
        """Counts bytes that have arrived.

        Raises:
            Refusal: if all requests together held too many.
        """
        admission = self._admission
        if admission.bytes_held + number > admission.most_bytes:
            raise busy(admission.seconds_to_wait(1), "bytes are held")
        self.bytes += number
        admission.bytes_held += number


def require_count(number: int, most: int) -> None:
    """Checks how many images a request has.

    Raises:
        Refusal: if it has none, or more than `most`.
    """
    if not number:
        raise Refusal(400, "the request has no image. Send at least one.")
    if number > most:
        raise Refusal(
            413,
            f"the request has {number} images, and {most} is the limit of one "
            "request. Send them in several.",
        )
