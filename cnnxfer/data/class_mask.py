"""What a data set knows of each pixel of an image: its class."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:  # NumPy is heavy, and sources are looked up without it
    import numpy as np

    from cnnxfer.data.geometry import Geometry

IGNORED = 255  # in place of a label, for pixels that neither teach nor count


class MaskReader(Protocol):
    """Where a mask comes from: a picture of labels, or polygons that are drawn."""

    def read(self, width: int, height: int) -> np.ndarray:
        """Returns the values of the pixels as the data set has them.

        Args:
            width: the width of the upright picture, in pixels.
            height: its height.

        Returns:
            uint8 `(height, width)`.

        Raises:
            DataError: if it cannot be read, or has another size; the message is only
                the reason.
        """

    @property
    def name(self) -> str:
        """What identifies the mask within the data set, such as its file."""


@dataclass(frozen=True, slots=True)
class ClassMask:
    """The class of each pixel of an image.

    Attributes:
        reader: reads the mask.
        values: the label that each value of the mask stands for. Pixels of other values
            are ignored.
        labels: the classes that occur in it, ascending.
        width: the width of the upright picture, in pixels; 0 until it is known.
        height: its height.
    """

    reader: MaskReader
    values: Mapping[int, int]
    labels: tuple[int, ...]
    width: int = 0
    height: int = 0
    least_classes: ClassVar[int] = 2  # of one alone, every pixel would be

    def renumbered(self, numbers: Mapping[int, int]) -> ClassMask:
        """Returns it with other indices; pixels of other classes are ignored."""
        return replace(
            self,
            values={
                value: numbers[label]
                for value, label in self.values.items()
                if label in numbers
            },
            labels=tuple(
                sorted({numbers[label] for label in self.labels if label in numbers})
            ),
        )

    def through(self, geometry: Geometry) -> ClassMask:
        """Returns it as it is: its pixels follow a view in `pixels`."""
        return self

    def pixels(self) -> np.ndarray:
        """Returns the label of each pixel, `IGNORED` where there is none.

        Returns:
            uint8 `(height, width)`.

        Raises:
            DataError: if the mask cannot be read; the message is only the reason.
        """
        import numpy as np

        table = np.full(256, IGNORED, np.uint8)
        for value, label in self.values.items():
            table[value] = label
        labels: np.ndarray = table[self.reader.read(self.width, self.height)]
        return labels

    def text(self, class_names: Sequence[str]) -> str:
        """Returns the size, the mask's name and its classes, as JSON."""
        values = {
            str(value): class_names[label]
            for value, label in self.values.items()
            if label in self.labels  # of hundreds of classes, few occur in a mask
        }
        names = [class_names[label] for label in self.labels]
        return json.dumps(
            [[self.width, self.height], self.reader.name, values, names],
            ensure_ascii=False,
            separators=(",", ":"),
        )

    def recorded(self, text: str, numbers: Mapping[str, int]) -> ClassMask:
        """Returns the classes that a text stands for; see `text`."""
        (width, height), _, values, names = json.loads(text)
        return replace(
            self,
            values={int(value): numbers[name] for value, name in values.items()},
            labels=tuple(sorted(numbers[name] for name in names)),
            width=int(width),
            height=int(height),
        )
