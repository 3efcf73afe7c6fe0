"""Comparison of an engine's answers with those of Keras in float32."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cnnxfer.engines.engine import MULTI_LABEL
from cnnxfer.tasks.probabilities import as_probabilities

# Probabilities that differ by less than this count as equal.
TIE_TOLERANCE = 1e-3
# A label is counted as found from this probability on.
LABEL_THRESHOLD = 0.5


@dataclass(frozen=True)
class Bounds:
    """How far an engine's answers may be from those of Keras.

    Attributes:
        difference: largest allowed difference of a probability, in [0, 1], over all
            images and classes.
        agreement: smallest allowed share, in [0, 1], of images with the same most
            probable class. For multi-label outputs, the smallest allowed Dice
            coefficient of the labels that either finds.
        distance: largest allowed L2 distance of the features, as a share of the norm
            of Keras's features.
    """

    difference: float
    agreement: float
    distance: float


# Measured on groups of 32 images, from ImageNet's validation set and of flowers, on a
# processor with AVX-512 BF16:
#
#                                          a probability     same class,
#                                          differs by up to    of 32
#   EfficientNet-Lite0, ImageNet classes     0.02 to 0.07     29 to 32
#   EfficientNet-Lite0, 5 and 12 flowers     0.01 to 0.09        32
#   MobileNet 0.25, ImageNet classes         0.17 to 0.57     24 to 30
#   MobileNet 0.25, 12 flowers               0.07 to 0.32     30 to 32
#   both in float32                          under 0.0001        32
#
# A bfloat16 has 8 significant bits. A confident network tolerates that; the small one
# would give one in nine ImageNet images another class. In float32, only the order of
# sums differs, so a larger difference is an error of the conversion.
#
# Features differ by 4% and 12% in bfloat16, and by 0.0003% in float32. Their bound
# catches gross errors; smaller ones show in the answers of the head that is trained on
# the features. That head has learned from these very features, so its bound is wider:
# 0.05 is usual, 0.18 the largest on 487 flowers (EfficientNet-Lite0, same class on
# 99.4%).
#
# Crops of a few images differ about as much as real images do, but how much depends on
# the image that they were made from, so their bound is tighter. Comparisons that passed
# (with 0.15 in place of 0.1, MobileNet would have passed in 6 of the 104):
#
#                                     32 variants of 1 image      of 4 images
#   EfficientNet-Lite0, photographs         62 of 64               38 of 40
#   MobileNet 0.25, photographs              0 of 64                0 of 40
#
# Where images have several labels (17 kinds and colours of flowers, EfficientNet-
# Lite0), a probability differs by 0.04 to 0.08 in bfloat16, and 97.5% to 100% of the
# labels are the same.
BOUNDS = {
    "bfloat16": Bounds(difference=0.15, agreement=0.9, distance=0.25),
    "bfloat16 on variants": Bounds(difference=0.1, agreement=0.9, distance=0.25),
    "head": Bounds(difference=0.25, agreement=0.9, distance=0.25),
    "float32": Bounds(difference=0.001, agreement=1.0, distance=0.001),
}
VERSION = 2  # of the comparison; raise it whenever the comparison changes


@dataclass(frozen=True)
class Verdict:
    """The result of a comparison.

    Attributes:
        passed: whether the answers are within the bounds.
        figures: the measured differences and their bounds, as text.
    """

    passed: bool
    figures: str


def compare(
    answers: np.ndarray, reference: np.ndarray, *, outputs: str, precision: str
) -> Verdict:
    """Returns whether answers are close enough to those of Keras in float32.

    Args:
        answers: the engine's outputs, float32 `(images, ...)`.
        reference: Keras's outputs for the same images, of the same shape and dtype.
        outputs: what the numbers are; one of `engine.Outputs`.
        precision: which bounds apply, a key of `BOUNDS`: the precision that the engine
            computes in; "bfloat16 on variants" where most images are variants of
            others; "head" for the answers of a head that was trained on the engine's
            features.
    """
    bounds = BOUNDS[precision]
    if not np.isfinite(answers).all():
        return Verdict(False, "answers are not finite")
    if outputs == "features":
        return _compare_features(answers, reference, bounds)
    answers = as_probabilities(answers, outputs)
    reference = as_probabilities(reference, outputs)
    if outputs in MULTI_LABEL:
        return _compare_labels(answers, reference, bounds)
    return _compare_probabilities(answers, reference, bounds)


def _compare_features(
    answers: np.ndarray, reference: np.ndarray, bounds: Bounds
) -> Verdict:
    distance = np.linalg.norm(answers - reference)
    share = float(distance / max(float(np.linalg.norm(reference)), 1e-12))
    return Verdict(
        share <= bounds.distance,
        f"features differ by {share:.2%} (at most {bounds.distance:.1%})",
    )


def _compare_probabilities(
    answers: np.ndarray, reference: np.ndarray, bounds: Bounds
) -> Verdict:
    difference = float(np.abs(answers - reference).max())
    best = answers.argmax(axis=1)
    of_best = reference[np.arange(len(reference)), best]
    same = int((of_best >= reference.max(axis=1) - TIE_TOLERANCE).sum())
    return Verdict(
        difference <= bounds.difference and same >= bounds.agreement * len(answers),
        f"a probability differs by {difference:.3f} (at most {bounds.difference:g}), "
        f"{same} of {len(answers)} pictures have the same best class "
        f"(at least {bounds.agreement:.0%})",
    )


def _compare_labels(
    answers: np.ndarray, reference: np.ndarray, bounds: Bounds
) -> Verdict:
    """Compares multi-label probabilities.

    Most classes are absent from most images, and agreeing on that says little. So only
    the labels that are found count, by the Dice coefficient: twice the number that
    both find, divided by the sum of what each finds
    (Dice, 1945, https://doi.org/10.2307/1932409).
    """
    difference = float(np.abs(answers - reference).max())
    found, expected = answers >= LABEL_THRESHOLD, reference >= LABEL_THRESHOLD
    tied = np.abs(reference - LABEL_THRESHOLD) < TIE_TOLERANCE
    expected = np.where(tied, found, expected)
    both, all_found = int((found & expected).sum()), int(found.sum() + expected.sum())
    same = 2 * both / all_found if all_found else 1.0
    return Verdict(
        difference <= bounds.difference and same >= bounds.agreement,
        f"a probability differs by {difference:.3f} (at most {bounds.difference:g}), "
        f"{same:.1%} of the labels are the same (at least {bounds.agreement:.0%})",
    )
