"""The rows and columns of CSV and Parquet outputs: one per class, or per object."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from cnnxfer.prediction.prediction import Prediction

IMAGE_COLUMNS = ("path", "frame", "width", "height")
# An additional column for predictions whose first row need not be the answer.
ANSWER = "answer"

Row = tuple[Any, ...]


def columns_and_rows(
    predictions: Iterable[Prediction],
) -> tuple[tuple[str, ...], Iterator[tuple[Row, ...]]]:
    r"""Returns the names of the columns, and an iterator over each prediction's rows.

    An image that could not be read, or in which no object was found, has one row.
    Values that do not apply are None. The answer of a multi-label model joins all
    labels: `rose|tulip`. Names that are not valid UTF-8 are escaped, as in the table
    (`a\udcff.jpg`), because neither format could store them otherwise.

    Args:
        predictions: at least one; the task of the first is that of all.
    """
    predictions = iter(predictions)
    first = next(predictions)
    sums_up = first.answer.summary is not None
    columns = (*IMAGE_COLUMNS, *first.answer.columns, "error", *[ANSWER] * sums_up)
    rows = (
        tuple(tuple(map(_utf8, row)) for row in _rows(prediction, sums_up))
        for prediction in chain([first], predictions)
    )
    return columns, rows


def _rows(prediction: Prediction, sums_up: bool) -> Iterator[Row]:
    answer = prediction.answer
    size = prediction.width or None, prediction.height or None
    summary = None if prediction.error is not None else answer.summary
    end = (prediction.error, *[summary] * sums_up)
    for row in answer.rows() or [(None,) * len(answer.columns)]:
        yield (prediction.path, prediction.frame, *size, *row, *end)


def _utf8(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return value.encode("utf-8", "backslashreplace").decode("utf-8")
