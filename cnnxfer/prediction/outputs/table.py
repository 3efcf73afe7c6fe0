"""Writer of a readable table."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cnnxfer.files import is_encodable
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.reporting import printable
from cnnxfer.tasks.answer import Line

BAR_WIDTH = 20
BLOCK = 500  # number of images whose rows are aligned together
GAP = "  "  # between two columns

Cells = tuple[Text, ...]

HEAD: Cells = tuple(
    Text(name, "bold") for name in ("image", "rank", "class", "probability")
)
RANK = 1  # the column that is aligned to the right


def write_table(predictions: Iterable[Prediction], stream: TextIO) -> None:
    """Writes one row per ranked class, with a bar in proportion to its probability.

    Classes that are not an answer, because they are not probable enough, are in
    parentheses. Rows are written in blocks of `BLOCK` images; from one block to the
    next, columns only become wider.
    """
    console = Console(file=stream, highlight=False)
    block = "█" if is_encodable("█", stream.encoding) else "#"
    widths = [0] * len(HEAD)
    for rows in _blocks(predictions, block):
        widths = [
            max(width, *(cell.cell_len for cell in column))
            for width, column in zip(widths, zip(*rows, strict=True), strict=True)
        ]
        needed = sum(widths) + len(GAP) * (len(widths) - 1)
        if stream.isatty() and needed > console.width:
            console.print(_folded(rows))
        else:  # this takes a fifth of the time, and a pipe should not get folded lines
            console.print(_aligned(rows, widths), soft_wrap=True, end="")


def _blocks(predictions: Iterable[Prediction], block: str) -> Iterator[list[Cells]]:
    """Yields the rows of `BLOCK` images at a time, with `HEAD` before the first."""
    predictions = iter(predictions)
    rows = [HEAD]
    # Rows are kept instead of predictions, whose sources may hold whole files.
    while images := [_rows(each, block) for each in islice(predictions, BLOCK)]:
        yield rows + [row for ranks in images for row in ranks]
        rows = []
    if rows:  # there was no image
        yield rows


def _aligned(rows: list[Cells], widths: list[int]) -> Text:
    text = Text()
    for row in rows:
        for number, (cell, width) in enumerate(zip(row, widths, strict=True)):
            space = " " * (width - cell.cell_len)
            if number == RANK:
                text.append(space).append_text(cell).append(GAP)
            elif number < len(row) - 1:
                text.append_text(cell).append(space + GAP)
            else:
                text.append_text(cell).append("\n")
    return text


def _folded(rows: list[Cells]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def _rows(prediction: Prediction, block: str) -> list[Cells]:
    name = printable(prediction.path) + prediction.frame_mark
    if prediction.error is not None:
        error = Text(printable(prediction.error), "red")
        return [(Text(name), Text(), error, Text())]
    return [
        (Text("" if number else name), *_cells(line, prediction, block))
        for number, line in enumerate(prediction.answer.lines())
    ]


def _cells(line: Line, prediction: Prediction, block: str) -> Cells:
    label = Text(printable(line.label))
    if line.rejected:
        label = Text(f"({label.plain})", "dim")
    if line.rank == 1 and prediction.unsure:
        label = Text.assemble(f"{prediction.label} ", label)
    bar = block * round(BAR_WIDTH * line.probability)
    probability = Text.assemble(f"{line.probability:6.1%} ", (bar, "cyan"))
    return Text(str(line.rank)), label, probability
