"""A picture once more, for people: on contact sheets and under heat maps."""

from __future__ import annotations

from PIL import Image

from cnnxfer.data.dataset import MAX_PIXELS
from cnnxfer.data.images import geometry
from cnnxfer.data.images.decode import open_image, seek, to_rgb
from cnnxfer.data.images.source import ImageSource
from cnnxfer.errors import DataError
from cnnxfer.prediction.prediction import Prediction


class PictureReader:
    """Reads pictures once more, as they come; frames of a file fast if in order."""

    def __init__(self, width: int, height: int) -> None:
        """Takes the greatest size of what is shown, in pixels."""
        self._size = width, height
        self._last: tuple[ImageSource, Image.Image] | None = None  # with frames

    def read(self, prediction: Prediction) -> Image.Image | None:
        """Returns the whole upright picture, of mode RGB; None if it cannot be read."""
        if prediction.error is not None or prediction.source is None:
            return None
        max_pixels = max(MAX_PIXELS, prediction.width * prediction.height)
        try:
            opened = self._open(prediction.source, prediction.frame, max_pixels)
            # `reduction` leaves more than the network needs; here, twice less will do.
            whole = (0, 0, opened.width, opened.height)
            scale = geometry.reduction(whole, min(self._size) // 2)
            picture = to_rgb(opened, scale)
        except DataError:  # it is another file by now
            self._last = None
            return None
        picture.thumbnail(self._size, Image.Resampling.BICUBIC)
        return picture

    def _open(
        self, source: ImageSource, frame: int | None, max_pixels: int
    ) -> Image.Image:
        """Returns an image turned to a frame, from the last one if it is on the way.

        To reach a frame of most formats, all before it are decoded.
        """
        if frame is None:
            self._last = None
            return open_image(source.read(), max_pixels)
        last = self._last
        if last is None or last[0] is not source or last[1].tell() > frame:
            last = self._last = source, open_image(source.read(), max_pixels)
        if frame:
            seek(last[1], frame, max_pixels)
        return last[1]
