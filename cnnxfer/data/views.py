"""Which part of each image the network sees, and the pixels of many of them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, islice
from typing import Any, Protocol

import numpy as np

from cnnxfer.data.dataset import Example
from cnnxfer.data.geometry import square_box
from cnnxfer.data.parallel import parallel_map
from cnnxfer.data.picture import Picture
from cnnxfer.errors import DataError


@dataclass(frozen=True)
class Augmentation:
    """What a training view may differ in.

    Attributes:
        crop: side of the random square, as a fraction of the shorter side.
        flip: whether half of the views are mirrored left to right.
        strong: whether it is a rectangle of any size and shape instead, in other
            light and colours; see `strong.strong_view`.
    """

    crop: float
    flip: bool
    strong: bool = False


@dataclass(frozen=True)
class View:
    """A square in a picture; see `geometry.square_box`.

    Attributes:
        fraction: side of the square, of the shorter side.
        across: 0 at the left edge, 1 at the right one.
        down: 0 at the top, 1 at the bottom.
        flip: whether it is mirrored left to right.
    """

    fraction: float
    across: float
    down: float
    flip: bool

    def of(self, picture: Picture, size: int) -> np.ndarray:
        """Returns its pixels, uint8 `(size, size, 3)`."""
        box = square_box(
            picture.width, picture.height, self.fraction, self.across, self.down
        )
        return picture.view(box, size, flip=self.flip)


class Views(Protocol):
    """How the images of a set are looked at, one view each."""

    def of(self, example: Example) -> View:
        """Returns the view of an image."""

    def describe(self) -> dict[str, Any]:
        """Returns all that decides the views, for JSON."""


@dataclass(frozen=True)
class CentralViews:
    """The square in the middle: what validation, test and prediction see.

    Attributes:
        fraction: its side, of the shorter side.
    """

    fraction: float

    def of(self, example: Example) -> View:
        """Returns the view of an image: the same for each."""
        return View(self.fraction, 0.5, 0.5, False)

    def describe(self) -> dict[str, Any]:
        """Returns all that decides the views, for JSON."""
        return {"views": "central", **asdict(self)}


@dataclass(frozen=True)
class RandomViews:
    """A random square each, drawn from the seed, the number and the image's content.

    So they are the same on every machine, in any order, for any choice of images.

    Attributes:
        augmentation: what they differ in.
        seed: of the run.
        number: 0 for the first view of each image, 1 for the second, and so on.
    """

    augmentation: Augmentation
    seed: int
    number: int

    def of(self, example: Example) -> View:
        """Returns the view of an image, whose hash must be known."""
        assert example.sha256, f"{example.id} has not been read"
        key = f"{self.seed} {self.number} {example.sha256}"
        digest = hashlib.sha256(key.encode()).digest()
        across, down, side = (
            int.from_bytes(digest[start : start + 6]) / 2**48 for start in (0, 6, 12)
        )
        flip = self.augmentation.flip and side < 0.5
        return View(self.augmentation.crop, across, down, flip)

    def describe(self) -> dict[str, Any]:
        """Returns all that decides the views, for JSON."""
        return {"views": "random", **asdict(self)}


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
            content = example.read()
            picture = Picture(content)
            seen = [view.of(example).of(picture, image_size) for view in views]
        except DataError as error:
            raise unreadable(example, error) from error
        if example.sha256 not in ("", hashlib.sha256(content).hexdigest()):
            raise DataError(
                f"{example.id} is not the image any more that it was when the data "
                "was split. Bring it back, or train a new run."
            )
        return seen

    ahead = (os.cpu_count() or 1) + -(-2 * batch_size // len(views))
    seen = chain.from_iterable(parallel_map(look, examples, ahead))
    while batch := list(islice(seen, batch_size)):
        yield np.stack(batch)
