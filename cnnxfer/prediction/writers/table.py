"""A table for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cnnxfer.prediction.prediction import Prediction, RankedClass
from cnnxfer.reporting import printable

BAR_WIDTH = 20
PIPE_WIDTH = 1000  # nothing is folded in a pipe


def write_table(predictions: Iterable[Prediction], stream: TextIO) -> None:
    """Writes one row a rank, with a bar as long as the class is probable."""
    table = Table(box=None, pad_edge=False)
    table.add_column("image", overflow="fold")
    table.add_column("rank", justify="right", no_wrap=True)
    table.add_column("class", overflow="fold")
    table.add_column("probability", no_wrap=True)
    for prediction in predictions:
        name = Text(printable(prediction.path))
        if prediction.error is not None:
            table.add_row(name, "", Text(printable(prediction.error), "red"), "")
        for ranked in prediction.ranking:
            table.add_row(name, *_cells(ranked))
            name = Text()
    width = None if stream.isatty() else PIPE_WIDTH
    Console(file=stream, highlight=False, width=width).print(table)


def _cells(ranked: RankedClass) -> tuple[str, Text, Text]:
    bar = "█" * round(BAR_WIDTH * ranked.probability)
    return (
        str(ranked.rank),
        Text(printable(ranked.label)),
        Text.assemble(f"{ranked.probability:6.1%} ", (bar, "cyan")),
    )
