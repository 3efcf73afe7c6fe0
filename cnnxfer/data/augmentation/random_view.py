"""A training view: where it lies, how it is moved, its light, and what spoils it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
from PIL import Image

from cnnxfer.config import Augment
from cnnxfer.data.augmentation.colour import change_colours
from cnnxfer.data.augmentation.keyed_random import KeyedRandom
from cnnxfer.data.augmentation.motion import Motion, choose_motion, motion
from cnnxfer.data.augmentation.randaugment import choose_operations
from cnnxfer.data.augmentation.region import choose_region
from cnnxfer.data.augmentation.texture import add_noise, blur, cut_out
from cnnxfer.data.augmentation.warp import warp
from cnnxfer.data.images.picture import Picture


@dataclass(frozen=True)
class RandomView:
    """One view of a picture, new in all that `augment` lets vary.

    Attributes:
        augment: what that is.
        central_crop: side of the square in the middle, where nothing else says what
            part is seen.
        chances: what all is drawn from.
    """

    augment: Augment
    central_crop: float
    chances: KeyedRandom

    def of(self, picture: Picture, size: int) -> np.ndarray:
        """Returns its pixels, uint8 `(size, size, 3)`.

        Raises:
            DataError: if the picture is truncated or corrupt; the message is the
                reason alone.
        """
        augment, chances = self.augment, self.chances
        motions, recolourings = choose_operations(augment, chances)
        if chosen := choose_motion(augment, chances):
            motions.insert(0, chosen)
        pixels = self._shown(picture, size, motions)
        if not augment.plain:
            image = Image.fromarray(pixels)
            for recolouring in recolourings:
                image = recolouring(image)
            image = change_colours(image, augment, chances)
            image = blur(image, augment, chances)
            pixels = add_noise(np.asarray(image), augment, chances)
            pixels = cut_out(pixels, augment, chances)
        return pixels

    def _shown(self, picture: Picture, size: int, motions: list[Motion]) -> np.ndarray:
        augment, chances = self.augment, self.chances
        region = choose_region(
            augment,
            self.central_crop,
            chances,
            width=picture.width,
            height=picture.height,
            image_size=size,
        )
        *_, side = chances.of(count=3)
        flip = augment.flip and side < 0.5
        upset = augment.vertical_flip and chances.of("vertical_flip")[0] < 0.5
        if not motions:
            pixels = picture.view(region, size, flip=flip)
            return pixels[::-1] if upset else pixels
        mirror = motion(scale=(-1 if flip else 1, -1 if upset else 1))
        return warp(
            picture,
            region,
            size,
            reduce(Motion.then, [mirror, *motions]),
            fill=augment.fill,
            fill_value=augment.fill_value,
        )
