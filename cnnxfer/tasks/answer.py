"""What the answer of a task to one image is to those who write and show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:  # both are heavy, and many answers need neither
    import numpy as np
    from PIL import Image

    from cnnxfer.data.geometry import Box

NONE = "none"  # the usual word for an image that shows nothing that is known
Kind = Literal["classes", "objects", "masks"]  # what an answer tells of an image
DIGITS = 6  # decimal places of probabilities in tables, files and thresholds


@dataclass(frozen=True)
class RankedClass:
    """One class of a ranking.

    Attributes:
        rank: position in the ranking; 1 is the most probable class.
        class_id: WordNet id for ImageNet heads, the class name otherwise.
        label: readable name.
        probability: a fraction in [0, 1]. Those of all classes sum to 1, except in a
            multi-label model.
    """

    rank: int
    class_id: str
    label: str
    probability: float

    def rounded(self) -> dict[str, Any]:
        """Returns it as it is written, with the columns of CSV and Parquet as keys."""
        return {
            "rank": self.rank,
            "class_id": self.class_id,
            "label": self.label,
            "probability": round(self.probability, DIGITS),
        }


@dataclass(frozen=True)
class FoundObject:
    """An object that was found in an image.

    Attributes:
        label: the readable name of its class.
        score: how sure the model is of it, a fraction in [0, 1].
        box: left, top, right and bottom edge, in pixels of the upright image, counted
            from 0 at the outer edge of the first pixel.
        index: the position of its class among those of the model.
    """

    label: str
    score: float
    box: Box
    index: int


@dataclass(frozen=True)
class Line:
    """A line of an answer, as tables and pages show it.

    Attributes:
        rank: the position among the lines of the answer, from 1; the best is first.
        label: what was recognized, or may have been.
        fraction: what `TaskAnswer.titles` calls it, in [0, 1].
        rejected: whether it is shown though it is not the answer, or not part of it.
        place: where in the image it is; empty if that is not known.
    """

    rank: int
    label: str
    fraction: float
    rejected: bool = False
    place: str = ""


class TaskAnswer(Protocol):
    """The answer of a task to an image; empty if the image could not be read."""

    @property
    def kind(self) -> Kind:
        """What it tells of an image, even if it is empty."""

    @property
    def nothing(self) -> str:
        """The word for an image that shows nothing that is probable enough.

        It is the name of no class.
        """

    @property
    def displaced(self) -> str | None:
        """The usual word for it, if a class is called so, and the word is needed."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns of `rows`."""

    @property
    def titles(self) -> tuple[str, ...]:
        """What people call the label, the fraction and the place, if any, of a line."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of all classes, in label order; empty if nobody needs them."""

    @property
    def top(self) -> RankedClass | None:
        """The most probable class, whether or not it is probable enough.

        None if nothing was found, or classes have no probabilities.
        """

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of what the image shows, best first."""

    @property
    def folders(self) -> Sequence[tuple[str, str]]:
        """The ids and names of the classes among whose images this one belongs."""

    @property
    def summary(self) -> str | None:
        """The answer in one text; None if `rows` tell it."""

    @property
    def objects(self) -> tuple[FoundObject, ...]:
        """The objects that were found, best first."""

    @property
    def mask(self) -> np.ndarray | None:
        """The class of each pixel, uint8 `(height, width)`; None if it is not known."""

    def record(self) -> dict[str, Any]:
        """Returns what the JSON object of the image has beside its path and size."""

    def rows(self) -> list[tuple[Any, ...]]:
        """Returns the rows of CSV and Parquet, with a value for each of `columns`."""

    def lines(self, most: int | None = None) -> list[Line]:
        """Returns what people are shown; with `most`, so many of what counts most."""

    def drawn(self, image: Image.Image, size: tuple[int, int]) -> Image.Image:
        """Returns an image with what was found in it; as it is if no places are known.

        Args:
            image: the whole upright image, of mode RGB and of any size.
            size: the width and height of the image in pixels, as the answer counts.
        """
