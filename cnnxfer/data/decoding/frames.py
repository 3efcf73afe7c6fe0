"""Computes what is seen of an image, or of each frame of it, in a decoder process."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np
from PIL import Image

from cnnxfer.data.decoding.child import Record, failure
from cnnxfer.data.images.decode import is_animated, open_image, seek
from cnnxfer.data.images.picture import Picture
from cnnxfer.errors import DataError
from cnnxfer.limits import MAX_PIXELS

ViewFunction = Callable[[Picture], np.ndarray]

MAX_FRAMES = 1000  # of one file


@dataclass(frozen=True)
class FrameReader:
    """Yields a record of what is seen of an encoded image, or one for each frame.

    Attributes:
        see: computes what is needed from a decoded image: returns uint8 of any shape,
            or raises DataError. It is pickled, so it must be importable.
        frames: "first", or "all" for every frame of GIF, WebP, TIFF, AVIF and PNG, up
            to 1,000 a file.
        max_pixels: the most pixels that an image may have.
    """

    see: ViewFunction
    frames: str = "first"
    max_pixels: int = MAX_PIXELS

    def __post_init__(self) -> None:
        assert self.frames in ("first", "all"), self.frames

    def __call__(self, content: bytes) -> Iterator[Record]:
        """Yields the records; see `child.Record`.

        Raises:
            DataError: if the image cannot be read; the message is only the reason.
        """
        if self.frames == "all":
            opened = open_image(content, self.max_pixels)
            if is_animated(opened):
                yield from self._frames(opened)
                yield {}, None
                return
        yield self._record(Picture(content, max_pixels=self.max_pixels))

    def _frames(self, opened: Image.Image) -> Iterator[Record]:
        for frame in count():
            try:
                if not seek(opened, frame, self.max_pixels):
                    return
                if frame == MAX_FRAMES:
                    raise DataError(f"over {MAX_FRAMES:,} frames, the limit")
            except DataError as error:
                yield {"frame": frame, **failure(error)}, None
                return
            try:
                record, pixels = self._record(Picture.of_frame(opened))
                yield {"frame": frame, **record}, pixels
            except (DataError, MemoryError) as error:
                yield {"frame": frame, **failure(error)}, None
                # Frames build on one another; pages don't.
                if opened.format != "TIFF":
                    return

    def _record(self, picture: Picture) -> Record:
        return {"width": picture.width, "height": picture.height}, self.see(picture)
