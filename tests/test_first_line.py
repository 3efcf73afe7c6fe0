"""What stands on the screen until a command has something better to show."""

import io
import subprocess
import sys
import time

import pytest

from cnnxfer import first_line

LIGHT = """
import sys
import cnnxfer.first_line as first_line
def shown(words):
    print(*sorted(name for name in HEAVY if name in sys.modules))
    raise SystemExit
HEAVY = ["rich", "typer", "numpy", "PIL", "pydantic", "keras", "cnnxfer.cli.main"]
first_line.show_first_line = shown
from cnnxfer.__main__ import main
main()
"""


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def on_screen(monkeypatch: pytest.MonkeyPatch, *words: str) -> Terminal:
    """Returns a terminal on which a command with some words has just begun.

    It is no fixture, since pytest takes the streams back when a test begins.
    """
    terminal = Terminal()
    monkeypatch.setattr(first_line, "_line", None)
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(sys, "stderr", terminal)
    first_line.show_first_line(words)
    return terminal


@pytest.fixture(autouse=True)
def terminal_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has the line shown at once, in a terminal that can erase it."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(first_line, "AFTER_SECONDS", 0.0)


def wait_for(terminal: Terminal) -> None:
    """Waits until the line is shown, which a thread does."""
    for _ in range(1000):
        if terminal.getvalue():
            return
        time.sleep(0.01)


def test_nothing_heavy_is_imported_before_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIGHT, "train"], capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("\n", "")


def test_it_makes_way_for_what_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = on_screen(monkeypatch, "train")
    wait_for(screen)
    assert sys.stdout is not screen
    print("answer")
    assert sys.stdout is sys.stderr is screen
    assert screen.getvalue() == "starting cnnxfer\r\x1b[2Kanswer\n"
    first_line.erase_first_line()
    assert screen.getvalue().endswith("answer\n")


def test_a_command_that_prints_nothing_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = on_screen(monkeypatch, "train")
    wait_for(screen)
    first_line.erase_first_line()
    assert screen.getvalue() == "starting cnnxfer\r\x1b[2K"


def test_a_fast_command_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_line, "AFTER_SECONDS", 60.0)
    screen = on_screen(monkeypatch, "runs")
    print("answer", file=sys.stderr)
    assert screen.getvalue() == "answer\n"


@pytest.mark.parametrize(
    ("words", "environment"),
    [
        (["train", "-q"], {}),
        (["train"], {"TERM": "dumb"}),
    ],
)
def test_nothing_is_shown_where_nobody_wants_it(
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    environment: dict[str, str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    screen = on_screen(monkeypatch, *words)
    assert sys.stdout is screen


def test_pipes_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Terminal, "isatty", lambda _: False)
    pipe = on_screen(monkeypatch, "train")
    assert sys.stderr is pipe
