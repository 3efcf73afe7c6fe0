"""Writer of a readable table."""

from collections.abc import Iterable, Iterator
from typing import TextIO

from rich.console import Console
from rich.text import Text

from cnnxfer.files import is_encodable
from cnnxfer.prediction.outputs.terminal_table import Entry, Row, TerminalTable
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.reporting import printable
from cnnxfer.tasks.answer import DIGITS, Line

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
    next, columns only become wider. A terminal gets what fits into its width, and all
    else, such as a pipe, rows with whole paths.
    """
    console = Console(file=stream, highlight=False)
    block = "█" if is_encodable("█", stream.encoding) else "#"
    if stream.isatty():
        dots = "…" if is_encodable("…", stream.encoding) else "..."
        _write_on_terminal(predictions, console, block, dots)
        return
    widths: list[int] = []
    for rows in _blocks(predictions, block):
        widths = widths or [0] * len(rows[0])
        widths = [
            max(width, *(cell.cell_len for cell in column))
            for width, column in zip(widths, zip(*rows, strict=True), strict=True)
        ]
        console.print(_aligned(rows, widths), soft_wrap=True, end="")


def _write_on_terminal(
    predictions: Iterable[Prediction], console: Console, block: str, dots: str
) -> None:
    table: TerminalTable | None = None
    entries: list[Entry] = []
    for prediction in predictions:
        titles = prediction.answer.titles
        table = table or TerminalTable(console, titles, block, dots)
        entries.append(_entry(prediction))
        if len(entries) == BLOCK:
            table.print(entries)
            entries = []
    if table and entries:
        table.print(entries)


def _entry(prediction: Prediction) -> Entry:
    lines = prediction.answer.lines()
    return Entry(
        prediction.path,
        prediction.frame_mark,
        [
            Row(str(line.rank), _label(line, prediction), line.fraction, line.place)
            for line in lines
        ],
        _nothing(prediction),
    )


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


def _rows(prediction: Prediction, block: str) -> list[Cells]:
    name = Text(printable(prediction.path) + prediction.frame_mark)
    lines = prediction.answer.lines()
    if not lines:
        empty = [Text() for _ in prediction.answer.titles[1:]]
        return [(name, Text(), _nothing(prediction), *empty)]
    cells = [_cells(line, prediction, block) for line in lines]
    return [
        (Text() if number else name, *line[: 1 + len(prediction.answer.titles)])
        for number, line in enumerate(cells)
    ]


def _nothing(prediction: Prediction) -> Text:
    if prediction.error is not None:
        return Text(printable(prediction.error), "red")
    return Text(prediction.answer.nothing)


def _cells(line: Line, prediction: Prediction, block: str) -> Cells:
    label = _label(line, prediction)
    # As files of results have it, so that they lead to the same table.
    fraction = round(line.fraction, DIGITS)
    bar = block * round(BAR_WIDTH * fraction)
    shown = Text.assemble(f"{fraction:6.1%} ", (bar, "cyan"))
    return Text(str(line.rank)), label, shown, Text(line.place)


def _label(line: Line, prediction: Prediction) -> Text:
    label = Text(printable(line.label))
    if line.rejected:
        label = Text(f"({label.plain})", "dim")
    if line.rank == 1 and prediction.unsure:
        label = Text.assemble(f"{prediction.label} ", label)
    return label
