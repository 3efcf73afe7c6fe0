"""Writer of CSV (RFC 4180) with one row per ranked class, or per object."""

import csv
import re
from collections.abc import Iterable
from typing import Any, TextIO

from cnnxfer.prediction.outputs.rows import columns_and_rows
from cnnxfer.prediction.prediction import Prediction

# What could move the cursor of a terminal, or change the order of what it shows.
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def write_csv(predictions: Iterable[Prediction], stream: TextIO) -> None:
    r"""Writes the rows of each prediction as soon as it is available.

    Lines end in CR LF, and fields that hold commas or quotes are quoted. Control
    characters of names are escaped (`a\x1b[31m.jpg`), so that a row is a line, and the
    file can be shown on a terminal. All other text is written unchanged, even a path
    such as `=1+1.jpg`, which a spreadsheet would take for a formula, so that programs
    find the file by its path.
    """
    columns, rows = columns_and_rows(predictions)
    writer = csv.writer(stream)
    writer.writerow(columns)
    for ranks in rows:
        writer.writerows(map(_escaped, row) for row in ranks)


def _escaped(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return CONTROLS.sub(lambda found: ascii(found[0])[1:-1], value)
