"""How what a view shows is turned, sheared, scaled and shifted: one affine map."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cnnxfer.config import Augment
from cnnxfer.data.augmentation.keyed_random import KeyedRandom

MOVING = ("rotation", "shear", "zoom", "shift")


@dataclass(frozen=True)
class Motion:
    """Where each point of a view comes from, both seen from the middle.

    In units of the view's side: (0, 0) is the middle, (0.5, 0.5) the lower right
    corner. Point `p` shows what is at `matrix @ p + shift` of the region.

    Attributes:
        matrix: `(2, 2)`.
        shift: `(2,)`, across and down.
    """

    matrix: np.ndarray
    shift: np.ndarray

    def then(self, other: Motion) -> Motion:
        """Returns this motion, followed by `other`."""
        return Motion(
            self.matrix @ other.matrix, self.matrix @ other.shift + self.shift
        )

    @property
    def upright(self) -> bool:
        """Whether rectangles stay upright rectangles."""
        return not (self.matrix[0, 1] or self.matrix[1, 0])


def motion(
    *,
    degrees: float = 0,
    shear: tuple[float, float] = (0, 0),
    scale: tuple[float, float] = (1, 1),
    shift: tuple[float, float] = (0, 0),
) -> Motion:
    """Returns the motion that scales what is seen, shears, turns, and shifts it.

    Args:
        degrees: counterclockwise.
        shear: how far to the right what lies a side below the middle moves, and how
            far down what lies a side to its right.
        scale: above 1, things are larger; -1 mirrors them.
        shift: to the right and downwards, of the side.
    """
    turn = math.radians(degrees)
    cosine, sine = math.cos(turn), math.sin(turn)
    # What is seen moves forwards, so where it comes from moves backwards.
    forwards = (
        np.array([[cosine, sine], [-sine, cosine]])
        @ np.array([[1, shear[0]], [0, 1]])
        @ np.array([[1, 0], [shear[1], 1]])
        @ np.diag(scale)
    )
    matrix = np.linalg.inv(forwards)
    return Motion(matrix, -matrix @ np.array(shift, float))


def choose_motion(augment: Augment, chances: KeyedRandom) -> Motion | None:
    """Returns the rotation, shear, zoom and shift of a view; None if there are none."""
    if not any(getattr(augment, name) for name in MOVING):
        return None
    zoom = (1 + augment.zoom) ** chances.within(1, "zoom")
    shears = (chances.within(augment.shear, f"shear {axis}") for axis in "xy")
    shear_x, shear_y = (math.tan(math.radians(degrees)) for degrees in shears)
    across, down = (chances.within(augment.shift, f"shift {axis}") for axis in "xy")
    return motion(
        degrees=chances.within(augment.rotation, "rotation"),
        shear=(shear_x, shear_y),
        scale=(zoom, zoom),
        shift=(across, down),
    )
