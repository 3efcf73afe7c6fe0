"""The answers of an evaluation, image by image, beside what the images show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cnnxfer.evaluation.answered import Answered
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.tasks.task import Decision

TOP = 5  # classes in the ranking of an image, as in `predict`


@dataclass(frozen=True, eq=False)
class CheckedAnswers:
    """Predictions for labelled images, made one at a time, in the images' order.

    Attributes:
        answered: what was found in the images.
        right: bool `(images,)`: whether each is answered correctly.
        decision: how answers follow from what was found.
        classes: the id and the readable name of each class, in label order.
        splits: the run's split of images that it knows, by their SHA-256.
    """

    answered: Answered
    right: np.ndarray
    decision: Decision
    classes: Sequence[tuple[str, str]]
    splits: Mapping[str, str]

    def __len__(self) -> int:
        """Returns the number of images."""
        return len(self.right)

    @property
    def right_by_id(self) -> dict[str, bool]:
        """Whether each image is answered correctly, by its id."""
        ids = (example.id for example in self.answered.examples)
        return dict(zip(ids, self.right.tolist(), strict=True))

    def __iter__(self) -> Iterator[Prediction]:
        """Yields the prediction for each image, with `shown` and `right`."""
        answered = self.answered
        for example, size, found, right in zip(
            answered.examples, answered.sizes, answered.found, self.right, strict=True
        ):
            yield Prediction(
                example.id,
                self.decision.answer(found, self.classes, TOP, None),
                *size,
                split=self.splits.get(example.sha256),
                shown=tuple(self.classes[label][1] for label in example.labels),
                right=bool(right),
            )
