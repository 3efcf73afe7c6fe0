"""A reporter that keeps what it is told, and lets a test act while work goes on."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field

from cnnxfer.reporting import Advance, Note, Reporter


@dataclass
class RecordedProgress:
    """What was told of one piece of work that has steps.

    Attributes:
        title: a few words that say what is done.
        total: the number of steps; None if it was not known.
        unit: what a step is.
        steps: the number of steps of each call of `advance`.
    """

    title: str
    total: int | None
    unit: str
    steps: list[int] = field(default_factory=list)

    @property
    def done(self) -> int:
        """The number of steps that are done."""
        return sum(self.steps)


class RecordingReporter(Reporter):
    """Keeps every message and all progress.

    Attributes:
        infos: the messages of `info` and `detail`.
        waits: what `wait` was told.
        warnings: the messages of `warn`.
        lines: both, in order; those of `warn` as "warning: ...".
        progresses: each use of `progress`, in order.
    """

    def __init__(self, on_advance: Callable[[str], None] | None = None) -> None:
        """Creates a reporter without messages.

        Args:
            on_advance: called with the notes at every `advance` of a progress, after
                its steps are kept. What it raises reaches the work, which is how
                tests stop it: training advances after each update, with a note such
                as "epoch 2/3  loss 0.612  accuracy 70.0%".
        """
        self.infos: list[str] = []
        self.waits: list[str] = []
        self.warnings: list[str] = []
        self.lines: list[str] = []
        self.progresses: list[RecordedProgress] = []
        self._on_advance = on_advance

    def info(self, message: str) -> None:
        self.infos.append(message)
        self.lines.append(message)

    def detail(self, message: str) -> None:
        self.info(message)

    def warn(self, message: str) -> None:
        self.warnings.append(message)
        self.lines.append(f"warning: {message}")

    def wait(self, title: str, unit: str = "") -> AbstractContextManager[object]:
        self.waits.append(title)
        return nullcontext()

    @contextmanager
    def progress(
        self, title: str, total: int | None = None, unit: str = ""
    ) -> Iterator[Advance]:
        record = RecordedProgress(title, total, unit)
        self.progresses.append(record)

        def advance(steps: int = 1, *notes: Note) -> None:
            record.steps.append(steps)
            if self._on_advance:
                self._on_advance("  ".join(note.text for note in notes))

        yield advance


def pressing_ctrl_c(place: str) -> RecordingReporter:
    """Returns a reporter that presses Ctrl-C once, at the first step of some work.

    Args:
        place: how the title of the work or the note of the step begins, such as
            "features" or "epoch 2/", which is the first update of the second epoch.
    """
    pressed = False

    def press(note: str) -> None:
        nonlocal pressed
        title = reporter.progresses[-1].title
        if not pressed and (title.startswith(place) or note.startswith(place)):
            pressed = True
            signal.raise_signal(signal.SIGINT)

    reporter = RecordingReporter(press)
    return reporter
