"""What of a picture is looked at; the answers to several views are averaged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cnnxfer.data.images.picture import Picture
from cnnxfer.data.views.views import Square

TTA = ("none", "flip", "five", "ten", "scales")

# The usual central crop of ImageNet's evaluation: 224 of 256.
IMAGENET_CROP = 0.875
# 224 of 224, of 256 and of 320: the shorter side at 1, 8/7 and 10/7 of the view's.
SCALES = (1.0, 7 / 8, 7 / 10)
MIDDLE = (0.5, 0.5)
CORNERS = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0))


@dataclass(frozen=True)
class SquareViews:
    """Squares in a picture, all shown at one size.

    Attributes:
        views: where they are.
        size: side in pixels of what is shown.
    """

    views: tuple[Square, ...]
    size: int

    def __call__(self, picture: Picture) -> np.ndarray:
        """Returns the pixels of all views, uint8 `(views, size, size, 3)`.

        Raises:
            DataError: if the picture is truncated or corrupt; the message is the
                reason alone.
        """
        return np.stack([view.of(picture, self.size) for view in self.views])


def tta_views(tta: str, central_crop: float, size: int) -> SquareViews:
    """Returns what a picture is answered by.

    - `none`: the square in the middle.
    - `flip`: that and its mirror image.
    - `five`: the four corners and the middle; squares of `central_crop` of the shorter
      side, or 7/8 where that would leave the corners no room.
    - `ten`: these and their mirror images (Krizhevsky et al., 2012,
      https://papers.nips.cc/paper/4824).
    - `scales`: the square in the middle, with the shorter side at 1, 8/7 and 10/7 of
      `size`, as 224, 256 and 320 (after Simonyan and Zisserman, 2015,
      https://arxiv.org/abs/1409.1556).

    Args:
        tta: one of `TTA`.
        central_crop: side of the plain view's square, of the shorter side.
        size: side in pixels of what the network sees.
    """
    assert tta in TTA, tta
    fractions: tuple[float, ...] = (central_crop,)
    places: tuple[tuple[float, float], ...] = (MIDDLE,)
    if tta == "scales":
        fractions = SCALES
    if tta in ("five", "ten"):
        fractions = (min(central_crop, IMAGENET_CROP),)
        places = (MIDDLE, *CORNERS)
    flips = (False, True) if tta in ("flip", "ten") else (False,)
    return SquareViews(
        tuple(
            Square(fraction, across, down, flip)
            for flip in flips
            for fraction in fractions
            for across, down in places
        ),
        size,
    )
