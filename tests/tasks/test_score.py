import dataclasses
import json
import math
from typing import get_args

import pytest

from cnnxfer.runs.contents import Figure
from cnnxfer.tasks.score import NAMES, Score

BEST = Score({"accuracy": 0.75, "macro-f1": 0.6}, loss=0.5, epoch=2)


@pytest.mark.parametrize(
    ("accuracy", "loss", "beats"),
    [
        (0.76, 9.0, True),
        (0.75, 0.4, True),
        (0.75, 0.5, False),
        (0.75, 0.6, False),
        (0.74, 0.1, False),
        (0.75, math.nan, False),
    ],
)
def test_scores_are_compared_by_accuracy_and_then_by_loss(
    accuracy: float, loss: float, beats: bool
) -> None:
    score = Score({"accuracy": accuracy, "macro-f1": 0.6}, loss, epoch=3)
    assert score.beats(BEST) is beats
    assert score.beats(None)


@pytest.mark.parametrize("monitor", ["macro-f1", "mean-average-precision"])
def test_scores_are_compared_by_the_monitored_figure(monitor: str) -> None:
    low = Score({"accuracy": 0.9, monitor: 0.5}, 0.1, 1, monitor)
    high = Score({"accuracy": 0.1, monitor: 0.6}, 0.9, 2, monitor)
    assert high.beats(low)
    assert not low.beats(high)
    assert high.value == 0.6
    assert high.text == f"{monitor.replace('-', ' ').replace(' f', '-F')} 60.0%"


def test_the_history_has_what_is_monitored() -> None:
    assert BEST.as_history() == {"val_loss": "0.500000", "val_accuracy": "0.750000"}
    assert BEST.text == "accuracy 75.0%"
    f1 = dataclasses.replace(BEST, monitor="macro-f1")
    assert f1.as_history() == {**BEST.as_history(), "val_macro_f1": "0.600000"}
    precise = dataclasses.replace(
        BEST,
        monitor="mean-average-precision",
        figures={**BEST.figures, "mean-average-precision": 0.7},
    )
    assert precise.as_history()["val_mean_average_precision"] == "0.700000"


def test_metrics_have_all_figures() -> None:
    assert json.dumps(BEST.as_metrics(images=3)) == (
        '{"val_accuracy": 0.75, "val_macro_f1": 0.6, "val_loss": 0.5, "val_images": 3, '
        '"epoch": 2, "monitor": "accuracy"}'
    )


def test_metrics_are_read_with_every_figure() -> None:
    assert get_args(Figure) == tuple(NAMES)
