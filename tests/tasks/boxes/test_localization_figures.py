import dataclasses
import json
from dataclasses import replace

import numpy as np
import pytest

from cnnxfer.data.objects import LabelledBox, Objects
from cnnxfer.tasks.boxes.localization_figures import (
    localization_scores,
    measure_localization,
)
from cnnxfer.tasks.significance import wilson_interval

NAMES = ("cat", "dog", "emu")
BOX = (0.0, 0.0, 100.0, 50.0)
OBJECTS = [Objects((LabelledBox(label, BOX),), 200, 100) for label in (0, 0, 1, 1)]
# Overlaps of 1, 0.8, 0.6 and 0, the second and the last with the wrong class.
ANSWERS = np.array(
    [
        [0, 0, 100, 50, 0.9, 0],
        [0, 0, 80, 50, 0.9, 1],
        [0, 0, 100, 30, 0.9, 1],
        [150, 0, 200, 50, 0.9, 2],
    ],
    np.float32,
)


def test_figures_of_one_box_an_image() -> None:
    figures, right = measure_localization(NAMES, ANSWERS[:, None], OBJECTS)
    cat, dog, emu = figures.classes
    assert right.tolist() == [True, False, True, False]
    assert figures.right == figures.class_accuracy == wilson_interval(2, 4)
    assert figures.iou50 == wilson_interval(3, 4)
    assert figures.iou75 == wilson_interval(2, 4)
    assert figures.mean_iou.value == pytest.approx(0.6)
    assert 0 < figures.mean_iou.low < 0.6 < figures.mean_iou.high
    assert figures.headline == ("mean-iou", figures.mean_iou)
    assert figures.baseline_iou == figures.baseline_iou50 == 1
    assert (cat.mean_iou, cat.iou50, cat.recall, cat.right) == (0.9, 1, 0.5, 0.5)
    assert dog.mean_iou == pytest.approx(0.3)
    assert (emu.images, emu.mean_iou, emu.right) == (0, None, None)
    assert figures.table.texts == [
        ["class", "images", "mean IoU", "IoU from 0.5", "recall", "both"],
        ["cat", "2", "90.0%", "100.0%", "50.0%", "50.0%"],
        ["dog", "2", "30.0%", "50.0%", "50.0%", "50.0%"],
        ["emu", "0", "", "", "", ""],
    ]
    lines = figures.lines(figures)
    assert lines[0].startswith("mean IoU 60.0% (95% interval ")
    assert lines[-1].startswith("before fine-tuning mean IoU 60.0% (95% interval ")
    assert lines[-1].endswith("-> after 60.0%")
    assert json.loads(json.dumps(dataclasses.asdict(figures)))["baseline_iou"] == 1


def test_perfect_answers() -> None:
    answers = np.array(
        [[*item.box, 1, item.label] for each in OBJECTS for item in each.objects]
    )
    figures, right = measure_localization(NAMES, answers[:, None], OBJECTS)
    assert right.all()
    assert figures.mean_iou.value == figures.mean_iou.low == 1


def test_the_mean_box_is_a_share_of_the_sides() -> None:
    """The boxes are the upper and the lower half of images of different sizes."""
    objects = [
        Objects((LabelledBox(0, (0, 0, 100, 50)),), 100, 100),
        Objects((LabelledBox(0, (0, 100, 1000, 200)),), 1000, 200),
    ]
    answers = [np.array([[*each.objects[0].box, 1, 0]]) for each in objects]
    figures, _ = measure_localization(NAMES, answers, objects)
    # It lies from 1/4 to 3/4, and shares 1/4 of the image of 3/4 with each.
    assert figures.baseline_iou == pytest.approx(1 / 3)
    assert figures.baseline_iou50 == 0
    line = "always the mean box of these images: mean IoU 33.3%, at least 0.5 in 0.0%"
    assert figures.lines(None)[-1] == line
    figures, _ = measure_localization(
        NAMES, answers, [replace(objects[0], width=0)] * 2
    )
    assert figures.baseline_iou is figures.baseline_iou50 is None
    assert not any("mean box" in line for line in figures.lines(None))


def test_scores_in_training() -> None:
    boxes = np.array([item.box for each in OBJECTS for item in each.objects])
    named = np.array([True, False, True, False])
    assert localization_scores(ANSWERS[:, :4], boxes, named) == {
        "mean-iou": 0.6,
        "class-accuracy": 0.5,
    }
