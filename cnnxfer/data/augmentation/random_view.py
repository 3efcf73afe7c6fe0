"""Random views for training: region, motion, tones, colours and texture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple

import numpy as np
from PIL import Image

from cnnxfer.config import Augment, Fit
from cnnxfer.data.augmentation.colour import change_colours
from cnnxfer.data.augmentation.keyed_random import KeyedRandom
from cnnxfer.data.augmentation.motion import Motion, choose_motion, motion
from cnnxfer.data.augmentation.randaugment import choose_operations
from cnnxfer.data.augmentation.rearrange import (
    Arrangement,
    choose_arrangement,
    rearranged,
)
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
from cnnxfer.data.geometry import Box, Geometry, Seen
from cnnxfer.data.images.frame import GREY, Frame, on_grey
from cnnxfer.data.images.picture import Picture


@dataclass(frozen=True)
class RandomView:
    """A randomly augmented view of an image.

    Attributes:
        augment: the settings of the augmentation.
        fraction: the side of what validation sees, as a fraction of the frame's shorter
            side; used if `augment` does not choose another region.
        random: what everything is drawn from.
        fit: how the image is fitted into a square; see `Frame`.
    """

    augment: Augment
    fraction: float
    random: KeyedRandom
    fit: Fit = "crop"

    def geometry(self, width: int, height: int, size: int) -> Geometry:
        """Returns where this view lies in an image of a size; see `View.geometry`."""
        placing = self._placing(width, height, size)
        return placing.border.moved(placing.geometry)

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
        placing = self._placing(picture.width, picture.height, size)
        pixels = self._shown(picture, placing)
        if placing.border.padding:
            [pixels] = rearranged(pixels[None], [placing.border], augment)
        if not augment.is_cacheable:
            image = Image.fromarray(pixels)
            _, recolourings = choose_operations(augment, random)
            for recolouring in recolourings:
                image = recolouring(image)
            for change in (change_tones, change_colours, median_blur, blur, sharpen):
                image = change(image, augment, random)
            pixels = add_noise(np.asarray(image), augment, random)
            pixels = cut_out(pixels, augment, random)
        return Seen(pixels, placing.border.moved(placing.geometry))

    def _placing(self, width: int, height: int, size: int) -> _Placing:
        augment, random = self.augment, self.random
        frame = Frame.of(self.fit, width, height)
        part = choose_region(
            augment,
            self.fraction,
            random,
            width=frame.width,
            height=frame.height,
            image_size=size,
        )
        region = frame.on_image(part)
        arrangement = choose_arrangement(augment, random, size)
        flip, vertical_flip = arrangement.flip, arrangement.vertical_flip
        border = arrangement._replace(flip=False, vertical_flip=False)
        motions = self._motions()
        if motions:
            mirror = motion(scale=(-1 if flip else 1, -1 if vertical_flip else 1))
            geometry = moved(region, size, reduce(Motion.then, [mirror, *motions]))
        else:
            geometry = Geometry.of_box(
                region, size, flip=flip, vertical_flip=vertical_flip
            )
        if self.fit == "letterbox" and geometry.upright:
            geometry = geometry.on_whole_pixels(width, height)
        return _Placing(None if motions else region, geometry, border)

    def _motions(self) -> list[Motion]:
        motions, _ = choose_operations(self.augment, self.random)
        first = choose_motion(self.augment, self.random)
        return [first, *motions] if first else motions

    def _shown(self, picture: Picture, placing: _Placing) -> np.ndarray:
        region, geometry, _ = placing
        if self.fit == "letterbox":
            if geometry.upright:
                return on_grey(picture, geometry)
            return warp(picture, geometry, fill="constant", fill_value=GREY)
        if region is None:
            augment = self.augment
            return warp(
                picture, geometry, fill=augment.fill, fill_value=augment.fill_value
            )
        pixels = picture.view(region, geometry.size, flip=geometry.across[0] < 0)
        return pixels[::-1] if geometry.down[1] < 0 else pixels


class _Placing(NamedTuple):
    """Where a view lies.

    Attributes:
        region: the box of the image that it shows, mirrored or not; None if its
            contents are moved.
        geometry: where it lies before a border is drawn around it.
        border: how it is padded, and then cropped to its size again.
    """

    region: Box | None
    geometry: Geometry
    border: Arrangement
