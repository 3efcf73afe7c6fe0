"""Images at a reduced size, for pages and under heat maps."""

import io
import math
import time
from base64 import b64encode
from collections.abc import Callable, Sequence

from markupsafe import Markup
from PIL import Image

from cnnxfer.data.dataset import Example
from cnnxfer.data.images import boxes
from cnnxfer.data.images.decode import open_image, seek, to_rgb
from cnnxfer.data.images.source import ImageSource
from cnnxfer.data.parallel import parallel_map
from cnnxfer.errors import DataError
from cnnxfer.limits import MAX_PIXELS
from cnnxfer.reporting import Reporter

QUALITY = 72  # of JPEGs; about 5 to 7 kB each at 240 pixels


class ThumbnailReader:
    """Reads images at a reduced size.

    The frames of a file are read fast if they are asked for in order.
    """

    def __init__(self, width: int, height: int) -> None:
        """Sets the largest width and height of the results, in pixels."""
        self._size = width, height
        # The last file with several frames, and its image.
        self._last: tuple[ImageSource, Image.Image] | None = None

    def read(
        self,
        source: ImageSource,
        frame: int | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> Image.Image | None:
        """Returns the whole upright image, of mode RGB; None if it cannot be read."""
        try:
            opened = self._open(source, frame, max_pixels)
            # `reduction` keeps more pixels than asked for; half of them suffice here.
            box = (0, 0, opened.width, opened.height)
            scale = boxes.reduction(box, min(self._size) // 2)
            image = to_rgb(opened, scale)
        except DataError:
            self._last = None
            return None
        image.thumbnail(self._size, Image.Resampling.BICUBIC)
        return image

    def _open(
        self, source: ImageSource, frame: int | None, max_pixels: int
    ) -> Image.Image:
        """Returns an image at one of its frames.

        In most formats, a frame can be decoded only after all before it. So the last
        image is reused if its position is not after the frame.
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


def thumbnail_urls(
    examples: Sequence[Example],
    width: int,
    height: int,
    reporter: Reporter,
    draw: Callable[[Example, Image.Image], Image.Image] | None = None,
    seconds: float = math.inf,
) -> dict[str, Markup]:
    """Returns thumbnails as data URLs, by the ids of their images.

    Args:
        examples: the images; one that cannot be read has an empty URL.
        width: the most pixels of a thumbnail across.
        height: the most pixels of a thumbnail down.
        reporter: shows the progress.
        draw: draws what is known of an image into its thumbnail; None for nothing.
        seconds: the time after which the rest is left out.
    """

    def thumbnail(example: Example) -> Markup:
        source = ImageSource(example.id, example.read)
        image = ThumbnailReader(width, height).read(source)
        return data_url(draw(example, image) if draw and image else image)

    urls, end = {}, time.monotonic() + seconds
    with reporter.progress("drawing thumbnails", len(examples), "images") as advance:
        thumbnails = parallel_map(thumbnail, examples)
        for example, url in zip(examples, thumbnails, strict=True):
            urls[example.id] = url
            advance()
            if time.monotonic() > end:
                break
    return urls


def data_url(picture: Image.Image | None) -> Markup:
    """Returns a data URL of an image of mode RGB as JPEG; empty for None."""
    if picture is None:
        return Markup()
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=QUALITY, optimize=True)
    encoded = b64encode(content.getvalue()).decode("ascii")
    return Markup(f"data:image/jpeg;base64,{encoded}")
