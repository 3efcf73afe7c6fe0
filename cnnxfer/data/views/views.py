"""Central and random views of images, and batches of their pixels."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, islice
from typing import Any, Protocol

import numpy as np

from cnnxfer.config import Augment, Config, Fit
from cnnxfer.data.augmentation.keyed_random import KeyedRandom
from cnnxfer.data.augmentation.random_view import RandomView
from cnnxfer.data.augmentation.rearrange import choose_arrangement, rearranged
from cnnxfer.data.dataset import Example
from cnnxfer.data.geometry import Box, Geometry, Seen
from cnnxfer.data.images.boxes import square_box
from cnnxfer.data.images.frame import Frame, on_grey
from cnnxfer.data.images.picture import Picture
from cnnxfer.data.parallel import parallel_map
from cnnxfer.errors import DataError


class View(Protocol):
    """What the network sees of an image."""

    def geometry(self, width: int, height: int, size: int) -> Geometry:
        """Returns where this view lies in an image, as `of` does, without its pixels.

        Args:
            width: the width of the upright image, in pixels.
            height: its height.
            size: the side of the view, in pixels.
        """

    def of(self, picture: Picture, size: int) -> Seen:
        """Returns the pixels of this view of an image, and where they lie in it.

        Args:
            picture: the image.
            size: the side of the view, in pixels.

        Raises:
            DataError: if the image is truncated or corrupt; the message is only the
                reason.
        """


class Views(Protocol):
    """A view for each image of a data set."""

    def of(self, example: Example) -> View:
        """Returns the view of an image."""

    def describe(self) -> dict[str, Any]:
        """Returns all settings that decide the views, in types that JSON has."""

    @property
    def origin(self) -> CentralViews | None:
        """The central views that `rearranged` makes these of; None if it cannot."""

    def rearranged(self, pixels: np.ndarray, examples: Sequence[Example]) -> np.ndarray:
        """Returns the views of images, as `of` does, made of the views of `origin`.

        Both are uint8 `(batch, size, size, 3)`, a view for each of the examples.
        """


@dataclass(frozen=True)
class Square:
    """A view that shows a square of an image, or of its frame.

    Attributes:
        fraction: the side of the square, as a fraction of the frame's shorter side, in
            (0, 1].
        across: where the square lies: 0 at the left edge, 1 at the right edge.
        down: where the square lies: 0 at the top, 1 at the bottom.
        flip: whether the view is mirrored left to right.
        fit: how the image is fitted into a square; see `Frame`.
    """

    fraction: float
    across: float = 0.5
    down: float = 0.5
    flip: bool = False
    fit: Fit = "crop"

    def geometry(self, width: int, height: int, size: int) -> Geometry:
        """Returns where this view lies in an image of a size; see `View.geometry`."""
        box = self._box(width, height)
        geometry = Geometry.of_box(box, size, flip=self.flip)
        if self.fit == "letterbox":
            return geometry.on_whole_pixels(width, height)
        return geometry

    def of(self, picture: Picture, size: int) -> Seen:
        """Returns the pixels of this view of an image, and where they lie in it."""
        width, height = picture.width, picture.height
        geometry = self.geometry(width, height, size)
        if self.fit == "letterbox":
            return Seen(on_grey(picture, geometry), geometry)
        pixels = picture.view(self._box(width, height), size, flip=self.flip)
        return Seen(pixels, geometry)

    def _box(self, width: int, height: int) -> Box:
        frame = Frame.of(self.fit, width, height)
        part = square_box(
            frame.width, frame.height, self.fraction, self.across, self.down
        )
        return frame.on_image(part)


@dataclass(frozen=True)
class CentralViews:
    """Views of the middle, which evaluation and prediction use.

    Attributes:
        fraction: the side of the square in the middle, as a fraction of the shorter
            side of the image or of its frame, in (0, 1].
        fit: how images are fitted into a square; see `Frame`.
    """

    fraction: float
    fit: Fit = "crop"

    def of(self, example: Example) -> View:
        """Returns the view of an image, which is the same for all images."""
        return Square(self.fraction, fit=self.fit)

    def describe(self) -> dict[str, Any]:
        """Returns all settings that decide the views, in types that JSON has."""
        return {"views": "central", "fraction": self.fraction, **_described(self.fit)}

    @property
    def origin(self) -> CentralViews:
        """These views themselves."""
        return self

    def rearranged(self, pixels: np.ndarray, examples: Sequence[Example]) -> np.ndarray:
        """Returns the same views."""
        return pixels


@dataclass(frozen=True)
class RandomViews:
    """A random view of each image, drawn from the seed, the number and the content.

    So the views are the same on every machine, whatever the order and the choice of
    images.

    Attributes:
        augment: the settings of the augmentation.
        fraction: that of the central views; used if `augment` does not choose another
            region.
        seed: the seed of the run.
        number: 0 for the first view of each image, 1 for the second, and so on.
        fit: how images are fitted into a square; see `Frame`.
    """

    augment: Augment
    fraction: float
    seed: int
    number: int
    fit: Fit = "crop"

    def of(self, example: Example) -> View:
        """Returns the view of an image, whose SHA-256 must be known."""
        return RandomView(self.augment, self.fraction, self._random(example), self.fit)

    def describe(self) -> dict[str, Any]:
        """Returns all settings that decide the views, in types that JSON has."""
        augment = self.augment
        augmentation = augment.operations if augment.is_cacheable else asdict(augment)
        if augment.area != "none":
            augmentation = {**augmentation, "aspect": augment.aspect}
        if augment.is_filled:
            augmentation = {**augmentation, "fill": augment.fill}
            if augment.fill == "constant":
                augmentation = {**augmentation, "fill_value": augment.fill_value}
        is_central = augment.region in ("", "padding")
        central = {"central_crop": self.fraction} if is_central else {}
        return {
            "views": "random",
            "augmentation": {**augmentation, **central},
            "seed": self.seed,
            "number": self.number,
            **_described(self.fit),
        }

    @property
    def origin(self) -> CentralViews | None:
        """The central views, if these show their pixels in other places."""
        if not self.augment.rearranges:
            return None
        return CentralViews(self.fraction, self.fit)

    def rearranged(self, pixels: np.ndarray, examples: Sequence[Example]) -> np.ndarray:
        """Returns the views of images, made of the views of `origin`."""
        arrangements = [
            choose_arrangement(self.augment, self._random(example), pixels.shape[1])
            for example in examples
        ]
        return rearranged(pixels, arrangements, self.augment)

    def _random(self, example: Example) -> KeyedRandom:
        assert example.sha256, f"{example.id} has not been read"
        return KeyedRandom(f"{self.seed} {self.number} {example.sha256}")


def _described(fit: Fit) -> dict[str, Any]:
    """Returns what is kept of a fit beside activations; those of old had none."""
    return {} if fit == "crop" else {"fit": fit}


def central_views(config: Config) -> CentralViews:
    """Returns the views of images in validation, in the test and in prediction.

    Its `fit` and `central_crop` decide them.
    """
    return CentralViews(config.central_fraction, config.fit)


def training_views(config: Config, number: int) -> Views:
    """Returns the views of the training images: random ones, or central ones.

    Args:
        config: its `augment`, `fit`, `central_crop` and `seed` decide the views.
        number: the number of the view, from 0: the epoch if each epoch has new views,
            or else the number among the stored views of an image.
    """
    central = central_views(config)
    if not config.augment.operations:
        return central
    return RandomViews(
        config.augment, central.fraction, config.seed, number, central.fit
    )


def open_picture(example: Example) -> Picture:
    """Reads the image of an example, and checks that it has not changed.

    Raises:
        DataError: if the content does not have the example's SHA-256, or cannot be
            read; the message is only the reason.
    """
    content = example.read()
    if example.sha256 not in ("", hashlib.sha256(content).hexdigest()):
        raise DataError(
            "it has changed since the data was split; restore the original image, or "
            "train a new run"
        )
    return Picture(content)


def unreadable(example: Example, reason: DataError) -> DataError:
    """Returns the error for an image that can no longer be read.

    Args:
        example: the image.
        reason: the error of reading it, whose message is only the reason.
    """
    return DataError(f"{example.id} cannot be read any more: {reason}")


def pixel_batches(
    examples: Sequence[Example],
    views: Sequence[Views],
    *,
    image_size: int,
    batch_size: int,
) -> Iterator[np.ndarray]:
    """Yields the pixels of all views of all images, decoded on all cores.

    Each image is read and decoded once; its views follow one another: image 0 view 0,
    image 0 view 1, ..., image 1 view 0, ... At most two batches wait.

    Args:
        examples: the images.
        views: what decides the views of each image; at least one.
        image_size: the side of the views, in pixels.
        batch_size: the number of views in a batch.

    Yields:
        uint8 `(batch_size, size, size, 3)`; the last batch may be smaller.

    Raises:
        DataError: if an image cannot be read any more, or has changed.
    """

    def read_views(example: Example) -> list[np.ndarray]:
        try:
            picture = open_picture(example)
            seen = [view.of(example).of(picture, image_size) for view in views]
            return [each.pixels for each in seen]
        except DataError as error:
            raise unreadable(example, error) from error

    ahead = (os.cpu_count() or 1) + -(-2 * batch_size // len(views))
    pixels = chain.from_iterable(parallel_map(read_views, examples, ahead))
    while batch := list(islice(pixels, batch_size)):
        yield np.stack(batch)
