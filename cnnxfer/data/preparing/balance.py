"""Measures how evenly images are distributed over classes."""

from collections.abc import Sequence

# From this ratio on, accuracy may be high while a rare class is seldom recognized.
MIN_SKEWED_RATIO = 3.0


def class_size_ratio(counts: Sequence[int]) -> float:
    """Returns the ratio of the largest class's size to the smallest's; at least 1.

    Classes without images are ignored.
    """
    counts = [count for count in counts if count]
    return max(counts) / min(counts) if counts else 1.0
