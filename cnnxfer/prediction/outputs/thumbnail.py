"""The image of a prediction, read a second time."""

from PIL import Image

from cnnxfer.limits import MAX_PIXELS
from cnnxfer.pages.thumbnails import ThumbnailReader
from cnnxfer.prediction.prediction import Prediction


def read_thumbnail(
    reader: ThumbnailReader, prediction: Prediction
) -> Image.Image | None:
    """Returns the whole upright image, of mode RGB; None if it cannot be read."""
    if prediction.error is not None or prediction.source is None:
        return None
    pixels = prediction.width * prediction.height
    return reader.read(prediction.source, prediction.frame, max(MAX_PIXELS, pixels))
