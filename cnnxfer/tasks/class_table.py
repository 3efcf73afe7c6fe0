"""The figures of each class, as terminals, notebooks and pages show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cnnxfer.runs.summary import percent
from cnnxfer.tasks.significance import Accuracy

# A name or a figure as text, a number of things, or a share; None if it is not known.
Cell = str | int | float | Accuracy | None

WEAKEST = 3  # classes that are told


@dataclass(frozen=True)
class ClassTable:
    """A row for each class.

    Attributes:
        columns: what the cells of a row are; the first is the name of the class.
        rows: the cells of each class; all of a column are of one type, or None.
        quality: the column that says how well the class is answered.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    quality: str

    @property
    def texts(self) -> list[list[str]]:
        """The columns and below them the rows, without intervals."""
        return [
            list(self.columns),
            *([text_of(cell) for cell in row] for row in self.rows),
        ]

    @property
    def has_intervals(self) -> bool:
        """Whether a cell has a confidence interval."""
        return any(isinstance(cell, Accuracy) for row in self.rows for cell in row)

    @property
    def qualities(self) -> dict[str, float | None]:
        """How well each class is answered, by its name; None if that is not known."""
        column = self.columns.index(self.quality)
        return {str(row[0]): number_of(row[column]) for row in self.rows}

    @property
    def weakest_first(self) -> ClassTable:
        """The same rows, those that are answered worst first, unknown ones last."""
        qualities = self.qualities

        def key(row: Sequence[Cell]) -> float:
            value = qualities[str(row[0])]
            return 2.0 if value is None else value

        return replace(self, rows=tuple(sorted(self.rows, key=key)))

    @property
    def weakest(self) -> str:
        """The classes that are answered worst, in words; "" where they are few."""
        shown = [f"{name} {percent(value)}" for name, value in self.weakest_classes]
        return f"{', '.join(shown)} ({self.quality})" if shown else ""

    @property
    def weakest_classes(self) -> list[tuple[str, float]]:
        """Some classes that are answered worst, by name; none where they are few."""
        if len(self.rows) <= WEAKEST:
            return []
        qualities = self.weakest_first.qualities
        worst = list(qualities.items())[:WEAKEST]
        return [
            (name, value) for name, value in worst if value is not None and value < 1
        ]


def text_of(cell: Cell) -> str:
    """Returns a cell as text: shares in percent, and nothing for None."""
    if cell is None or isinstance(cell, str | int):
        return "" if cell is None else str(cell)
    return percent(number_of(cell))


def number_of(cell: Cell) -> float | None:
    """Returns the number that a cell is, or stands for; None for text."""
    if isinstance(cell, Accuracy):
        return cell.value
    return cell if isinstance(cell, int | float) else None
