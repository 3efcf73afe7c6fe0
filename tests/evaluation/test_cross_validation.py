"""Tests of probabilities from heads that have not learned from an image."""

import numpy as np
import pytest

from cnnxfer.errors import DataError
from cnnxfer.evaluation.cross_validation import out_of_sample_probabilities
from cnnxfer.reporting import Reporter


def clusters(images: int = 30, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Returns features of classes that lie apart, and labels in turn."""
    labels = np.arange(images) % classes
    noise = np.random.default_rng(0).normal(size=(images, 16))
    return (noise + 4 * np.eye(16)[labels]).astype(np.float32), labels


def held_out(features, labels, groups=()) -> np.ndarray:
    return out_of_sample_probabilities(features, labels, groups, Reporter())


def test_a_wrong_label_is_improbable_and_the_class_that_is_shown_is_not() -> None:
    features, labels = clusters()
    labels[7] = (labels[7] + 1) % 3
    found = held_out(features, labels)
    assert found.sum(axis=1) == pytest.approx(1)
    right = np.arange(30) % 3
    assert (found.argmax(axis=1) == right).all()
    assert found[7, right[7]] > 0.7


def test_a_copy_does_not_vouch_for_a_label() -> None:
    """Copies in other folds would have their own, wrong label learned."""
    features, labels = clusters()
    copies = [4, 13, 22]  # of one class each
    features[copies] = 5 * np.eye(16)[15]
    labels[copies] = 1
    apart, together = held_out(features, labels), held_out(features, labels, [copies])
    assert apart[copies, 1].min() > 0.7
    assert together[copies, 1].max() < 0.6


def test_a_class_that_other_folds_lack_is_unknown_to_its_own() -> None:
    features, labels = clusters()
    labels[11] = 3
    found = held_out(features, labels)
    assert np.isnan(found[11, 3])
    assert np.isnan(found[:, 3]).sum() == 6  # of its fold
    assert not np.isnan(found[:, :3]).any()


def test_each_of_several_labels_has_a_probability_of_its_own() -> None:
    features, labels = clusters()
    shown = np.eye(4, dtype=bool)[labels]
    shown[::2, 1] = True  # by chance, as the features don't tell
    shown[:, 3] = True  # always
    found = held_out(features, shown)
    assert (found[:, 0] > 0.5).tolist() == shown[:, 0].tolist()
    assert (found[:, 2] > 0.5).tolist() == shown[:, 2].tolist()
    assert np.isnan(found[:, 3]).all()


def test_images_that_all_belong_together_are_refused() -> None:
    features, labels = clusters()
    with pytest.raises(DataError, match="cannot be held out"):
        held_out(features, labels, [range(30)])
