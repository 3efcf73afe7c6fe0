import io
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from cnnxfer import time_left
from cnnxfer.console import ConsoleReporter, folded, show_result, stderr
from cnnxfer.reporting import LoggingReporter, Note, Reporter, Result

RESULT = Result(
    "97.6% validation accuracy (93.2 to 99.2), 12 classes, 28 s",
    (
        ("weakest", "lily-valley 85%, colts-foot 90%, windflower 95%"),
        ("test", ""),
        ("saved", "runs/flowers12-3"),
        ("next", "cnnxfer predict photos/of/last/summer/tulip.jpg"),
    ),
)


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Makes the console treat stderr as a terminal."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    stderr.cache_clear()
    yield
    stderr.cache_clear()


def shown(result: Result, width: int) -> str:
    """Returns what a terminal of a width shows of a result."""
    stream = io.StringIO()
    show_result(result, Console(file=stream, width=width, force_terminal=True))
    return stream.getvalue()


def without_colours(text: str) -> list[str]:
    """Returns the lines of what a terminal is sent."""
    return re.sub(r"\x1b\[[\d;]*m", "", text).splitlines()


def test_messages_are_logged_where_nobody_looks(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG", "cnnxfer")
    reporter = ConsoleReporter()
    reporter.warn("[hot]\x1b\n")
    reporter.detail("rates tried")
    with reporter.wait("starting"), reporter.progress("work") as advance:
        advance()
    reporter.result(Result("all is well", (("next", "go"),)))
    levels = [record.levelno for record in caplog.records]
    assert caplog.messages == [
        *(r"[hot]\x1b\n", "rates tried", "work", "✓ all is well", "  next  go")
    ]
    assert levels == [logging.WARNING, logging.DEBUG, *[logging.INFO] * 3]
    assert capsys.readouterr() == ("", "")


def test_work_within_work_has_a_bar_too(
    on_terminal: None, capsys: pytest.CaptureFixture[str]
) -> None:
    reporter = ConsoleReporter()
    reporter.info("[said]")
    with reporter.progress("outer", 1) as advance, reporter.progress("inner"):
        advance(1, Note("[noted]"))
    with reporter.progress("later"):
        pass
    drawn = capsys.readouterr().err
    assert drawn.startswith("[said]\n")
    for text in ("outer", "[noted]", "later"):
        assert text in drawn
    assert drawn.count("\x1b[?25l") == 2  # one display after the other


def test_a_wait_around_other_work_is_not_drawn(
    on_terminal: None, capsys: pytest.CaptureFixture[str]
) -> None:
    reporter = ConsoleReporter()
    with reporter.wait("measuring"), reporter.progress("reading", 2) as advance:
        assert [line.title for line in reporter._shown_lines()] == ["reading"]
        advance()
        with reporter.wait("writing"):
            titles = [line.title for line in reporter._shown_lines()]
    assert titles == ["reading", "writing"]
    assert "measuring" in capsys.readouterr().err


def test_the_time_left_is_that_of_all_stages(
    on_terminal: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_left, "ENOUGH_SECONDS", 0.0)
    reporter = ConsoleReporter()
    with (
        reporter.expecting(1, "networks"),
        reporter.progress("work", 3, "x") as advance,
    ):
        advance()
        advance()
        (line,) = reporter._shown_lines()
        assert line.left
        assert not line.left.whole
        with reporter.wait("converting", "networks"):
            pass
        advance()
        assert line.left.whole


def test_notebooks_without_widgets_have_messages_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stderr(), "is_jupyter", True)
    monkeypatch.setattr("cnnxfer.console.find_spec", lambda _: None)
    assert (ConsoleReporter().shows, ConsoleReporter().draws) == (True, False)


def test_results_are_the_loudest() -> None:
    lines = shown(RESULT, 80).splitlines()
    assert lines[0].startswith("\x1b[1;32m✓\x1b[0m\x1b[1m 97.6% validation")
    assert not any("\x1b[1m" in line for line in lines[1:])
    assert without_colours(shown(RESULT, 80)) == [
        "✓ 97.6% validation accuracy (93.2 to 99.2), 12 classes, 28 s",
        "  weakest  lily-valley 85%, colts-foot 90%, windflower 95%",
        "  saved    runs/flowers12-3",
        "  next     cnnxfer predict photos/of/last/summer/tulip.jpg",
    ]
    bad = shown(Result("2 errors", good=False), 80)
    assert bad.startswith("\x1b[1;31m✗")


def test_results_are_folded_between_words_but_commands_stay_whole() -> None:
    assert without_colours(shown(RESULT, 40)) == [
        "✓ 97.6% validation accuracy (93.2 to",
        "  99.2), 12 classes, 28 s",
        "  weakest  lily-valley 85%, colts-foot",
        "           90%, windflower 95%",
        "  saved    runs/flowers12-3",
        "  next     cnnxfer predict photos/of/last/summer/tulip.jpg",
    ]


def test_messages_are_folded_before_a_command_to_paste() -> None:
    text = "runs/a has no model yet. Go on with: cnnxfer resume runs/a"
    assert folded(text, 80) == folded(text, 0) == text
    assert folded(text, 40).splitlines() == [
        "runs/a has no model yet. Go on with:",
        "cnnxfer resume runs/a",
    ]


def test_everything_that_is_told_can_be_kept(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    reporter = LoggingReporter(Reporter(), path)
    reporter.info("reading")
    reporter.detail("rates\ntried")
    reporter.warn("hot")
    reporter.result(RESULT)
    texts = [line.split("  ", 1)[1] for line in path.read_text("utf-8").splitlines()]
    assert texts == ["reading", r"rates\ntried", "warning: hot", *RESULT.lines]
    LoggingReporter(Reporter(), tmp_path / "lost" / "log.txt").info("not kept")
