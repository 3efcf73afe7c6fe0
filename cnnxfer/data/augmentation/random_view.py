"""Random views for training: region, motion, tones, colours and texture."""

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
from cnnxfer.data.augmentation.rearrange import choose_arrangement, rearranged
from cnnxfer.data.augmentation.region import choose_region
from cnnxfer.data.augmentation.texture import (
    add_noise,
    blur,
    cut_out,
    median_blur,
    sharpen,
)
from cnnxfer.data.augmentation.tone import change_tones
from cnnxfer.data.augmentation.warp import moved, warp
from cnnxfer.data.geometry import Geometry, Seen
from cnnxfer.data.images.picture import Picture


@dataclass(frozen=True)
class RandomView:
    """A randomly augmented view of an image.

    Attributes:
        augment: the settings of the augmentation.
        central_crop: the side of the central square, as a fraction of the image's
            shorter side; used if `augment` does not choose another region.
        random: what everything is drawn from.
    """

    augment: Augment
    central_crop: float
    random: KeyedRandom

    def of(self, picture: Picture, size: int) -> Seen:
        """Returns the pixels of this view of an image, and where they lie in it.

        Args:
            picture: the image.
            size: the side of the view, in pixels.

        Raises:
            DataError: if the image is truncated or corrupt; the message is only the
                reason.
        """
        augment, random = self.augment, self.random
        motions, recolourings = choose_operations(augment, random)
        if chosen := choose_motion(augment, random):
            motions.insert(0, chosen)
        seen = self._region_seen(picture, size, motions)
        if not augment.is_cacheable:
            image = Image.fromarray(seen.pixels)
            for recolouring in recolourings:
                image = recolouring(image)
            for change in (change_tones, change_colours, median_blur, blur, sharpen):
                image = change(image, augment, random)
            pixels = add_noise(np.asarray(image), augment, random)
            seen = Seen(cut_out(pixels, augment, random), seen.geometry)
        return seen

    def _region_seen(self, picture: Picture, size: int, motions: list[Motion]) -> Seen:
        augment, random = self.augment, self.random
        region = choose_region(
            augment,
            self.central_crop,
            random,
            width=picture.width,
            height=picture.height,
            image_size=size,
        )
        arrangement = choose_arrangement(augment, random, size)
        flip, vertical_flip = arrangement.flip, arrangement.vertical_flip
        if motions:
            mirror = motion(scale=(-1 if flip else 1, -1 if vertical_flip else 1))
            geometry = moved(region, size, reduce(Motion.then, [mirror, *motions]))
            pixels = warp(
                picture, geometry, fill=augment.fill, fill_value=augment.fill_value
            )
        else:
            geometry = Geometry.of_box(
                region, size, flip=flip, vertical_flip=vertical_flip
            )
            pixels = picture.view(region, size, flip=flip)
            pixels = pixels[::-1] if vertical_flip else pixels
        if arrangement.padding:
            rest = arrangement._replace(flip=False, vertical_flip=False)
            [pixels] = rearranged(pixels[None], [rest], augment)
            geometry = rest.moved(geometry)
        return Seen(pixels, geometry)
