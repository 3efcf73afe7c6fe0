"""One line that shows how far some work is, and fits into any width."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from cnnxfer.reporting import Note
from cnnxfer.time_left import TimeLeft

LONGEST_BAR = 40
SPINNER, PLAIN_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "|/-\\"
TURNS_PER_SECOND = 10
LONG_SECONDS = 3  # of a wait, from which on they are counted
# What no title ends with when it is shortened.
LITTLE_WORDS = {
    *("a", "an", "and", "as", "for", "in", "of", "on", "the", "to", "up", "with"),
    "without",
}


class _Form(NamedTuple):
    """What a line has.

    Attributes:
        rate: whether it has the rate.
        spare: whether it has notes that are spare.
        short: whether notes are short.
        bar: the least length of the bar; 0 for none.
        gap: what parts the pieces.
    """

    rate: bool
    spare: bool
    short: bool
    bar: int
    gap: str = "  "


# The first one that fits is shown. What is worth least goes first: the rate, notes
# that are spare and the length of the bar, words, and the bar itself.
FORMS = (
    _Form(rate=True, spare=True, short=False, bar=16),
    _Form(rate=False, spare=True, short=False, bar=16),
    _Form(rate=False, spare=False, short=False, bar=8),
    _Form(rate=False, spare=False, short=True, bar=8),
    _Form(rate=False, spare=False, short=True, bar=0),
    _Form(rate=False, spare=False, short=True, bar=0, gap=" "),
)


@dataclass
class Line:
    """What is shown of some work.

    Attributes:
        title: a few words that say what is being done.
        share: how much of it is done, in [0, 1]; None if that is not known.
        left: how long it still takes, with all that follows; None if that is not known.
        rate: how fast it is, such as "190 images/s".
        notes: figures of it.
        notable: whether it is also shown while work inside it is.
        started: when it began, by `time.monotonic`.
    """

    title: str
    share: float | None = None
    left: TimeLeft | None = None
    rate: str = ""
    notes: Sequence[Note] = ()
    notable: bool = True
    started: float = field(default_factory=time.monotonic)

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> RenderResult:
        """Yields the line, as wide as the terminal is in this frame at most."""
        width = options.max_width - 1  # some terminals fold what fills the last column
        plain = options.ascii_only
        if self.share is None:
            yield self.waiting(width, plain=plain)
        else:
            yield self.fitted(width, plain=plain)

    def waiting(self, width: int, *, plain: bool = False) -> Text:
        """Returns the line of work that doesn't know how far it is."""
        seconds = time.monotonic() - self.started
        turns = PLAIN_SPINNER if plain else SPINNER
        turn = turns[int(seconds * TURNS_PER_SECOND) % len(turns)]
        figures = self._figures(FORMS[2])
        if seconds >= LONG_SECONDS:
            figures.append(f"{seconds:.0f} s")
        room = width - cell_len(" ".join([turn, "", *figures]))
        title = self.title
        if cell_len(title) > room:
            title = _shortened(title, room) or title
        return _cropped(Text(" ".join([turn, title, *figures])), width)

    def fitted(self, width: int, *, plain: bool = False) -> Text:
        """Returns the fullest of `FORMS` that fits into a width, in columns."""
        title = self.title
        for form in FORMS:
            figures = "".join(form.gap + text for text in self._figures(form))
            room = (
                width - cell_len(figures) - (form.bar + len(form.gap)) * bool(form.bar)
            )
            if cell_len(title) <= room:
                break
        else:
            title = _shortened(title, room)
            figures = figures if title else figures.strip()
        text = Text(title)
        if form.bar:
            length = min(form.bar + room - cell_len(title), LONGEST_BAR)
            done = round(length * min(self.share or 0.0, 1.0))
            text.append(form.gap)
            text.append(("#" if plain else "━") * done, "bar.complete")
            text.append(("." if plain else "─") * (length - done), "bar.back")
        return _cropped(text.append(figures), width)

    def _figures(self, form: _Form) -> list[str]:
        return [
            *([f"{min(self.share, 1):.0%}"] if self.share is not None else []),
            *([self.rate] if form.rate and self.rate else []),
            *([self.left.text] if self.left else []),
            *(
                (note.short or note.text) if form.short else note.text
                for note in self.notes
                if form.spare or not note.spare
            ),
        ]


def _cropped(text: Text, width: int) -> Text:
    text.no_wrap = True
    text.truncate(max(width, 1), overflow="ellipsis")
    return text


def _shortened(title: str, width: int) -> str:
    """Returns the first words of a title that fit into a width, and mean something."""
    words = title.split()
    while words and (
        cell_len(" ".join(words)) > width or words[-1].lower() in LITTLE_WORDS
    ):
        words.pop()
    return " ".join(words)
