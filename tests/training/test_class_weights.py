import numpy as np
import pytest

from cnnxfer.training.class_weights import class_weights


def test_balanced_classes_weigh_the_same_in_all() -> None:
    labels = [0] * 30 + [1] * 10 + [2] * 20
    weights = class_weights("balanced", labels, 3)
    totals = weights * np.bincount(labels)
    np.testing.assert_allclose(totals, [20, 20, 20])
    assert weights[labels].mean() == pytest.approx(1)


def test_without_balance_every_image_weighs_the_same() -> None:
    assert class_weights("none", [0, 0, 1], 2).tolist() == [1, 1]
