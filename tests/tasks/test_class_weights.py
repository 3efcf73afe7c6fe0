from pathlib import Path

import numpy as np
import pytest

from cnnxfer.errors import ConfigError
from cnnxfer.tasks.class_weights import class_weights

NAMES = ("daisy", "rose", "tulip")
LABELS = np.repeat([0, 1, 2], [30, 10, 20])
TARGETS = np.eye(3, dtype=np.float32)[LABELS]


def test_auto_gives_classes_the_same_total_weight() -> None:
    weights = class_weights("auto", NAMES, TARGETS)
    assert weights.dtype == np.float32
    np.testing.assert_allclose(weights * np.bincount(LABELS), [20, 20, 20])
    assert weights[LABELS].mean() == pytest.approx(1)


def test_auto_counts_labels_where_images_have_several() -> None:
    targets = np.zeros((40, 3), np.float32)
    targets[:30, 0] = targets[:10, 1] = 1
    weights = class_weights("auto", NAMES, targets)
    assert weights[1] == pytest.approx(3 * weights[0])
    assert np.isfinite(weights).all()  # of a class without images too


def test_none_gives_every_class_a_weight_of_one() -> None:
    assert class_weights("none", NAMES, TARGETS).tolist() == [1, 1, 1]


def test_a_file_sets_the_weights_of_the_classes_that_it_names(tmp_path: Path) -> None:
    path = tmp_path / "weights.csv"
    path.write_text("tulip,0.5\nrose,4\n")
    assert class_weights(str(path), NAMES, TARGETS).tolist() == [1, 4, 0.5]


def test_a_class_has_its_weight_in_both_unicode_forms(tmp_path: Path) -> None:
    path = tmp_path / "weights.csv"
    path.write_text("ros\xe9,4\n", "utf-8")
    names = ("daisy", "rose\u0301", "tulip")
    assert class_weights(str(path), names, TARGETS).tolist() == [1, 4, 1]


def test_a_class_that_is_unknown_is_named(tmp_path: Path) -> None:
    path = tmp_path / "weights.csv"
    path.write_text("tulips,0.5\n")
    with pytest.raises(ConfigError) as caught:
        class_weights(str(path), NAMES, TARGETS)
    assert str(caught.value) == (
        f"{path}: unknown class 'tulips'. Did you mean 'tulip'?"
    )
