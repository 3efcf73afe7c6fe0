"""Writer of a readable table."""

from collections.abc import Iterable, Iterator
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

TITLES = ("class", "probability")  # of a table without any image
RANK = 1  # the column that is aligned to the right


def write_table(predictions: Iterable[Prediction], stream: TextIO) -> None:
    """Writes one row per class or object, with a bar in proportion to its fraction.

    Classes that are not an answer, because they are not probable enough, are in
    parentheses. Rows are written in blocks of `BLOCK` images; from one block to the
    next, columns only become wider.
    """
    console = Console(file=stream, highlight=False)
    block = "█" if is_encodable("█", stream.encoding) else "#"
    widths: list[int] = []
    for rows in _blocks(predictions, block):
        widths = widths or [0] * len(rows[0])
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
    """Yields the rows of `BLOCK` images at a time, with titles before the first."""
    # Rows are kept instead of predictions, whose sources may hold whole files.
    rows: list[Cells] = []
    images = 0
    for images, prediction in enumerate(predictions, start=1):
        if images == 1:
            rows.append(_head(prediction.answer.titles))
        rows += _rows(prediction, block)
        if images % BLOCK == 0:
            yield rows
            rows = []
    if not images:
        rows.append(_head(TITLES))
    if rows:
        yield rows


def _head(titles: tuple[str, ...]) -> Cells:
    return tuple(Text(title, "bold") for title in ("image", "rank", *titles))


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
    for _ in rows[0][len(table.columns) :]:
        table.add_column(no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def _rows(prediction: Prediction, block: str) -> list[Cells]:
    name = Text(printable(prediction.path) + prediction.frame_mark)
    lines = prediction.answer.lines()
    if not lines:
        why = Text(prediction.answer.nothing)
        if prediction.error is not None:
            why = Text(printable(prediction.error), "red")
        empty = [Text() for _ in prediction.answer.titles[1:]]
        return [(name, Text(), why, *empty)]
    cells = [_cells(line, prediction, block) for line in lines]
    return [
        (Text() if number else name, *line[: 1 + len(prediction.answer.titles)])
        for number, line in enumerate(cells)
    ]


def _cells(line: Line, prediction: Prediction, block: str) -> Cells:
    label = Text(printable(line.label))
    if line.rejected:
        label = Text(f"({label.plain})", "dim")
    if line.rank == 1 and prediction.unsure:
        label = Text.assemble(f"{prediction.label} ", label)
    bar = block * round(BAR_WIDTH * line.fraction)
    fraction = Text.assemble(f"{line.fraction:6.1%} ", (bar, "cyan"))
    return Text(str(line.rank)), label, fraction, Text(line.place)
