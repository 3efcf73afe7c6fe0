"""Images in requests: encoded, or as pixels."""

from __future__ import annotations

import base64
import binascii
import io
from typing import Any

import numpy as np

from cnnxfer.data.images.source import ImageSource
from cnnxfer.serving.refusals import Refusal


def encoded_source(name: str, content: bytes) -> ImageSource:
    """Returns an encoded image that came with a request."""
    return ImageSource(name, lambda: content, here=True, size_bytes=len(content))


def base64_source(name: str, text: object) -> ImageSource:
    """Returns an encoded image that came as base64.

    Raises:
        Refusal: if it is no base64.
    """
    try:
        if not isinstance(text, str):
            raise ValueError(f"a {type(text).__name__}")
        content = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error) as error:
        raise Refusal(
            400, f"{name} is not base64 of an image file: {error}. Encode the file."
        ) from error
    return encoded_source(name, content)


def pixel_source(name: str, values: Any) -> ImageSource:
    """Returns an image that came as pixels: rows of columns of red, green and blue.

    It is answered as a file with these pixels would be.

    Args:
        name: what messages call it.
        values: numbers in [0, 255] `(height, width, 3)`; fractions are rounded.

    Raises:
        Refusal: if the numbers are others, or of another shape.
    """
    from PIL import Image

    try:
        pixels = np.asarray(values)
        if pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
            raise ValueError(f"the shape is {pixels.shape}")
        if pixels.dtype.kind not in "iuf":
            raise ValueError(f"they are {pixels.dtype}")
        if not (np.isfinite(pixels).all() and 0 <= pixels.min() <= pixels.max() <= 255):
            raise ValueError(f"they are from {pixels.min()} to {pixels.max()}")
    except ValueError as error:
        raise Refusal(
            400,
            f"{name} is not an image of pixels: expected numbers from 0 to 255 of the "
            f"shape (height, width, 3), and {error}.",
        ) from error
    stream = io.BytesIO()
    Image.fromarray(pixels.round().astype(np.uint8)).save(stream, "BMP")
    return encoded_source(name, stream.getvalue())
