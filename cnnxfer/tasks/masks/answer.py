"""Answers that say the class of each pixel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from cnnxfer.tasks.answer import DIGITS, NONE, Kind, Line

if TYPE_CHECKING:
    from PIL import Image

# An image shows a class if it has at least this share of the pixels; less of it may be
# a speck at the edge of something else.
LEAST_SHARE = 0.01


@dataclass(frozen=True)
class ClassShare:
    """A class that some pixels have.

    Attributes:
        label: its readable name.
        share: the share of the image's pixels, in (0, 1]; those of all classes sum to
            1.
    """

    label: str
    share: float


@dataclass(frozen=True)
class MaskAnswer:
    """A class for each pixel.

    Attributes:
        shares: the classes that occur, by their shares of the pixels, largest first.
        class_names: the readable names of all classes, in label order.
        mask: the class of each pixel, uint8 `(height, width)`; None of an answer that
            was read from a file of results, or if the image could not be read.
        file: the file that the mask was written to, as results name it; empty if it was
            not written.
        nothing: the word for an image without a class.
    """

    shares: tuple[ClassShare, ...] = ()
    class_names: tuple[str, ...] = ()
    mask: np.ndarray | None = field(default=None, compare=False, repr=False)
    file: str = ""
    nothing: str = NONE

    kind: ClassVar[Kind] = "masks"
    columns: ClassVar = ("rank", "label", "share", "mask")
    titles: ClassVar = ("class", "pixels")
    objects: ClassVar = ()
    top: ClassVar = None
    summary: ClassVar = None

    @property
    def displaced(self) -> str | None:
        """The word "none", if a class is called so."""
        return None if self.nothing == NONE else NONE

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes with at least `LEAST_SHARE` of the pixels, largest first."""
        return tuple(item.label for item in self.shares if item.share >= LEAST_SHARE)

    @property
    def folders(self) -> Sequence[tuple[str, str]]:
        """The classes with at least `LEAST_SHARE` of the pixels."""
        return [(label, label) for label in self.labels]

    def record(self) -> dict[str, Any]:
        """Returns the mask's file, if it has one, and the share of each class."""
        classes = [{"label": item.label, "share": item.share} for item in self.shares]
        return ({"mask": self.file} if self.file else {}) | {"classes": classes}

    def rows(self) -> list[tuple[Any, ...]]:
        """Returns a row for each class that occurs."""
        return [
            (rank, item.label, item.share, self.file or None)
            for rank, item in enumerate(self.shares, start=1)
        ]

    def lines(self, most: int | None = None) -> list[Line]:
        """Returns a line for each class that occurs."""
        return [
            Line(rank, item.label, item.share, item.share < LEAST_SHARE)
            for rank, item in enumerate(self.shares[:most], start=1)
        ]

    def drawn(self, image: Image.Image, size: tuple[int, int]) -> Image.Image:
        """Returns a copy of the image with the colours of the classes over it."""
        if self.mask is None:
            return image
        from PIL import Image as Pillow  # slow to import

        from cnnxfer.data.images.drawing import colour_mask

        nearest = Pillow.Resampling.NEAREST
        mask = Pillow.fromarray(self.mask).resize(image.size, nearest)
        return colour_mask(image, np.asarray(mask))


def class_shares(
    mask: np.ndarray, class_names: Sequence[str]
) -> tuple[ClassShare, ...]:
    """Returns the classes of a mask, by their shares of the pixels, largest first.

    Args:
        mask: the class of each pixel, uint8 `(height, width)`.
        class_names: the readable names of the classes, in label order.
    """
    counts = np.bincount(mask.ravel(), minlength=len(class_names))
    shares = (counts / mask.size).round(DIGITS)
    order = np.argsort(-counts, kind="stable").tolist()
    return tuple(
        ClassShare(class_names[label], float(shares[label]))
        for label in order
        if counts[label]
    )


def read_shares(record: Mapping[str, Any]) -> tuple[ClassShare, ...]:
    """Returns the shares that `MaskAnswer.record` has written; none for `{}`.

    Raises:
        KeyError, TypeError: if it has another form.
    """
    return tuple(ClassShare(**item) for item in (record["classes"] if record else ()))
