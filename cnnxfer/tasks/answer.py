"""What the answer of a task to one image is to those who write and show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

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
class Line:
    """A line of an answer, as tables and pages show it.

    Attributes:
        rank: the position by probability, from 1.
        label: what was recognized, or may have been.
        probability: a fraction in [0, 1].
        rejected: whether it is shown though it is not the answer, or not part of it.
    """

    rank: int
    label: str
    probability: float
    rejected: bool


class TaskAnswer(Protocol):
    """The answer of a task to an image; empty if the image could not be read."""

    @property
    def nothing(self) -> str:
        """The word for an image that shows nothing that is probable enough.

        It is the name of no class.
        """

    @property
    def usual_nothing(self) -> str:
        """The word for it where no class is called so."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns of `rows`."""

    @property
    def top(self) -> RankedClass:
        """The most probable class, whether or not it is probable enough."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of what the image shows, best first."""

    @property
    def folders(self) -> Sequence[tuple[str, str]]:
        """The ids and names of the classes among whose images this one belongs."""

    @property
    def summary(self) -> str | None:
        """The answer in one text; None if it always is the first of `rows`."""

    def record(self) -> dict[str, Any]:
        """Returns what the JSON object of the image has beside its path and size."""

    def rows(self) -> list[tuple[Any, ...]]:
        """Returns the rows of CSV and Parquet, with a value for each of `columns`."""

    def lines(self, most: int | None = None) -> list[Line]:
        """Returns what people are shown; with `most`, so many of what counts most."""
