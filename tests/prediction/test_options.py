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
