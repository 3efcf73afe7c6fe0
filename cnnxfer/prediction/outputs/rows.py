"""The rows and columns of CSV and Parquet outputs: one per class, or per object."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from cnnxfer.data.annotation import LABEL_SEPARATOR
from cnnxfer.prediction.prediction import Prediction

IMAGE_COLUMNS = ("path", "frame", "width", "height")
# An additional column for predictions whose first row need not be the answer.
ANSWER = "answer"
# Additional columns for images of which it is known what they show.
CHECKED = ("split", "shown", "right")

Row = tuple[Any, ...]


def columns_and_rows(
    predictions: Iterable[Prediction],
) -> tuple[tuple[str, ...], Iterator[tuple[Row, ...]]]:
    r"""Returns the names of the columns, and an iterator over each prediction's rows.

    An image that could not be read, or in which no object was found, has one row.
    Values that do not apply are None. The answer of a multi-label model joins all
    labels: `rose|tulip`; so do the classes that an image is known to show. Names that
    are not valid UTF-8 are escaped, as in the table (`a\udcff.jpg`), because neither
    format could store them otherwise.

    Args:
        predictions: at least one; the task of the first is that of all.
    """
    predictions = iter(predictions)
    first = next(predictions)
    sums_up = first.answer.summary is not None
    is_checked = first.shown is not None
    columns = (
        *IMAGE_COLUMNS,
        *first.answer.columns,
        "error",
        *[ANSWER] * sums_up,
        *CHECKED * is_checked,
    )
    rows = (
        tuple(tuple(map(_utf8, row)) for row in _rows(prediction, sums_up, is_checked))
        for prediction in chain([first], predictions)
    )
    return columns, rows


def _rows(prediction: Prediction, sums_up: bool, is_checked: bool) -> Iterator[Row]:
    answer = prediction.answer
    size = prediction.width or None, prediction.height or None
    summary = None if prediction.error is not None else answer.summary
    end: Row = (prediction.error, *[summary] * sums_up)
    if is_checked:
        shown = LABEL_SEPARATOR.join(prediction.shown or ())
        end = (*end, prediction.split, shown, prediction.right)
    for row in answer.rows() or [(None,) * len(answer.columns)]:
        yield (prediction.path, prediction.frame, *size, *row, *end)


def _utf8(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return value.encode("utf-8", "backslashreplace").decode("utf-8")
