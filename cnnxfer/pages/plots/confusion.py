"""Confusion matrices: which class is taken for which."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from cnnxfer.pages.plots.svg import drawing, hint, short, shortened, text

CELL = 34  # the side of a cell, in pixels
NAME_LENGTH = 18  # characters of a class's name
LETTER = 6.6  # the width of a letter, in pixels, at the size of style.css
HEADING_LETTER = 7.8  # the same of the title
TITLE = 22  # the height of the title, in pixels
DARK = 0.55  # from which share on a cell's number is written in the colour of the paper


@dataclass(frozen=True)
class Confusion:
    """How often a class is answered as which.

    Attributes:
        rows: the names of the classes that are shown.
        columns: the names of the answers.
        counts: int `(rows, columns)`.
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: np.ndarray

    def most_confused(self, most: int) -> Confusion:
        """Returns the part of the classes that are confused most often.

        Args:
            most: how many classes to keep, as rows and as columns; all stay if there
                are fewer. What the matrix has beyond its square, such as a column for
                nothing, stays, too.
        """
        size = min(self.counts.shape)
        square = self.counts[:size, :size]
        if size <= most:
            return self
        wrong = square - np.diag(square.diagonal())
        order = np.argsort(-(wrong.sum(axis=0) + wrong.sum(axis=1)), kind="stable")
        kept = np.sort(order[:most])
        across = np.append(kept, np.arange(size, self.counts.shape[1]))
        down = np.append(kept, np.arange(size, self.counts.shape[0]))
        return Confusion(
            tuple(self.rows[at] for at in down.tolist()),
            tuple(self.columns[at] for at in across.tolist()),
            self.counts[np.ix_(down, across)],
        )


def plot_confusion(title: str, confusion: Confusion) -> Markup:
    """Returns a confusion matrix as SVG: a row for each class, a column an answer.

    A cell is the darker, the greater its share of the row is; its number says how often
    the class was answered so.
    """
    rows = [shortened(name, NAME_LENGTH) for name in confusion.rows]
    columns = [shortened(name, NAME_LENGTH) for name in confusion.columns]
    left = LETTER * max(map(len, ["shown as", *rows])) + 14
    # The names of columns are turned by 45 degrees.
    above = TITLE + 20 + 0.71 * LETTER * max(map(len, columns))
    wide = left + CELL * len(columns) + 0.71 * LETTER * len(columns[-1]) + 8
    wide = max(wide, HEADING_LETTER * len(title))
    return drawing(
        title,
        _description(confusion),
        wide,
        above + CELL * len(rows) + 6,
        [
            text(0, 14, title, kind="heading"),
            *_names(rows, columns, left, above),
            *_cells(confusion, left, above),
        ],
    )


def _names(
    rows: Sequence[str], columns: Sequence[str], left: float, above: float
) -> Iterator[Markup]:
    for number, name in enumerate(rows):
        yield text(left - 8, above + CELL * (number + 0.5) + 4, name, "end")
    for number, name in enumerate(columns):
        x = left + CELL * (number + 0.5)
        yield Markup('<g transform="translate({},{}) rotate(-45)">{}</g>').format(
            short(x), short(above - 8), text(0, 0, name)
        )


def _cells(confusion: Confusion, left: float, above: float) -> Iterator[Markup]:
    totals = np.maximum(confusion.counts.sum(axis=1, keepdims=True), 1)
    shares = (confusion.counts / totals).tolist()
    for down, row in enumerate(confusion.counts.tolist()):
        for across, count in enumerate(row):
            x, y = left + CELL * across, above + CELL * down
            share = shares[down][across]
            told = (
                f"{confusion.rows[down]} answered as {confusion.columns[across]}: "
                f"{count:,} ({share:.1%})"
            )
            right = "right" if down == across else "wrong"
            yield Markup(
                '<g class="cell {0}">{1}<rect x="{2}" y="{3}" '
                'width="{4}" height="{4}" fill-opacity="{5:.2f}"/>{6}</g>'
            ).format(
                right,
                hint(told),
                short(x),
                short(y),
                CELL - 2,
                0.06 + 0.94 * share if count else 0.03,
                _number(x, y, count, share),
            )


def _number(x: float, y: float, count: int, share: float) -> Markup:
    if not count:
        return Markup("")
    kind = "on-dark" if share >= DARK else ""
    middle = x + CELL / 2 - 1, y + CELL / 2 + 3
    return text(*middle, _brief(count), "middle", kind)


def _brief(count: int) -> str:
    """Returns a count in at most four characters, such as 950, 12k or 3.4M."""
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= size:
            digits = 1 if count < 10 * size else 0
            return f"{math.floor(count / size * 10**digits) / 10**digits:g}{letter}"
    return str(count)


def _description(confusion: Confusion) -> str:
    wrong = confusion.counts.copy()
    np.fill_diagonal(wrong, 0)
    if not wrong.any():
        return "no class was taken for another"
    down, across = np.unravel_index(int(wrong.argmax()), wrong.shape)
    return (
        f"most often, {confusion.rows[down]} was answered as "
        f"{confusion.columns[across]}: {wrong[down, across]:,} times"
    )
