"""The decision for all objects with a score that is high enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnnxfer.data.dataset import Example
from cnnxfer.data.objects import Objects
from cnnxfer.tasks.answer import NONE, FoundObject
from cnnxfer.tasks.boxes.answer import ObjectsAnswer, found_objects, read_objects


@dataclass(frozen=True)
class SureObjects:
    """The base of decisions whose answers are objects.

    Attributes:
        class_names: the readable names of the classes, in label order.
        threshold: the least score, a fraction in [0, 1]; 0 if all objects are answers.
        nothing: the word for an image without any.
    """

    class_names: tuple[str, ...]
    threshold: float
    nothing: str = NONE

    def answer(
        self,
        found: np.ndarray,
        classes: Sequence[tuple[str, str]],
        top: int,
        min_confidence: float | None,
    ) -> ObjectsAnswer:
        """Returns the answer to an image; see `Decision.answer`."""
        least = self.threshold if min_confidence is None else min_confidence
        return self._answer(found_objects(found, self.class_names, least))

    def read(
        self, record: Mapping[str, Any], min_confidence: float | None
    ) -> ObjectsAnswer:
        """Returns the answer that `ObjectsAnswer.record` has written."""
        return self._answer(read_objects(record, self.class_names))

    def confidence(self, found: Sequence[np.ndarray]) -> np.ndarray:
        """Returns the score of the best object, 0 without any: `(images,)`."""
        return np.array([rows[:, 4].max(initial=0) for rows in found])

    def class_probabilities(self, found: Sequence[np.ndarray]) -> None:
        """Returns None: classes are those of objects."""

    def _answer(self, objects: tuple[FoundObject, ...]) -> ObjectsAnswer:
        return ObjectsAnswer(objects, self.class_names, self.nothing)


def objects_of(examples: Sequence[Example]) -> list[Objects]:
    """Returns the annotations of images with objects."""
    found = []
    for example in examples:
        assert isinstance(example.annotation, Objects)
        found.append(example.annotation)
    return found
