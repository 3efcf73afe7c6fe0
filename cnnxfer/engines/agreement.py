"""Whether an engine answers as Keras does in float32."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cnnxfer.engines.engine import MULTI_LABEL
from cnnxfer.tasks.probabilities import as_probabilities

# Classes whose probabilities differ by less are equally probable.
TIE = 1e-3
HALF = 0.5  # from here on, a class of several is more probable than not


@dataclass(frozen=True)
class Bounds:
    """How far from Keras an engine may be.

    Attributes:
        difference: largest difference of a probability, over all images and classes.
        agreement: smallest share of images with the same most probable class; where
            images have several, of classes that are found by one that both find.
        distance: largest L2 distance of the features, as a share of their norm.
    """

    difference: float
    agreement: float
    distance: float


# Measured on groups of 32 pictures, of ImageNet's validation set and of flowers, on a
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
# A bfloat16 has 8 significant bits. A sure network doesn't mind; the small one would
# give every ninth of ImageNet's pictures another class. In float32, only the order of
# sums differs, and more than that is a mistake of the conversion.
#
# Features differ by 4% and 12% in bfloat16, and by 0.0003% in float32. Their bound
# notices gross errors; what the rest does to answers, the head trained on them shows.
# That head has learned what is in the features, so its bound is wider: 0.05 is usual,
# 0.18 the largest on 487 flowers (EfficientNet-Lite0, same class on 99.4%).
#
# Crops of few pictures stray about as far as real pictures do, but those of one picture
# not like those of another, so their bound is tighter. So many such comparisons passed
# (with 0.15 in place of 0.1, MobileNet would have passed in 6 of the 104):
#
#                                    32 variants of 1 picture   of 4 pictures
#   EfficientNet-Lite0, photographs         62 of 64               38 of 40
#   MobileNet 0.25, photographs              0 of 64                0 of 40
#
# Where pictures have several labels (17 kinds and colours of flowers, EfficientNet-
# Lite0), a probability differs by 0.04 to 0.08 in bfloat16, and 97.5% to 100% of the
# labels are the same.
BOUNDS = {
    "bfloat16": Bounds(difference=0.15, agreement=0.9, distance=0.25),
    "bfloat16 on variants": Bounds(difference=0.1, agreement=0.9, distance=0.25),
    "head": Bounds(difference=0.25, agreement=0.9, distance=0.25),
    "float32": Bounds(difference=0.001, agreement=1.0, distance=0.001),
}
VERSION = 2  # of this module's comparison; goes up with every change of it


@dataclass(frozen=True)
class Verdict:
    """What came of a comparison.

    Attributes:
        passed: whether the engine may answer.
        figures: how near it was, in words.
    """

    passed: bool
    figures: str


def compare(
    answers: np.ndarray, reference: np.ndarray, *, outputs: str, precision: str
) -> Verdict:
    """Returns whether answers are near enough to those of Keras in float32.

    Args:
        answers: of the engine, float32 `(images, ...)`.
        reference: of Keras, to the same pictures.
        outputs: what they are; one of `engine.Outputs`.
        precision: what the engine computes in, "bfloat16 on variants" where most
            pictures are variants of others, or "head" for answers of a head that was
            trained on the engine's features; a key of `BOUNDS`.
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
    chosen = answers.argmax(axis=1)
    preferred = reference[np.arange(len(reference)), chosen]
    same = int((preferred >= reference.max(axis=1) - TIE).sum())
    return Verdict(
        difference <= bounds.difference and same >= bounds.agreement * len(answers),
        f"a probability differs by {difference:.3f} (at most {bounds.difference:g}), "
        f"{same} of {len(answers)} pictures have the same best class "
        f"(at least {bounds.agreement:.0%})",
    )


def _compare_labels(
    answers: np.ndarray, reference: np.ndarray, bounds: Bounds
) -> Verdict:
    """Compares probabilities of classes that may be several to a picture.

    Most classes are not in most pictures, and to agree on that is no art. So what
    counts is those that are found: twice the number that both find, of all that each
    of them finds (Dice, 1945, https://doi.org/10.2307/1932409).
    """
    difference = float(np.abs(answers - reference).max())
    found, expected = answers >= HALF, reference >= HALF
    expected = np.where(np.abs(reference - HALF) < TIE, found, expected)
    both, all_found = int((found & expected).sum()), int(found.sum() + expected.sum())
    same = 2 * both / all_found if all_found else 1.0
    return Verdict(
        difference <= bounds.difference and same >= bounds.agreement,
        f"a probability differs by {difference:.3f} (at most {bounds.difference:g}), "
        f"{same:.1%} of the labels are the same (at least {bounds.agreement:.0%})",
    )
