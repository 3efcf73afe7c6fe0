"""What a data set knows of an image besides its pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:  # NumPy is heavy, and sources are looked up without it
    from cnnxfer.data.geometry import Geometry

LABEL_SEPARATOR = "|"  # between the labels of an image, in tables


class Annotation(Protocol):
    """What a source knows of an image; a task says which kind it needs.

    Attributes:
        least_classes: how many classes there must be for something to be learned.
    """

    least_classes: ClassVar[int]

    @property
    def labels(self) -> tuple[int, ...]:
        """The classes that the image shows, as ascending indices into their names."""

    def renumbered(self, numbers: Mapping[int, int]) -> Annotation:
        """Returns it with other indices; classes without one are left out."""

    def through(self, geometry: Geometry) -> Annotation:
        """Returns it as it is for a view of the image."""

    def text(self, class_names: Sequence[str]) -> str:
        """Returns what `split.csv` says of the image."""

    def recorded(self, text: str, numbers: Mapping[str, int]) -> Annotation:
        """Returns it as it was when a run wrote `text`.

        Args:
            text: what `text` returned.
            numbers: the indices of the run's classes, by their names.
        """


@dataclass(frozen=True, slots=True)
class Labels:
    """The classes that an image shows: one, or any number of them."""

    labels: tuple[int, ...]
    least_classes: ClassVar[int] = 2

    def renumbered(self, numbers: Mapping[int, int]) -> Labels:
        """Returns the labels with other indices; those without one are left out."""
        return Labels(
            tuple(sorted({numbers[label] for label in self.labels if label in numbers}))
        )

    def through(self, geometry: Geometry) -> Labels:
        """Returns the labels: a view shows what its image shows."""
        return self

    def text(self, class_names: Sequence[str]) -> str:
        """Returns the names of the classes, joined by "|"."""
        return LABEL_SEPARATOR.join(class_names[label] for label in self.labels)

    def recorded(self, text: str, numbers: Mapping[str, int]) -> Labels:
        """Returns the labels that a text stands for."""
        # A class's name may have a separator in it where images have one label each.
        names = [text] if text in numbers else text.split(LABEL_SEPARATOR)
        return Labels(tuple(numbers[name] for name in names if name))
