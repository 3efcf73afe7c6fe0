"""Ranking of the classes in a model's answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from cnnxfer.prediction.answers import Answer
from cnnxfer.prediction.prediction import Prediction, RankedClass
from cnnxfer.tasks.classification import BestClass

if TYPE_CHECKING:
    from cnnxfer.prediction.model_source import ModelSource


def rank_answers(
    model: ModelSource,
    answers: Iterable[Answer],
    top: int,
    min_confidence: float | None = None,
    known_splits: Mapping[str, str] = {},
) -> Iterator[Prediction]:
    """Yields a prediction for each answer, with its `top` best classes.

    Args:
        model: the model that answered.
        answers: the answers, as `Classifier.answers` yields them.
        top: the number of classes in a ranking; all classes if there are fewer. In a
            multi-label model, all assigned labels are included too.
        min_confidence: the probability below which no class is an answer; see
            `Prediction`.
        known_splits: the splits of the images that the model's run has, by the SHA-256
            of their content; see
            `ModelSource`.
    """
    several = not isinstance(model.decision, BestClass)
    for answer in answers:
        image = answer.picture
        ranking, chosen = _rank(model, answer.probabilities, top, min_confidence)
        yield Prediction(
            image.source.name,
            image.width,
            image.height,
            ranking,
            image.error,
            image.frame,
            min_confidence,
            image.source,
            answer.heat,
            None if image.error else known_splits.get(image.sha256),
            chosen if several else None,
        )


def _rank(
    model: ModelSource,
    probabilities: np.ndarray | None,
    top: int,
    min_confidence: float | None,
) -> tuple[tuple[RankedClass, ...], tuple[str, ...]]:
    """Returns the best classes, and the names of those that are the answer."""
    if probabilities is None:
        return (), ()
    order = np.argsort(-probabilities, kind="stable")
    chosen = model.decision.answers(probabilities, min_confidence or 0)[order]
    listed = (np.arange(len(order)) < top) | chosen
    ranking = tuple(
        RankedClass(
            rank=position + 1,
            class_id=model.class_ids[order[position]],
            label=model.labels[order[position]],
            probability=float(probabilities[order[position]]),
        )
        for position in np.flatnonzero(listed).tolist()
    )
    return ranking, tuple(model.labels[label] for label in order[chosen].tolist())
