"""The rows and columns of CSV and Parquet outputs: one row per ranked class."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

from cnnxfer.data.annotation import LABEL_SEPARATOR
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.tasks.decimal_places import DIGITS

COLUMNS = (
    "path",
    "frame",
    "width",
    "height",
    "rank",
    "class_id",
    "label",
    "probability",
    "error",
)
# An additional column for predictions whose best class need not be the answer.
ANSWER = "answer"

Row = tuple[Any, ...]


def columns_and_rows(
    predictions: Iterable[Prediction],
) -> tuple[tuple[str, ...], Iterator[tuple[Row, ...]]]:
    r"""Returns the names of the columns, and an iterator over each prediction's rows.

    An image that could not be read has one row. Values that do not apply are None. The
    answer of a multi-label model joins all labels: `rose|tulip`. Names that are not
    valid UTF-8 are escaped, as in the table (`a\udcff.jpg`), because neither format
    could store them otherwise.
    """
    predictions = iter(predictions)
    first = list(islice(predictions, 1))
    answers = any(p.min_confidence is not None or p.chosen is not None for p in first)
    columns = (*COLUMNS, ANSWER) if answers else COLUMNS
    rows = (_rows(prediction, answers) for prediction in chain(first, predictions))
    return columns, rows


def _rows(prediction: Prediction, answers: bool) -> tuple[Row, ...]:
    path, frame = _utf8(prediction.path), prediction.frame
    if prediction.error is not None:
        nothing = (None,) * 6
        row = (path, frame, *nothing, _utf8(prediction.error))
        return ((*row, None) if answers else row,)
    answer = (_utf8(_answer(prediction)),) if answers else ()
    return tuple(
        (
            path,
            frame,
            prediction.width,
            prediction.height,
            ranked.rank,
            _utf8(ranked.class_id),
            _utf8(ranked.label),
            round(ranked.probability, DIGITS),
            None,
            *answer,
        )
        for ranked in prediction.ranking
    )


def _answer(prediction: Prediction) -> str:
    if prediction.chosen is None:
        return prediction.label
    return LABEL_SEPARATOR.join(prediction.chosen)


def _utf8(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
