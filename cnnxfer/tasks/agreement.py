"""How far an engine's answers may be from those of Keras, and whether they are."""

from __future__ import annotations

import math
from dataclasses import dataclass

# Probabilities that differ by less than this count as equal.
TIE_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Bounds:
    """How far an engine's answers may be from those of Keras.

    Attributes:
        difference: largest allowed difference of a probability, in [0, 1], over all
            images and classes.
        agreement: smallest allowed share, in [0, 1], of images with the same most
            probable class. Where images have several labels, the smallest allowed Dice
            coefficient of the labels that either finds.
        distance: largest allowed L2 distance of the features, as a share of the norm
            of Keras's features.
        pixels: largest allowed distance between the edges of two boxes that count as
            the same, in pixels of the view.
    """

    difference: float
    agreement: float
    distance: float
    pixels: float = math.inf


@dataclass(frozen=True)
class Verdict:
    """The result of a comparison.

    Attributes:
        passed: whether the answers are within the bounds.
        figures: the measured differences and their bounds, as text.
    """

    passed: bool
    figures: str
