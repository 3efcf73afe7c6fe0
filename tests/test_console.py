from collections.abc import Iterator

import pytest

from cnnxfer.console import ConsoleReporter, stderr


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Makes the console treat stderr as a terminal."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    stderr.cache_clear()
    yield
    stderr.cache_clear()


def test_messages_are_logged_where_nobody_looks(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("INFO", "cnnxfer")
    reporter = ConsoleReporter()
    reporter.warn("[hot]\x1b\n")
    with reporter.progress("work") as advance:
        advance()
    assert caplog.messages == [r"[hot]\x1b\n", "work"]
    assert capsys.readouterr() == ("", "")


def test_work_within_work_has_a_bar_too(
    on_terminal: None, capsys: pytest.CaptureFixture[str]
) -> None:
    reporter = ConsoleReporter()
    reporter.info("[said]")
    with reporter.progress("outer", 1) as advance, reporter.progress("inner"):
        advance(note="[noted]")
    with reporter.progress("later"):
        pass
    drawn = capsys.readouterr().err
    assert drawn.startswith("[said]\n")
    for text in ("outer", "[noted]", "later"):
        assert text in drawn
    assert drawn.count("\x1b[?25l") == 2  # one display after the other


def test_notebooks_without_widgets_have_messages_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stderr(), "is_jupyter", True)
    monkeypatch.setattr("cnnxfer.console.find_spec", lambda _: None)
    assert (ConsoleReporter().shows, ConsoleReporter().draws) == (True, False)
