"""Tests that options which do not suit the model are refused."""

import pytest

from cnnxfer.config.prediction import ClassifierOptions
from cnnxfer.errors import ConfigError
from cnnxfer.prediction.options import check_options
from cnnxfer.tasks.catalog import TASKS


def test_a_model_that_sees_images_whole_has_no_other_scale_for_dense() -> None:
    task, dense = TASKS.get("classification"), ClassifierOptions(dense=True)
    check_options(dense, 3, task, "crop")
    check_options(ClassifierOptions(), 3, task, "letterbox")
    with pytest.raises(ConfigError, match=r"with fit='letterbox', where they are seen"):
        check_options(dense, 3, task, "letterbox")


@pytest.mark.parametrize(
    ("task", "options", "text"),
    [
        ("segmentation", {"tta": "five"}, "shows parts of an image"),
        ("localization", {"tta": "scales"}, "shows parts of an image"),
        ("detection", {"top": 3}, "is for models that answer with classes"),
        ("segmentation", {"min_confidence": 0.5}, "segmentation has none"),
        ("localization", {"tiles": 320}, "find any number of objects"),
        ("segmentation", {"dense": True}, "for which it sees whole images"),
    ],
)
def test_what_would_do_nothing_for_a_task_is_refused(task, options, text):
    with pytest.raises(ConfigError, match=text):
        check_options(ClassifierOptions(**options), 9, TASKS.get(task), "letterbox")


def test_what_suits_a_task_is_taken():
    flip = ClassifierOptions(tta="flip", min_confidence=0.5)
    check_options(flip, 1, TASKS.get("localization"), "stretch")
    tiles = ClassifierOptions(tta="five", tiles=320)
    check_options(tiles, 1, TASKS.get("detection"), "letterbox")
