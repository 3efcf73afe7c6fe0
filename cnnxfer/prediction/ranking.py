"""From images to ranked classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from cnnxfer.data.dataset import read_bytes
from cnnxfer.prediction.classifier import Classifier
from cnnxfer.prediction.prediction import Prediction, RankedClass
from cnnxfer.reporting import Reporter


def rank_images(
    classifier: Classifier, paths: Sequence[Path], top: int, reporter: Reporter
) -> Iterator[Prediction]:
    """Returns a prediction for each path, in order, with its `top` best classes."""
    answers = classifier.answer(
        [partial(read_bytes, path) for path in paths], "predicting", reporter
    )
    return (
        Prediction(str(path), error=answer.error)
        if answer.probabilities is None
        else Prediction(
            str(path),
            answer.width,
            answer.height,
            _ranking(classifier, answer.probabilities, top),
        )
        for path, answer in zip(paths, answers, strict=True)
    )


def _ranking(
    classifier: Classifier, probabilities: np.ndarray, top: int
) -> tuple[RankedClass, ...]:
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
