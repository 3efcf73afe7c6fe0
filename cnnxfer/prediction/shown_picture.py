"""A picture once more, for people: on contact sheets and under heat maps."""

from __future__ import annotations

from PIL import Image

from cnnxfer.data import geometry
from cnnxfer.data.dataset import MAX_PIXELS
from cnnxfer.data.decode import open_image, seek, to_rgb
from cnnxfer.errors import DataError
from cnnxfer.prediction.prediction import Prediction


def shown_picture(
    prediction: Prediction, width: int, height: int
) -> Image.Image | None:
    """Reads the picture once more; returns None if that cannot be done.

    Returns:
        The whole upright picture, of mode RGB, at most `width` by `height` pixels.
    """
    if prediction.error is not None or prediction.source is None:
        return None
    max_pixels = max(MAX_PIXELS, prediction.width * prediction.height)
    try:
        opened = open_image(prediction.source.read(), max_pixels)
        if prediction.frame:
            seek(opened, prediction.frame, max_pixels)
        # `reduction` leaves more than the network needs; here, twice less will do.
        whole = (0, 0, opened.width, opened.height)
        picture = to_rgb(opened, geometry.reduction(whole, min(width, height) // 2))
    except DataError:  # it is another file by now
        return None
    picture.thumbnail((width, height), Image.Resampling.BICUBIC)
    return picture
