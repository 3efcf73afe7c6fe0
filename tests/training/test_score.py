import json
import math

import numpy as np
import pytest

from cnnxfer.training.score import Score, measure

BEST = Score(accuracy=0.75, loss=0.5, epoch=2)


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
def test_better_is_more_correct_and_then_less_loss(
    accuracy: float, loss: float, beats: bool
) -> None:
    assert Score(accuracy, loss, epoch=3).beats(BEST) is beats
    assert Score(accuracy, loss, epoch=3).beats(None)


def test_measure_is_accuracy_and_cross_entropy() -> None:
    probabilities = np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4], [0.1, 0.8, 0.1]])
    shifts = np.array([[5], [-300], [0.1]])  # softmax doesn't see them
    logits = (np.log(probabilities) + shifts).astype(np.float32)
    score = measure(logits, [0, 1, 1], epoch=4)
    expected = -math.log(0.7 * 0.3 * 0.8) / 3
    assert score == Score(0.666667, pytest.approx(expected, abs=1e-5), epoch=4)


def test_logits_that_are_no_numbers_give_a_loss_that_is_none() -> None:
    for bad in (math.nan, math.inf):
        logits = np.array([[0.0, 1.0], [bad, 0.0]], np.float32)
        assert math.isnan(measure(logits, [1, 0], epoch=1).loss)


def test_scores_are_written_with_six_digits() -> None:
    score = measure(np.array([[0.1, 0.2, 0.7]] * 3, np.float32), [2, 2, 1], epoch=1)
    metrics = score.as_metrics(images=3)
    assert json.dumps(metrics) == (
        '{"val_accuracy": 0.666667, "val_loss": 0.934616, "val_images": 3, "epoch": 1}'
    )
    assert Score.from_metrics(metrics) == score
