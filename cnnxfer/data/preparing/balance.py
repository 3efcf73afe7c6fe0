"""How evenly images are spread over classes."""

from __future__ import annotations

from collections.abc import Sequence

# From here on, accuracy may look well while a rare class is seldom recognized.
SKEWED = 3.0


def skew(counts: Sequence[int]) -> float:
    """Returns how many times more images the largest class has than the smallest.

    Args:
        counts: images of each class; classes without any don't count.
    """
    counts = [count for count in counts if count]
    return max(counts) / min(counts) if counts else 1.0
