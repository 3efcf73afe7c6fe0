"""Confidence intervals of figures that are no simple shares, by resampling images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from cnnxfer.tasks.significance import Accuracy

RESAMPLES = 1000
SEED = 0  # the same images give the same interval
BLOCK = 2**16  # draws that are held at a time, so that memory does not grow with images


def resamples(images: int) -> Iterator[np.ndarray]:
    """Yields how often each image is drawn in each of 1,000 resamples.

    In a resample, as many images as there are have been drawn with replacement.

    Args:
        images: the number of images, at least 1.

    Yields:
        int32 `(resamples, images)`: some of the resamples, each once; rows sum to
        `images`. They are the same in every call.
    """
    generator = np.random.default_rng(SEED)
    most = max(1, BLOCK // images)
    for start in range(0, RESAMPLES, most):
        count = min(most, RESAMPLES - start)
        drawn = generator.integers(images, size=(count, images))
        drawn += images * np.arange(count)[:, None]
        times = np.bincount(drawn.ravel(), minlength=count * images)
        yield times.reshape(count, images).astype(np.int32)


def bootstrap_intervals(
    values: Sequence[float], images: int, statistic: Callable[[np.ndarray], np.ndarray]
) -> list[Accuracy]:
    """Returns figures of all images with their 95% confidence intervals.

    Args:
        values: the figures.
        images: the number of images, at least 1.
        statistic: returns the figures of each resample, float `(resamples, figures)`,
            given how often each image is drawn, int `(resamples, images)`; NaN for a
            figure that a resample does not have.

    Returns:
        Each figure, with the range of the middle 95% of the resamples. If none of them
        has the figure, the range is all of [0, 1].

    Source: the percentile interval of Efron and Tibshirani, An Introduction to the
    Bootstrap, 1993, chapter 13, https://doi.org/10.1201/9780429246593.
    """
    drawn = np.concatenate([statistic(times) for times in resamples(images)])
    return [
        Accuracy(value, *_middle(figures))
        for value, figures in zip(values, drawn.T, strict=True)
    ]


def mean_with_interval(values: np.ndarray) -> Accuracy:
    """Returns the mean of a figure that each image has, with its interval.

    Args:
        values: float `(images,)` in [0, 1], at least one.
    """
    column = values[:, None] / len(values)
    mean = float(values.mean())
    (interval,) = bootstrap_intervals([mean], len(values), lambda times: times @ column)
    return interval


def _middle(figures: np.ndarray) -> tuple[float, float]:
    known = figures[~np.isnan(figures)]
    if not len(known):
        return 0.0, 1.0
    low, high = np.percentile(known, [2.5, 97.5]).tolist()
    return low, high
