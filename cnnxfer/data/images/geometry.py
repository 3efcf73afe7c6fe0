"""Which part of a picture the network sees, and at what size."""

from __future__ import annotations

import numpy as np
from PIL import Image

Box = tuple[float, float, float, float]
Size = int | tuple[int, int]  # side of a square, or width and height, in pixels

SCALES = (8, 4, 2, 1)  # what a JPEG's sides can be divided by while it is decoded
# So many pixels stay for each one that the network sees. On 27 photographs, views were
# then 0.7 to 0.9 levels of 255 from those of the fully decoded picture, 1.8 at most;
# with 1.5, it would be 1.2 to 1.5, and with 3, 0.3 to 0.5, at half the gain in time.
SPARE = 2


def square_box(
    width: int, height: int, fraction: float, across: float, down: float
) -> Box:
    """Returns a square of `fraction` of the shorter side, anywhere in the picture.

    In pixels as (left, top, right, bottom), on fractions of pixels where need be.

    Args:
        width: in pixels.
        height: in pixels.
        fraction: in (0, 1].
        across: 0 at the left edge, 1 at the right one.
        down: 0 at the top, 1 at the bottom.
    """
    side = fraction * min(width, height)
    left, top = across * (width - side), down * (height - side)
    return left, top, left + side, top + side


def reduction(box: Box, size: Size) -> int:
    """Returns how many times smaller a JPEG may be decoded to show `box` at `size`.

    One rule for every command, so that all see the same pixels.

    Args:
        box: what is shown, in pixels of the whole picture.
        size: of the view.
    """
    sides = list(zip((box[2] - box[0], box[3] - box[1]), _sides(size), strict=True))
    return next(
        (s for s in SCALES if all(side / s >= SPARE * shown for side, shown in sides)),
        1,
    )


def view(image: Image.Image, box: Box, size: Size, *, flip: bool = False) -> np.ndarray:
    """Returns what lies in `box`, resized with antialiasing (bicubic).

    Returns:
        uint8 `(height, width, 3)`, mirrored left to right if `flip`.
    """
    resized = image.resize(_sides(size), Image.Resampling.BICUBIC, box=box)
    if flip:  # ten times faster than NumPy with its bytes in reverse order
        resized = resized.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return np.asarray(resized)


def _sides(size: Size) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size
