"""Which part of each image the network sees, and the pixels of many of them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, islice
from typing import Any, Protocol

import numpy as np

from cnnxfer.config import Augment, Config
from cnnxfer.data.augmentation.keyed_random import KeyedRandom
from cnnxfer.data.augmentation.random_view import RandomView
from cnnxfer.data.dataset import Example
from cnnxfer.data.images.geometry import square_box
from cnnxfer.data.images.picture import Picture
from cnnxfer.data.parallel import parallel_map
from cnnxfer.errors import DataError


class View(Protocol):
    """What the network sees of a picture."""

    def of(self, picture: Picture, size: int) -> np.ndarray:
        """Returns its pixels, uint8 `(size, size, 3)`.

        Raises:
            DataError: if the picture is truncated or corrupt; the message is the
                reason alone.
        """


class Views(Protocol):
    """How the images of a set are looked at, one view each."""

    def of(self, example: Example) -> View:
        """Returns the view of an image."""

    def describe(self) -> dict[str, Any]:
        """Returns all that decides the views, for JSON."""


@dataclass(frozen=True)
class Square:
    """A square in a picture; see `geometry.square_box`.

    Attributes:
        fraction: side of the square, of the shorter side.
        across: 0 at the left edge, 1 at the right one.
        down: 0 at the top, 1 at the bottom.
        flip: whether it is mirrored left to right.
    """

    fraction: float
    across: float = 0.5
    down: float = 0.5
    flip: bool = False

    def of(self, picture: Picture, size: int) -> np.ndarray:
        """Returns its pixels, uint8 `(size, size, 3)`."""
        box = square_box(
            picture.width, picture.height, self.fraction, self.across, self.down
        )
        return picture.view(box, size, flip=self.flip)


@dataclass(frozen=True)
class CentralViews:
    """The square in the middle: what validation, test and prediction see.

    Attributes:
        fraction: its side, of the shorter side.
    """

    fraction: float

    def of(self, example: Example) -> View:
        """Returns the view of an image: the same for each."""
        return Square(self.fraction)

    def describe(self) -> dict[str, Any]:
        """Returns all that decides the views, for JSON."""
        return {"views": "central", **asdict(self)}


@dataclass(frozen=True)
class RandomViews:
    """A random view each, drawn from the seed, the number and the image's content.

    So they are the same on every machine, in any order, for any choice of images.

    Attributes:
        augment: what they differ in.
        central_crop: side of the square in the middle, where `augment` says nothing
            else about what part is seen.
        seed: of the run.
        number: 0 for the first view of each image, 1 for the second, and so on.
    """

    augment: Augment
    central_crop: float
    seed: int
    number: int

    def of(self, example: Example) -> View:
        """Returns the view of an image, whose hash must be known."""
        assert example.sha256, f"{example.id} has not been read"
        chances = KeyedRandom(f"{self.seed} {self.number} {example.sha256}")
        return RandomView(self.augment, self.central_crop, chances)

    def describe(self) -> dict[str, Any]:
        """Returns all that decides the views, for JSON."""
        augment = self.augment
        augmentation = augment.operations if augment.plain else asdict(augment)
        if augment.area:
            augmentation = {**augmentation, "aspect": augment.aspect}
        central = {} if augment.region else {"central_crop": self.central_crop}
        return {
            "views": "random",
            "augmentation": {**augmentation, **central},
            "seed": self.seed,
            "number": self.number,
        }


def training_views(config: Config, number: int) -> Views:
    """Returns how the training images are looked at.

    Args:
        config: its `augment`, `central_crop` and `seed` decide.
        number: of the epoch, where each has new views; of the view, where some of each
            image are kept; from 0.
    """
    if not config.augment.operations:
        return CentralViews(config.central_crop)
    return RandomViews(config.augment, config.central_crop, config.seed, number)


def open_picture(example: Example) -> Picture:
    """Reads an image that could be read before.

    Raises:
        DataError: if it is another one than the one whose hash the example has, or
            cannot be read any more; the message is the reason alone.
    """
    content = example.read()
    if example.sha256 not in ("", hashlib.sha256(content).hexdigest()):
        raise DataError(
            "it is not the image that it was when the data was split; bring that "
            "back, or train a new run"
        )
    return Picture(content)


def unreadable(example: Example, reason: DataError) -> DataError:
    """Returns the error of an image that could be read before."""
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

    Returns:
        uint8 `(batch_size, size, size, 3)`; the last batch may be smaller.

    Raises:
        DataError: if an image cannot be read any more, or is another one than the
            one whose hash its example has.
    """

    def look(example: Example) -> list[np.ndarray]:
        try:
            picture = open_picture(example)
            return [view.of(example).of(picture, image_size) for view in views]
        except DataError as error:
            raise unreadable(example, error) from error

    ahead = (os.cpu_count() or 1) + -(-2 * batch_size // len(views))
    seen = chain.from_iterable(parallel_map(look, examples, ahead))
    while batch := list(islice(seen, batch_size)):
        yield np.stack(batch)
