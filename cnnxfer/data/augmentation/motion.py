"""Rotation, shear, zoom and shift of a view, combined into one affine map."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cnnxfer.config import Augment
from cnnxfer.data.augmentation.keyed_random import KeyedRandom

SETTINGS = ("rotation", "shear", "zoom", "shift")


@dataclass(frozen=True)
class Motion:
    """An affine map from the points of a view to the points that they show.

    Points are in units of the side: (0, 0) is the middle, and (0.5, 0.5) is the lower
    right corner. Point `p` of the view shows point `matrix @ p + shift` of the region.

    Attributes:
        matrix: the linear part, `(2, 2)`.
        shift: the constant part, `(2,)`: across and down.
    """

    matrix: np.ndarray
    shift: np.ndarray

    def then(self, other: Motion) -> Motion:
        """Returns the motion that has the effect of this one, followed by `other`."""
        return Motion(
            self.matrix @ other.matrix, self.matrix @ other.shift + self.shift
        )


def motion(
    *,
    degrees: float = 0,
    shear: tuple[float, float] = (0, 0),
    scale: tuple[float, float] = (1, 1),
    shift: tuple[float, float] = (0, 0),
) -> Motion:
    """Returns the motion that scales, shears, turns and then shifts a view's contents.

    Args:
        degrees: the rotation, counterclockwise.
        shear: how far a point one side below the middle moves to the right, and how
            far a point one side to the right of it moves down; in sides.
        scale: the factors across and down; above 1, things get larger, and -1 mirrors
            them.
        shift: how far the contents move to the right and down, in sides.
    """
    turn = math.radians(degrees)
    cosine, sine = math.cos(turn), math.sin(turn)
    # A `Motion` maps the view to what it shows: the inverse of how contents move.
    forwards = (
        np.array([[cosine, sine], [-sine, cosine]])
        @ np.array([[1, shear[0]], [0, 1]])
        @ np.array([[1, 0], [shear[1], 1]])
        @ np.diag(scale)
    )
    matrix = np.linalg.inv(forwards)
    return Motion(matrix, -matrix @ np.array(shift, float))


def choose_motion(augment: Augment, random: KeyedRandom) -> Motion | None:
    """Returns a random motion of a view; None if all of `SETTINGS` are 0."""
    if not any(getattr(augment, name) for name in SETTINGS):
        return None
    zoom = (1 + augment.zoom) ** random.within(1, "zoom")
    shears = (random.within(augment.shear, f"shear {axis}") for axis in "xy")
    shear_x, shear_y = (math.tan(math.radians(degrees)) for degrees in shears)
    across, down = (random.within(augment.shift, f"shift {axis}") for axis in "xy")
    return motion(
        degrees=random.within(augment.rotation, "rotation"),
        shear=(shear_x, shear_y),
        scale=(zoom, zoom),
        shift=(across, down),
    )
