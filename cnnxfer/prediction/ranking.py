"""From answers to ranked classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from cnnxfer.prediction.answering import Answer
from cnnxfer.prediction.prediction import Prediction, RankedClass

if TYPE_CHECKING:
    from cnnxfer.prediction.classifier import Classifier


def rank_answers(
    classifier: Classifier,
    answers: Iterable[Answer],
    top: int,
    min_confidence: float | None = None,
) -> Iterator[Prediction]:
    """Yields a prediction for each answer, with its `top` best classes.

    Args:
        classifier: whose answers they are.
        answers: as `Classifier.answer` yields them.
        top: how many classes to name; all if there are fewer.
        min_confidence: see `Prediction`.
    """
    for answer in answers:
        picture = answer.picture
        yield Prediction(
            picture.source.name,
            picture.width,
            picture.height,
            _ranking(classifier, answer.probabilities, top),
            picture.error,
            picture.frame,
            min_confidence,
            picture.source,
            answer.heat,
        )


def _ranking(
    classifier: Classifier, probabilities: np.ndarray | None, top: int
) -> tuple[RankedClass, ...]:
    if probabilities is None:
        return ()
    order = np.argsort(-probabilities, kind="stable")[:top]
    return tuple(
        RankedClass(
            rank=rank,
            class_id=classifier.class_ids[label],
            label=classifier.labels[label],
            probability=float(probabilities[label]),
        )
        for rank, label in enumerate(order, start=1)
    )
