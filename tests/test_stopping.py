import signal
import threading
from collections.abc import Iterator

import pytest

from cnnxfer.stopping import SIGNALS, interrupted_by_sigterm, stop_on_signals


@pytest.fixture(autouse=True)
def _handlers_are_restored() -> Iterator[None]:
    before = [signal.getsignal(number) for number in SIGNALS]
    yield
    assert [signal.getsignal(number) for number in SIGNALS] == before


@pytest.mark.parametrize("number", SIGNALS, ids=str)
def test_the_first_signal_stops_and_the_second_interrupts(
    number: signal.Signals,
) -> None:
    with stop_on_signals() as stop:
        assert not stop.requested
        signal.raise_signal(number)
        assert stop.requested
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_handlers_are_restored_after_an_error() -> None:
    with pytest.raises(ValueError, match="it"), stop_on_signals():
        raise ValueError("it")


def test_sigterm_interrupts_as_ctrl_c_does() -> None:
    with pytest.raises(KeyboardInterrupt), interrupted_by_sigterm():
        signal.raise_signal(signal.SIGTERM)


def test_ignored_signals_stay_ignored() -> None:
    """Background jobs of a shell ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stop_on_signals() as stop:
            signal.raise_signal(signal.SIGINT)
            assert not stop.requested
            signal.raise_signal(signal.SIGTERM)
            assert stop.requested
    finally:
        signal.signal(signal.SIGINT, before)


def test_in_another_thread_no_handlers_are_installed() -> None:
    asked = []

    def work() -> None:
        with stop_on_signals() as stop, interrupted_by_sigterm():
            asked.append(stop.requested)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert asked == [False]
