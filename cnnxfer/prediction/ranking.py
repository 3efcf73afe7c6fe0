"""From answers to ranked classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from cnnxfer.prediction.answers import Answer
from cnnxfer.prediction.prediction import Prediction, RankedClass
from cnnxfer.tasks.probabilities import reaches

if TYPE_CHECKING:
    from cnnxfer.prediction.classifier import Classifier


def rank_answers(
    classifier: Classifier,
    answers: Iterable[Answer],
    top: int,
    min_confidence: float | None = None,
    seen: Mapping[str, str] = {},
) -> Iterator[Prediction]:
    """Yields a prediction for each answer, with its `top` best classes.

    Args:
        classifier: whose answers they are.
        answers: as `Classifier.answer` yields them.
        top: how many classes to name; all if there are fewer. Where an image may have
            several, all that it has are named besides.
        min_confidence: see `Prediction`.
        seen: what `known_parts` returns for the classifier's run.
    """
    thresholds = classifier.thresholds
    if thresholds is not None:
        thresholds = np.maximum(thresholds, min_confidence or 0)
    for answer in answers:
        picture = answer.picture
        ranking, chosen = _ranked(classifier, answer.probabilities, top, thresholds)
        yield Prediction(
            picture.source.name,
            picture.width,
            picture.height,
            ranking,
            picture.error,
            picture.frame,
            min_confidence,
            picture.source,
            answer.heat,
            None if picture.error else seen.get(picture.sha256),
            None if thresholds is None else chosen,
        )


def _ranked(
    classifier: Classifier,
    probabilities: np.ndarray | None,
    top: int,
    thresholds: np.ndarray | None,
) -> tuple[tuple[RankedClass, ...], tuple[str, ...]]:
    """Returns the best classes, and the names of those that reach their thresholds."""
    if probabilities is None:
        return (), ()
    order = np.argsort(-probabilities, kind="stable")
    named = np.arange(len(order)) < top
    chosen: list[int] = []
    if thresholds is not None:
        reached = reaches(probabilities, thresholds)[order]
        named, chosen = named | reached, order[reached].tolist()
    ranking = tuple(
        RankedClass(
            rank=place + 1,
            class_id=classifier.class_ids[order[place]],
            label=classifier.labels[order[place]],
            probability=float(probabilities[order[place]]),
        )
        for place in np.flatnonzero(named).tolist()
    )
    return ranking, tuple(classifier.labels[label] for label in chosen)
