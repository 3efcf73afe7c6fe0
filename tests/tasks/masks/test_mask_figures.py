import dataclasses
import json

import numpy as np
import pytest
from sklearn.metrics import jaccard_score

from cnnxfer.tasks.masks.mask_figures import (
    mask_scores,
    measure_masks,
    pixel_confusion,
)
from cnnxfer.tasks.significance import wilson_interval

NAMES = ("sky", "sea", "sand")
TRUTHS = [
    np.array([[0, 0, 0], [0, 1, 1], [255, 255, 255]], np.uint8),
    np.array([[1, 1, 1, 1]], np.uint8),
    np.full((2, 2), 255, np.uint8),
]
# One pixel of the sky is taken for sea, and one of the sea for sand.
ANSWERS = [
    np.array([[0, 0, 1], [0, 1, 1], [2, 1, 0]], np.uint8),
    np.array([[1, 1, 1, 2]], np.uint8),
    np.array([[0, 1], [2, 2]], np.uint8),
]
PICTURES = list(zip(ANSWERS, TRUTHS, strict=True))


def test_figures_of_masks() -> None:
    figures, right = measure_masks(NAMES, iter(PICTURES))
    sky, sea, sand = figures.classes
    assert figures.confusion == ((3, 1, 0), (0, 5, 1), (0, 0, 0))
    assert (sky.pixels, sky.images, sky.iou) == (4, 1, 3 / 4)
    assert (sky.recall, sky.precision) == (3 / 4, 1)
    assert (sea.pixels, sea.images, sea.iou) == (6, 2, 5 / 7)
    assert (sea.recall, sea.precision) == (5 / 6, 5 / 6)
    assert (sand.pixels, sand.images, sand.iou) == (0, 0, None)
    assert (sand.recall, sand.precision) == (None, 0)
    # No image shows sand, so it has no part in the means.
    assert figures.miou.value == pytest.approx((3 / 4 + 5 / 7) / 2)
    assert figures.mean_class_accuracy == pytest.approx((3 / 4 + 5 / 6) / 2)
    assert figures.pixel_accuracy.value == 8 / 10
    assert figures.miou.low < figures.miou.value < figures.miou.high
    assert figures.headline == ("miou", figures.miou)
    # 3/4 and 2/3 in the first, 3/4 in the second, and nothing wrong in the third.
    assert right.tolist() == [False, True, True]
    assert figures.right == wilson_interval(2, 3)
    assert figures.baseline_label == "sea"
    assert (figures.baseline_accuracy, figures.baseline_miou) == (0.6, 0.3)
    assert figures.table.texts == [
        ["class", "images", "pixels", "IoU", "recall", "precision"],
        ["sky", "1", "40.0%", "75.0%", "75.0%", "100.0%"],
        ["sea", "2", "60.0%", "71.4%", "83.3%", "83.3%"],
        ["sand", "0", "0.0%", "", "", "0.0%"],
    ]
    lines = figures.lines(figures)
    assert lines[0].startswith("mIoU of 2 of 3 classes 73.2% (95% interval ")
    assert lines[0].endswith("; to always answer sea has 30.0%")
    assert lines[-1].endswith("-> after 73.2%")
    assert json.loads(json.dumps(dataclasses.asdict(figures)))["miou"]["value"] < 1


def test_scores_in_training_are_those_of_the_evaluation() -> None:
    confusion = sum(pixel_confusion(*picture, 3) for picture in PICTURES)
    figures, _ = measure_masks(NAMES, PICTURES)
    assert mask_scores(np.array(confusion)) == {
        "miou": round(figures.miou.value, 6),
        "pixel-accuracy": 0.8,
    }


def test_the_figures_are_those_of_scikit_learn_and_of_drawn_images() -> None:
    draw = np.random.default_rng(0)
    truths = draw.integers(0, 3, (12, 8, 9)).astype(np.uint8)
    answers = np.where(draw.random(truths.shape) < 0.7, truths, (truths + 1) % 3)
    figures, _ = measure_masks(NAMES, zip(answers, truths, strict=True))
    each = jaccard_score(truths.ravel(), answers.ravel(), average=None)
    assert [row.iou for row in figures.classes] == pytest.approx(each.tolist())
    drawn = []
    for _ in range(300):
        rows = draw.integers(0, 12, 12)
        confusion = pixel_confusion(answers[rows], truths[rows], 3)
        drawn.append(mask_scores(confusion)["miou"])
    expected = 2 * figures.miou.value - np.percentile(drawn, [97.5, 2.5])
    assert [figures.miou.low, figures.miou.high] == pytest.approx(expected, abs=0.01)


def test_perfect_answers() -> None:
    pixels = [np.where(truth == 255, 2, truth) for truth in TRUTHS]
    figures, right = measure_masks(NAMES, zip(pixels, TRUTHS, strict=True))
    assert right.all()
    assert figures.miou.value == figures.miou.low == figures.pixel_accuracy.low == 1


def test_images_without_pixels_that_count_have_no_figures() -> None:
    figures, right = measure_masks(NAMES, PICTURES[2:])
    assert right.all()
    assert figures.miou.value == figures.pixel_accuracy.value == 0
    assert [row.iou for row in figures.classes] == [None] * 3
