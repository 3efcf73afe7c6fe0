"""The line that shows how far some work is, at widths that terminals have."""

import io
import re

import pytest
from rich.console import Console

from cnnxfer.progress_line import Line
from cnnxfer.reporting import Note
from cnnxfer.time_left import TimeLeft

TRAINING = Line(
    "training the head",
    share=0.4,
    left=TimeLeft(12),
    rate="372 batches/s",
    notes=[
        Note("epoch 4/10"),
        Note("loss 0.123", spare=True),
        Note("accuracy 98.7%", spare=True),
        Note("validation accuracy 95.2%", "val 95.2%"),
    ],
)
READING = Line(
    "features of training images", 0.5, TimeLeft(75, whole=False), "190 images/s"
)


def drawn(line: Line, width: int, encoding: str = "utf-8") -> str:
    """Returns what a terminal of a width shows in one frame."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(
        file=stream,
        width=width,
        force_terminal=True,
        color_system=None,
        legacy_windows=False,
    )
    console.print(line)
    stream.seek(0)
    return stream.read().removesuffix("\n")


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (
            140,
            "training the head  BAR  40%  372 batches/s  0:12  epoch 4/10  "
            "loss 0.123  accuracy 98.7%  validation accuracy 95.2%",
        ),
        (
            120,
            "training the head  BAR  40%  0:12  epoch 4/10  loss 0.123  "
            "accuracy 98.7%  validation accuracy 95.2%",
        ),
        (
            80,
            "training the head  BAR  40%  0:12  epoch 4/10  validation accuracy 95.2%",
        ),
        (64, "training the head  BAR  40%  0:12  epoch 4/10  val 95.2%"),
        (56, "training the head  40%  0:12  epoch 4/10  val 95.2%"),
        (40, "training 40% 0:12 epoch 4/10 val 95.2%"),
        (34, "40% 0:12 epoch 4/10 val 95.2%"),
        (20, "40% 0:12 epoch 4/10…"[:18] + "…"),
    ],
)
def test_what_is_worth_least_goes_first(width: int, shown: str) -> None:
    line = drawn(TRAINING, width)
    assert re.sub("[━─]+", "BAR", line).rstrip() == shown
    assert len(line) < width


def test_the_bar_grows_with_the_terminal_and_with_the_work() -> None:
    lengths = [
        len(re.findall("[━─]", drawn(TRAINING, width))) for width in (79, 80, 160)
    ]
    assert lengths == [9, 10, 40]
    assert drawn(TRAINING, 160).count("━") == 16


def test_titles_lose_whole_words() -> None:
    assert drawn(READING, 80).startswith("features of training images  ━")
    assert drawn(READING, 40) == "features of training images  50%  1:15+"
    assert drawn(READING, 26) == "features 50% 1:15+"


def test_terminals_without_unicode_have_a_bar_too() -> None:
    assert drawn(TRAINING, 80, "ascii").count("#") == 4
    assert drawn(Line("starting TensorFlow"), 80, "ascii") == "| starting TensorFlow"


def test_a_wait_counts_its_seconds_when_it_is_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = Line("starting TensorFlow")
    assert drawn(line, 40)[1:] == " starting TensorFlow"
    monkeypatch.setattr("time.monotonic", lambda: line.started + 4.2)
    assert drawn(line, 40)[1:] == " starting TensorFlow 4 s"
    assert drawn(line, 16)[1:] == " starting 4 s"
    assert drawn(line, 8)[1:] == " star…"
