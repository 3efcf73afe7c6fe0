import dataclasses
import json

import numpy as np
import pytest
from detections import random_detections

from cnnxfer.data.objects import LabelledBox, Objects
from cnnxfer.tasks.boxes.confusion import confusion
from cnnxfer.tasks.boxes.detection_figures import detection_scores, measure_detection
from cnnxfer.tasks.boxes.matches import Truth
from cnnxfer.tasks.significance import Accuracy, wilson_interval

NAMES = ("cat", "dog")
CAT, DOG = 0, 1
SMALL, LARGE = (0.0, 0.0, 20.0, 20.0), (50.0, 50.0, 250.0, 250.0)
CROWD = LabelledBox(CAT, (300.0, 0.0, 400.0, 100.0), crowd=True)
IN_CROWD = (310.0, 0.0, 320.0, 10.0)
# Of four objects, the first image has all; of the second, one is taken for a dog, and
# one is not found; the third shows nothing, and a cat is seen there.
OBJECTS = [
    Objects((LabelledBox(CAT, SMALL), LabelledBox(CAT, LARGE), CROWD), 400, 300),
    Objects((LabelledBox(CAT, LARGE), LabelledBox(DOG, SMALL)), 400, 300),
    Objects((), 400, 300),
]
ANSWERS = [
    np.array(rows, np.float32)
    for rows in (
        [[*SMALL, 0.8, CAT], [*LARGE, 0.9, CAT], [*IN_CROWD, 0.95, CAT]],
        [[*LARGE, 0.6, DOG], [*SMALL, 0.1, CAT]],
        [[*LARGE, 0.7, CAT], [*LARGE, 0.0, DOG]],
    )
]


def test_figures_of_a_detector() -> None:
    figures, right = measure_detection(NAMES, ANSWERS, OBJECTS, 0.5)
    cat, dog = figures.classes
    assert right.tolist() == [True, False, False]
    assert figures.right == wilson_interval(1, 3)
    # The two surest cats are right, of three: precision is 1 at 67 of 101 recalls.
    assert cat.ap == cat.ap50 == pytest.approx(67 / 101)
    assert dog.ap == dog.ap50 == 0
    assert (cat.objects, cat.recall, cat.precision) == (3, 2 / 3, 2 / 3)
    assert (dog.objects, dog.recall, dog.precision) == (1, 0, 0)
    assert figures.ap.value == figures.ap50.value == pytest.approx(67 / 202)
    assert figures.ap.low < figures.ap.value < figures.ap.high
    assert figures.headline == ("ap", figures.ap)
    assert (figures.ap_small, figures.ap_medium) == (0.5, None)
    assert figures.ar100 == pytest.approx(1 / 3)
    assert figures.at_threshold.threshold == 0.5
    assert (figures.objects, figures.objects_per_image) == (4, 4 / 3)
    assert figures.confusion == ((2, 1, 0), (0, 0, 1), (1, 0, 0))
    lines = "\n".join(figures.lines(None))
    assert f"AP {figures.ap.sentence}; to find nothing has an AP of 0\n" in lines
    assert "AP of small objects 50.0%, large objects" in lines
    assert "threshold 0.500: precision 50.0%, recall 50.0%, F1 50.0%\n" in lines
    assert "4 objects, 1.3 an image" in lines
    assert figures.lines(figures)[-1].endswith("-> after 33.2%")
    assert figures.table.texts == [
        ["class", "objects", "AP", "AP50", "recall", "precision"],
        ["cat", "3", "66.3%", "66.3%", "66.7%", "66.7%"],
        ["dog", "1", "0.0%", "0.0%", "0.0%", "0.0%"],
    ]
    assert json.loads(json.dumps(dataclasses.asdict(figures)))["ap"]["value"] > 0


def test_perfect_answers() -> None:
    answers = [
        np.array(
            [[*item.box, 0.9, item.label] for item in each.objects if not item.crowd]
        )
        for each in OBJECTS
    ]
    answers[-1] = np.empty((0, 6))
    figures, right = measure_detection(NAMES, answers, OBJECTS, 0.5)
    assert right.all()
    assert figures.ap == figures.ap50 == Accuracy(1, 1, 1)
    assert figures.ap_small == figures.ap_large == figures.ar100 == figures.best.f1 == 1
    assert np.array_equal(figures.confusion, np.diag([3, 1, 0]))


def test_without_objects_there_is_no_average_precision() -> None:
    figures, right = measure_detection(NAMES, ANSWERS[2:], OBJECTS[2:], 0.5)
    assert figures.ap == Accuracy(0, 0, 1)
    assert not right.any()
    assert figures.lines(None) == [
        "no object in these images, so there is no average precision"
    ]
    assert figures.table.texts[1] == ["cat", "0", "", "", "", "0.0%"]


def test_without_answers_nothing_is_found() -> None:
    figures, right = measure_detection(NAMES, [np.empty((0, 6))] * 3, OBJECTS, 0.5)
    assert right.tolist() == [False, False, True]
    assert figures.ap == Accuracy(0, 0, 0)
    assert "threshold 0.500: precision -, recall 0.0%, F1 0.0%" in figures.lines(None)


def test_scores_in_training_are_those_of_the_evaluation() -> None:
    targets = np.full((3, 3, 5), -1, np.float32)
    for rows, objects in zip(targets, OBJECTS, strict=True):
        for row, item in zip(rows, objects.objects, strict=False):
            row[:] = [-2 if item.crowd else item.label, *item.box]
    figures, thresholds = detection_scores(NAMES, ANSWERS, targets)
    measured, _ = measure_detection(NAMES, ANSWERS, OBJECTS, 0.5)
    expected = round(measured.ap.value, 6)
    assert figures == {"ap": expected, "ap50": expected}
    assert thresholds == dict.fromkeys(NAMES, measured.best.threshold)
    nothing, default = detection_scores(NAMES, [np.empty((0, 6))], targets[2:])
    assert nothing == {"ap": 0, "ap50": 0}
    assert default == dict.fromkeys(NAMES, 0.3)


def test_each_object_and_each_answer_is_in_the_confusion_once() -> None:
    answers, truths = random_detections(1, 20)
    without = [
        Truth(truth.boxes, truth.labels, np.zeros(len(truth.boxes), bool))
        for truth in truths
    ]
    counts = confusion(answers, without, 3, 0.4)
    labels = np.concatenate([truth.labels for truth in truths])
    rows = np.concatenate(answers)
    named = rows[rows[:, 4] >= 0.4, 5].astype(int)
    assert counts[:-1].sum(axis=1).tolist() == np.bincount(labels).tolist()
    assert counts[:, :-1].sum(axis=0).tolist() == np.bincount(named).tolist()
    assert counts[-1, -1] == 0
