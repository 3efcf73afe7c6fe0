"""Test-time augmentation: the views of an image whose answers are averaged."""

from dataclasses import dataclass

import numpy as np

from cnnxfer.config import Fit
from cnnxfer.config.prediction import ClassifierOptions
from cnnxfer.config.setting import settings_in
from cnnxfer.data.geometry import Geometry
from cnnxfer.data.images.picture import Picture
from cnnxfer.data.views.views import Square

TTA = settings_in(ClassifierOptions)["tta"].words

# The usual central crop in evaluations on ImageNet: 224 of 256 pixels.
IMAGENET_CROP = 0.875
# Crops of 224 pixels from shorter sides of 224, 256 and 320 pixels.
SCALES = (1.0, 7 / 8, 7 / 10)
# Positions of a square, as shares of the free width and height.
MIDDLE = (0.5, 0.5)
CORNERS = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0))


@dataclass(frozen=True)
class SquareViews:
    """Square views of an image, all shown at the same size.

    Attributes:
        views: the squares.
        size: side in pixels at which each is shown.
    """

    views: tuple[Square, ...]
    size: int

    def __call__(self, picture: Picture) -> np.ndarray:
        """Returns the pixels of all views, uint8 `(views, size, size, 3)`."""
        return np.stack([view.of(picture, self.size).pixels for view in self.views])

    def geometries(self, width: int, height: int) -> tuple[Geometry, ...]:
        """Returns where the views lie in an image, so that answers lead back to it.

        Args:
            width: the width of the upright image, in pixels.
            height: its height.
        """
        return tuple(view.geometry(width, height, self.size) for view in self.views)


def tta_views(tta: str, fraction: float, size: int, fit: Fit = "crop") -> SquareViews:
    """Returns the views of an image that a mode of test-time augmentation uses.

    All are squares of the image or, for other fits than `crop`, of its frame:

    - `none`: the square in the middle.
    - `flip`: the square in the middle and its mirror image.
    - `five`: squares in the four corners and the middle, with sides of `fraction` of
      the shorter side, but at most 7/8, so that the corners differ.
    - `ten`: those of `five` and their mirror images (Krizhevsky et al., 2012,
      https://papers.nips.cc/paper/4824).
    - `scales`: the square in the middle, with the shorter side at 1, 8/7 and 10/7 of
      `size`: 224, 256 and 320 pixels for a size of 224 (after Simonyan and Zisserman,
      2015, https://arxiv.org/abs/1409.1556).

    Args:
        tta: one of `TTA`.
        fraction: side of the central square, as a share of the shorter side.
        size: side in pixels of the network's input.
        fit: how images are fitted into a square; see `Frame`.
    """
    assert tta in TTA, tta
    fractions: tuple[float, ...] = (fraction,)
    positions: tuple[tuple[float, float], ...] = (MIDDLE,)
    if tta == "scales":
        fractions = SCALES
    if tta in ("five", "ten"):
        fractions = (min(fraction, IMAGENET_CROP),)
        positions = (MIDDLE, *CORNERS)
    flips = (False, True) if tta in ("flip", "ten") else (False,)
    return SquareViews(
        tuple(
            Square(side, across, down, flip, fit)
            for flip in flips
            for side in fractions
            for across, down in positions
        ),
        size,
    )
