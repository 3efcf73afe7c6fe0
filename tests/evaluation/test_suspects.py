"""Tests of the ranking of suspected labels, with made-up probabilities."""

import numpy as np
import pytest

from cnnxfer.evaluation.suspects import suspected_labels

ROSE, TULIP, MOSS = range(3)


def answers(*rows: tuple[int, float]) -> np.ndarray:
    """Returns probabilities: of each image, that of a class; the others share."""
    found = np.empty((len(rows), 3))
    for row, (label, probability) in zip(found, rows, strict=True):
        row[:] = (1 - probability) / 2
        row[label] = probability
    return found


def test_the_least_probable_label_comes_first_with_what_the_image_rather_shows():
    rows = [(ROSE, 0.9)] * 10 + [(TULIP, 0.9)] * 10 + [(MOSS, 0.9)] * 10
    labels = np.repeat([ROSE, TULIP, MOSS], 10)
    rows[3], rows[14], rows[25] = (TULIP, 0.95), (MOSS, 0.98), (TULIP, 0.5)
    worst, other, hard = suspected_labels(answers(*rows), labels)
    assert (worst.image, worst.labels, worst.suggested) == (14, (TULIP,), (MOSS,))
    assert (other.image, other.suggested) == (3, (TULIP,))
    assert (hard.image, hard.suggested) == (25, (TULIP,))
    assert worst.score == pytest.approx(0.99)
    assert (worst.likely, other.likely, hard.likely) == (True, True, False)
    assert suspected_labels(answers(*rows), labels) == (worst, other, hard)


def test_as_many_are_likely_as_confident_answers_say_of_the_class():
    """Of 8 roses with a confident answer, 2 are tulips; so 2.5 of 10 are wrong."""
    rows = [(TULIP, 0.99)] * 2 + [(ROSE, 0.95)] * 6 + [(TULIP, 0.52), (TULIP, 0.51)]
    rows += [(TULIP, 0.9)] * 10 + [(MOSS, 0.9)] * 10
    labels = np.repeat([ROSE, TULIP, MOSS], 10)
    found = suspected_labels(answers(*rows), labels)
    assert [suspect.image for suspect in found] == [0, 1, 8, 9]
    assert [suspect.likely for suspect in found] == [True, True, False, False]


def test_small_classes_and_unknown_ones_are_neither_judged_nor_suggested():
    rows = [(ROSE, 0.9)] * 10 + [(TULIP, 0.9)] * 10 + [(MOSS, 0.9)] * 4
    labels = np.repeat([ROSE, TULIP, MOSS], (10, 10, 4))
    rows[0], rows[20] = (MOSS, 0.99), (ROSE, 0.99)
    found = answers(*rows)
    assert suspected_labels(found, labels) == ()
    rows[11] = (ROSE, 0.99)
    found = answers(*rows)
    assert [suspect.image for suspect in suspected_labels(found, labels)] == [11]
    found[11, TULIP] = np.nan
    assert suspected_labels(found, labels) == ()


def test_missing_and_wrong_labels_among_several_are_found():
    labels = np.zeros((20, 2), bool)
    labels[:10, ROSE] = True
    labels[5:15, TULIP] = True
    found = np.where(labels, 0.9, 0.1)
    found[7] = 0.02, 0.9  # no rose
    found[18] = 0.9, 0.95  # both, and labelled as neither
    found[3, TULIP] = np.nan
    missing, wrong = sorted(suspected_labels(found, labels), key=lambda s: s.labels)
    assert (missing.image, missing.labels, missing.suggested) == (18, (), (0, 1))
    assert (wrong.image, wrong.labels, wrong.suggested) == (7, (0, 1), (1,))
    assert (missing.score, wrong.score) == (0.95, 0.98)
    assert missing.likely
    assert wrong.likely
