"""Comparison of an engine's answers with those of Keras in float32."""

import numpy as np

from cnnxfer.engines.engine import Outputs
from cnnxfer.tasks.agreement import Bounds, Verdict

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
#
# Boxes of raccoons at 320 pixels (EfficientNet-Lite0) are the same within 0.1 pixels of
# the view in float32. In bfloat16, 93% of them are within 1 pixel and an edge is off by
# 1.1, which in the picture is more; so a detector is mostly run in float32.
#
# Int8 has 256 steps for what a layer gets, and computes only where it is asked for, so
# its bounds catch what went wrong. On 332 pictures of any kind, 300 of which it was
# calibrated on, EfficientNet-Lite0 gives 92% the same ImageNet class, and a probability
# differs by 0.33; where sums are cut off, as without VNNI, these are 81% and 0.55.
BOUNDS = {
    "bfloat16": Bounds(0.15, agreement=0.9, distance=0.25, pixels=1.0),
    "bfloat16 on variants": Bounds(0.1, agreement=0.9, distance=0.25, pixels=1.0),
    "int8": Bounds(0.5, agreement=0.8, distance=0.4, pixels=1.0),
    "head": Bounds(difference=0.25, agreement=0.9, distance=0.25),
    "float32": Bounds(0.001, agreement=1.0, distance=0.001, pixels=0.1),
}
VERSION = 4  # of the comparison; raise it whenever the comparison changes


def compare(
    answers: np.ndarray, reference: np.ndarray, *, outputs: Outputs, precision: str
) -> Verdict:
    """Returns whether answers are close enough to those of Keras in float32.

    Args:
        answers: the engine's outputs, float32 `(images, ...)`.
        reference: Keras's outputs for the same images, of the same shape and dtype.
        outputs: what the numbers are.
        precision: which bounds apply, a key of `BOUNDS`: the precision that the engine
            computes in; "bfloat16 on variants" where most images are variants of
            others; "head" for the answers of a head that was trained on the engine's
            features.
    """
    bounds = BOUNDS[precision]
    if not np.isfinite(answers).all():
        return Verdict(False, "answers are not finite")
    if outputs.task is None:
        return _compare_features(answers, reference, bounds)
    return outputs.task.agreement(
        outputs.probabilities(answers), outputs.probabilities(reference), bounds
    )


def _compare_features(
    answers: np.ndarray, reference: np.ndarray, bounds: Bounds
) -> Verdict:
    distance = np.linalg.norm(answers - reference)
    share = float(distance / max(float(np.linalg.norm(reference)), 1e-12))
    return Verdict(
        share <= bounds.distance,
        f"features differ by {share:.2%} (at most {bounds.distance:.1%})",
    )
