"""Predictions as tasks make them."""

from typing import Any

import numpy as np

from cnnxfer.prediction.prediction import Prediction
from cnnxfer.tasks.answer import RankedClass
from cnnxfer.tasks.boxes.answer import LEAST_SCORE, ObjectsAnswer, found_objects
from cnnxfer.tasks.classification import OneClass
from cnnxfer.tasks.masks.answer import MaskAnswer, class_shares
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


def with_objects(
    path: str,
    width: int = 0,
    height: int = 0,
    *rows: tuple[float, ...],
    class_names: tuple[str, ...] = ("raccoon", "<cat>"),
    **others: Any,
) -> Prediction:
    """The prediction of rows of left, top, right, bottom, score and class."""
    found = found_objects(np.reshape(rows, (-1, 6)), class_names, LEAST_SCORE)
    answer = ObjectsAnswer(found, class_names)
    return Prediction(path, answer, width, height, **others)


def with_mask(
    path: str,
    mask: np.ndarray | None = None,
    class_names: tuple[str, ...] = ("ground", "rose"),
    **others: Any,
) -> Prediction:
    """The prediction of a mask, uint8 `(height, width)`; None for an unreadable one."""
    if mask is None:
        return Prediction(path, MaskAnswer((), class_names), **others)
    shares = class_shares(mask, class_names)
    height, width = mask.shape
    answer = MaskAnswer(shares, class_names, mask)
    return Prediction(path, answer, width, height, **others)
