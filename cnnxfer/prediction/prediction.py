"""What is said of one image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class RankedClass:
    """One class of a ranking.

    Attributes:
        rank: 1 for the most probable.
        class_id: WordNet id for ImageNet heads, the class name otherwise.
        label: name for people.
        probability: a fraction; those of all classes sum to 1.
    """

    rank: int
    class_id: str
    label: str
    probability: float


@dataclass(frozen=True)
class Prediction:
    """The ranked classes of one image, or why there are none.

    Attributes:
        path: as it was given or found.
        width: of the upright image, in pixels; 0 if it could not be read.
        height: the same.
        ranking: the most probable classes, best first.
        error: why the image could not be read; None if it could.
    """

    path: str
    width: int = 0
    height: int = 0
    ranking: tuple[RankedClass, ...] = ()
    error: str | None = None

    @property
    def top(self) -> RankedClass:
        """The most probable class.

        Raises:
            ValueError: if the image could not be read.
        """
        if self.error is not None:
            raise ValueError(f"{self.path} could not be read: {self.error}")
        return self.ranking[0]

    def as_json(self) -> dict[str, Any]:
        """Returns the object that `--format jsonl` prints."""
        if self.error is not None:
            return {"path": self.path, "error": self.error}
        return {
            "path": self.path,
            "width": self.width,
            "height": self.height,
            "predictions": [
                {
                    "rank": ranked.rank,
                    "class_id": ranked.class_id,
                    "label": ranked.label,
                    "probability": round(ranked.probability, 6),
                }
                for ranked in self.ranking
            ],
        }
