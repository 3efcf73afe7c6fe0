"""The table as a terminal shows it: fitted into its width, with no word cut."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from cnnxfer.prediction.outputs.shortened import common_folder, shortened
from cnnxfer.reporting import printable

LONGEST_BAR, SHORTEST_BAR = 20, 4
SHARE = 6  # the width of a percentage
LEAST_NAME = 16  # cells of a name, below which it stands above its classes
GAP = 2  # between two columns
INDENT = 2  # of classes below a name


@dataclass(frozen=True)
class Row:
    """A class or an object of an image.

    Attributes:
        rank: its rank.
        label: what it is called.
        fraction: how probable it is, in [0, 1].
        place: where it is; empty if that is not known.
    """

    rank: str
    label: Text
    fraction: float
    place: str


@dataclass(frozen=True)
class Entry:
    """An image.

    Attributes:
        path: its path.
        mark: the number of its frame.
        rows: what it shows.
        nothing: why it shows nothing, if it has no rows.
    """

    path: str
    mark: str
    rows: Sequence[Row]
    nothing: Text


class TerminalTable:
    """Prints blocks of images; columns only become wider."""

    def __init__(
        self, console: Console, titles: Sequence[str], block: str, dots: str
    ) -> None:
        """Prints nothing yet.

        Args:
            console: the terminal.
            titles: of the label, the fraction and the place, if there is one.
            block: what bars are made of.
            dots: what stands for what a name has no room for.
        """
        self._console, self._titles = console, titles
        self._block, self._dots = block, dots
        self._folder = ""
        self._label, self._place = len(titles[0]), sum(map(len, titles[2:]))
        self._name = len("image")
        self._headed = False

    def print(self, entries: Sequence[Entry]) -> None:
        """Prints some images, below the folder that they have in common."""
        paths = [entry.path for entry in entries]
        folder = common_folder(paths, os.sep) if len(paths) > 1 else ""
        if folder != self._folder:
            self._folder = folder
            told = self._short(printable(folder), self._console.width - len("in "))
            self._line(Text(f"in {told}" if folder else "elsewhere", "dim"))
        names = [printable(path[len(folder) :]) for path in paths]
        names = [name + entry.mark for name, entry in zip(names, entries, strict=True)]
        rows = [row for entry in entries for row in entry.rows]
        self._name = max(self._name, *(Text(name).cell_len for name in names))
        self._label = max(self._label, *(row.label.cell_len for row in rows), 0)
        self._place = max(self._place, *(len(row.place) for row in rows), 0)
        taken = GAP + len("rank") + GAP + self._label + GAP
        taken += SHARE + 1 + SHORTEST_BAR + (GAP + self._place) * (self._place > 0)
        room = self._console.width - taken
        if room >= min(self._name, LEAST_NAME):
            self._print_columns(names, entries, room)
        else:
            self._print_stacked(names, entries)

    def _print_columns(
        self, names: Sequence[str], entries: Sequence[Entry], room: int
    ) -> None:
        """Prints a line for each class, beside the name of the first."""
        name = min(self._name, room)
        bar = min(LONGEST_BAR, SHORTEST_BAR + room - name)
        widths = [name, len("rank"), self._label, SHARE + 1 + bar, self._place]
        if not self._headed:
            self._headed = True
            titles = [Text(title, "bold") for title in ("image", "rank", *self._titles)]
            self._line(_aligned(titles, widths))
        for shown, entry in zip(names, entries, strict=True):
            first = Text(self._short(shown, name))
            for row in entry.rows:
                share = self._share(row.fraction, bar)
                cells = [first, Text(row.rank), row.label, share, Text(row.place)]
                self._line(_aligned(cells, widths))
                first = Text()
            if not entry.rows:
                start = name + GAP + len("rank") + GAP
                self._wrapped(entry.nothing, _padded(first, start), start)

    def _print_stacked(self, names: Sequence[str], entries: Sequence[Entry]) -> None:
        """Prints the name of each image above its classes."""
        width = self._console.width
        for shown, entry in zip(names, entries, strict=True):
            self._line(Text(self._short(shown, width), "bold"))
            ranks = max((len(row.rank) for row in entry.rows), default=0)
            start = INDENT + ranks + 1
            label = min(self._label, width - start - GAP - SHARE)
            bar = min(LONGEST_BAR, width - start - label - GAP - SHARE - 1)
            for row in entry.rows:
                first, *rest = row.label.wrap(self._console, max(1, label))
                line = Text(" " * INDENT + row.rank.rjust(ranks) + " ")
                share = self._share(row.fraction, bar if bar >= SHORTEST_BAR else 0)
                self._line(line + _padded(first, label + GAP) + share)
                places = Text(row.place, "dim").wrap(self._console, width - start)
                for more in (*rest, *(places if row.place else ())):
                    self._line(Text(" " * start) + more)
            if not entry.rows:
                self._wrapped(entry.nothing, Text(" " * INDENT), INDENT)

    def _wrapped(self, text: Text, before: Text, start: int) -> None:
        for line in text.wrap(self._console, max(1, self._console.width - start)):
            self._line(before + line)
            before = Text(" " * start)

    def _share(self, fraction: float, bar: int) -> Text:
        text = Text(f"{fraction:{SHARE}.1%} ")
        return text.append(self._block * round(bar * fraction), "cyan")

    def _short(self, name: str, width: int) -> str:
        return shortened(name, width, self._dots, os.sep)

    def _line(self, text: Text) -> None:
        text.rstrip()
        self._console.print(text, soft_wrap=True)


def _aligned(cells: Sequence[Text], widths: Sequence[int]) -> Text:
    """Returns cells in columns, of which the second, the rank, ends at the right."""
    line = Text()
    for number, (cell, width) in enumerate(zip(cells, widths, strict=False)):
        space = " " * max(0, width - cell.cell_len)
        line.append(space if number == 1 else "").append_text(cell)
        line.append("" if number == 1 else space).append(" " * GAP)
    return line


def _padded(text: Text, width: int) -> Text:
    return text.copy().append(" " * max(0, width - text.cell_len))
