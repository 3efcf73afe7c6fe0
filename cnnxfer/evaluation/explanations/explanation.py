"""What explains the answer to a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cnnxfer.data.dataset import Example
from cnnxfer.prediction.heat import MAX_SIDE, Heat
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.tasks.answer import DIGITS


@dataclass(frozen=True)
class Neighbour:
    """A training image that looks alike to the model.

    Attributes:
        example: the image.
        labels: the names of the classes that it shows.
        distance: the cosine distance of the pooled features, in [0, 2]; 0 is the same.
    """

    example: Example
    labels: tuple[str, ...]
    distance: float

    @property
    def caption(self) -> str:
        """What it shows, and how far away it is."""
        return f"{'|'.join(self.labels)} {self.distance:.3f}"


@dataclass(frozen=True, eq=False)
class Explanation:
    """What explains the answer to a picture.

    Attributes:
        prediction: the answer that `predict` gives, or the reason why there is none.
        classes: the classes that are explained, each with where it is seen; none if
            the picture cannot be read.
        neighbours: the training images that are nearest to it, the nearest first.
    """

    prediction: Prediction
    classes: tuple[Heat, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """The width and height of the upright picture, in pixels."""
        return self.prediction.width, self.prediction.height

    def heat(self, number: int = 0, side: int = MAX_SIDE) -> np.ndarray:
        """Returns where in the picture the model sees a class.

        Args:
            number: which of `classes`.
            side: longest side of the result, in pixels.

        Returns:
            float32 `(height, width)` in [0, 1]; 0 where nothing speaks for the class,
            or the model is not shown that part of the picture.

        Raises:
            ValueError: if the picture could not be read.
        """
        if self.prediction.error is not None:
            raise ValueError(f"{self.prediction.path} has no heat: it was not read")
        return self.classes[number].in_picture(self.size, side)

    def as_json(self) -> dict[str, Any]:
        """Returns the object that `--json` prints."""
        about = self.prediction.as_json()
        return {
            **{name: about[name] for name in about if name not in ("predictions",)},
            **({} if "error" in about else {"classes": self._classes()}),
            **({"nearest": self._nearest()} if self.neighbours else {}),
        }

    def _classes(self) -> list[dict[str, Any]]:
        return [each.ranked.rounded() for each in self.classes]

    def _nearest(self) -> list[dict[str, Any]]:
        return [
            {
                "id": each.example.id,
                "labels": list(each.labels),
                "distance": round(each.distance, DIGITS),
            }
            for each in self.neighbours
        ]
