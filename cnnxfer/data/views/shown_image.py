"""An image of a preview: what views show of it, and what the data knows of places."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from cnnxfer.data.class_mask import ClassMask
from cnnxfer.data.dataset import Example, IndexRow
from cnnxfer.data.geometry import Seen
from cnnxfer.data.images.drawing import colour_mask, draw_boxes
from cnnxfer.data.images.picture import Picture
from cnnxfer.data.objects import Objects
from cnnxfer.data.preparing.fit import fit_annotations
from cnnxfer.data.views.mask_view import mask_view
from cnnxfer.data.views.views import CentralViews, Views, open_picture
from cnnxfer.errors import DataError


@dataclass(frozen=True)
class ShownImage:
    """An image of a preview.

    Attributes:
        example: the image, whose SHA-256 is known.
        picture: its pixels.
        mask: the label of each pixel, uint8 `(height, width)`; None if the data has
            none.
    """

    example: Example
    picture: Picture
    mask: np.ndarray | None

    @staticmethod
    def of(example: Example) -> ShownImage:
        """Reads all of an image, and its mask if it has one; its boxes are repaired.

        Raises:
            DataError: if one of them cannot be read, or boxes or mask do not fit; the
                message is only the reason.
        """
        sha256 = hashlib.sha256(example.read()).hexdigest()
        found = dataclasses.replace(example, sha256=sha256)
        picture = open_picture(found)
        CentralViews(1).of(found).of(picture, 1)  # decodes it, to notice damage
        row = IndexRow(
            found, picture.width, picture.height, orientation=picture.orientation
        )
        (fitted,), _ = fit_annotations([row])
        if fitted.problem:
            raise DataError(fitted.problem)
        known = fitted.example.annotation
        mask = known.pixels() if isinstance(known, ClassMask) else None
        return ShownImage(fitted.example, picture, mask)

    @property
    def has_places(self) -> bool:
        """Whether the data knows where in the image something is."""
        return isinstance(self.example.annotation, Objects | ClassMask)

    def seen(self, views: Views, size: int) -> Seen:
        """Returns its view among these, with a side of so many pixels."""
        return views.of(self.example).of(self.picture, size)

    def tile(self, seen: Seen, size: int, class_names: Sequence[str]) -> Image.Image:
        """Returns a view as it is drawn, with the boxes or the mask that it shows.

        Args:
            seen: the view.
            size: the side at which it is drawn, in pixels.
            class_names: the names of the classes, in label order.
        """
        tile = Image.fromarray(seen.pixels)
        tile = tile.resize((size, size), Image.Resampling.NEAREST)
        if self.mask is not None:
            return colour_mask(tile, mask_view(self.mask, seen.geometry, size))
        if isinstance(self.example.annotation, Objects):
            objects = self.example.annotation.through(seen.geometry).objects
            boxes = np.reshape([item.box for item in objects], (-1, 4))
            scale = size / seen.geometry.size
            labels = [item.label for item in objects]
            return draw_boxes(tile, scale * boxes, labels, class_names)
        return tile
