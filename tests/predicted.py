"""Predictions as the tasks of classes make them."""

from typing import Any

from cnnxfer.prediction.prediction import Prediction
from cnnxfer.tasks.answer import RankedClass
from cnnxfer.tasks.classification import OneClass
from cnnxfer.tasks.multi_label import SeveralClasses


def predicted(
    path: str,
    width: int = 0,
    height: int = 0,
    ranking: tuple[RankedClass, ...] = (),
    *,
    min_confidence: float | None = None,
    chosen: tuple[str, ...] | None = None,
    **others: Any,
) -> Prediction:
    """The prediction of a multi-label model if there are `chosen` labels."""
    answer: Any = OneClass(ranking, min_confidence)
    if chosen is not None:
        answer = SeveralClasses(ranking, frozenset(chosen))
    return Prediction(path, answer, width, height, **others)
