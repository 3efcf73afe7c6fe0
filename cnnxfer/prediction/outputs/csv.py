"""Writer of CSV (RFC 4180) with one row per ranked class."""

import csv
from collections.abc import Iterable
from typing import TextIO

from cnnxfer.prediction.outputs.rows import columns_and_rows
from cnnxfer.prediction.prediction import Prediction


def write_csv(predictions: Iterable[Prediction], stream: TextIO) -> None:
    """Writes the rows of each prediction as soon as it is available.

    Lines end in CR LF, and fields that hold line breaks, commas or quotes are quoted.
    All other text is written unchanged, even a path such as `=1+1.jpg`, which a
    spreadsheet would take for a formula, so that programs find the file by its path.
    """
    columns, rows = columns_and_rows(predictions)
    writer = csv.writer(stream)
    writer.writerow(columns)
    for ranks in rows:
        writer.writerows(ranks)
