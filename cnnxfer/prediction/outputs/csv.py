"""CSV: a row a rank, as RFC 4180 has it."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import TextIO

from cnnxfer.prediction.outputs.rows import columns_and_rows
from cnnxfer.prediction.prediction import Prediction


def write_csv(predictions: Iterable[Prediction], stream: TextIO) -> None:
    """Writes the rows of each prediction as soon as it is there.

    Lines end in CR LF, and fields that hold line breaks, commas or quotes are quoted.
    All else is written as it is, a path such as `=1+1.jpg` too, which a spreadsheet
    would take for a formula: programs are to find the file by what they read here.
    """
    columns, rows = columns_and_rows(predictions)
    writer = csv.writer(stream)
    writer.writerow(columns)
    for ranks in rows:
        writer.writerows(ranks)
