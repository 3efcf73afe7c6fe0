"""A picture as small as a contact sheet shows it."""

from __future__ import annotations

from PIL import Image

from cnnxfer.data import geometry
from cnnxfer.data.decode import open_image, seek, to_rgb
from cnnxfer.prediction.prediction import Prediction

WIDTH, HEIGHT = 240, 180  # what it fits in, in pixels


def small_picture(prediction: Prediction) -> Image.Image | None:
    """Reads the picture once more; returns None if that cannot be done.

    Returns:
        The whole upright picture, of mode RGB, at most `WIDTH` by `HEIGHT` pixels.
    """
    if prediction.error is not None or prediction.source is None:
        return None
    try:
        opened = open_image(prediction.source.read())
        if prediction.frame:
            seek(opened, prediction.frame)
        # `reduction` leaves more than the network needs; here, twice less will do.
        whole = (0, 0, opened.width, opened.height)
        picture = to_rgb(opened, geometry.reduction(whole, HEIGHT // 2))
    except Exception:  # it is another file by now; Pillow raises whatever it trips over
        return None
    picture.thumbnail((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    return picture
