"""The memory that images take while they are decoded, counted over all of them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from PIL import Image

# An image that takes less is not counted: there are at most as many as cores.
COUNTED_BYTES = 64 * 1024 * 1024
# Of the memory that is free, for all counted images together; and where the system
# doesn't tell how much is free.
SHARE = 0.25
USUAL_BYTES = 1024**3

# What the decoders of formats take beside the result, in bytes a pixel, as measured
# with images of 30 megapixels. JPEG 2000 takes as much for each channel.
WORKING_BYTES = {"WEBP": 12, "AVIF": 6, "TIFF": 4, "GIF": 8, "PPM": 7, "HEIF": 8}
JPEG2000_BYTES = 5
PROGRESSIVE_BYTES = 2  # for each channel of a progressive JPEG, even if it is reduced


class Budget(Protocol):
    """Counts the memory of images that are being decoded."""

    def wait(self, size_bytes: int) -> None:
        """Counts an image that takes so much; waits until it fits in."""

    def release(self, size_bytes: int) -> None:
        """Ends the counting of an image."""


class SharedBudget:
    """A budget for all threads of this process, and for the processes they wait for.

    Images are let in in the order in which they come. One that takes more than all of
    the budget is let in when no other is counted.
    """

    def __init__(self, total_bytes: int | None = None) -> None:
        """Starts with nothing counted.

        Args:
            total_bytes: for all images together; None for a share of the memory that
                is free when the first one is counted.
        """
        self._total_bytes = total_bytes
        self._counted_bytes = 0
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition()

    def wait(self, size_bytes: int) -> None:
        """Counts an image that takes so much; waits until it fits in."""
        ticket = object()
        with self._changed:
            if self._total_bytes is None:
                self._total_bytes = _share_of_free_memory()
            self._waiting.append(ticket)
            try:
                self._changed.wait_for(
                    lambda: self._waiting[0] is ticket and self._fits(size_bytes)
                )
                self._counted_bytes += size_bytes
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()

    def release(self, size_bytes: int) -> None:
        """Ends the counting of an image."""
        with self._changed:
            self._counted_bytes -= size_bytes
            self._changed.notify_all()

    def _fits(self, size_bytes: int) -> bool:
        assert self._total_bytes is not None
        together = self._counted_bytes + size_bytes
        return not self._counted_bytes or together <= self._total_bytes


# A process that decodes for another one has the other one's budget in its place.
budget: Budget = SharedBudget()


def use_budget(other: Budget) -> None:
    """Counts images in another budget from now on."""
    global budget
    budget = other


@contextmanager
def counted(size_bytes: int) -> Iterator[None]:
    """Counts an image while it is decoded, if it is large."""
    if size_bytes < COUNTED_BYTES:
        yield
        return
    used = budget
    used.wait(size_bytes)
    try:
        yield
    finally:
        used.release(size_bytes)


def needed_bytes(image: Image.Image, full_size: tuple[int, int]) -> int:
    """Returns about how much memory decoding an image takes at its peak.

    Args:
        image: an opened image, which has not been decoded.
        full_size: its width and height in the file, in pixels; `image.size` is less if
            it is decoded smaller.
    """
    channels = len(image.getbands())
    deep = image.mode in ("I", "F") or ";16" in image.mode
    grey = image.mode in ("1", "L") or deep
    stored = 2 if ";16" in image.mode else 1 if channels == 1 and not deep else 4
    clear = image.has_transparency_data and not deep
    result = 1 if grey and not clear else 4
    kept = image.mode in ("L", "RGB") and not clear
    turned = "exif" in image.info or image.format == "TIFF"  # perhaps: a second copy
    working = WORKING_BYTES.get(image.format or "", 0)
    if image.format == "JPEG2000":
        working = JPEG2000_BYTES * channels
    each = stored + working + result * (turned + (not kept))
    needed = image.width * image.height * each
    if image.info.get("progressive"):
        needed += full_size[0] * full_size[1] * channels * PROGRESSIVE_BYTES
    return needed


def _share_of_free_memory() -> int:
    # Not at the top: a process that decodes for another one needs it not at all.
    from cnnxfer.hardware.processor import find_memory

    free_bytes = find_memory().available_bytes
    return USUAL_BYTES if free_bytes is None else int(SHARE * free_bytes)
