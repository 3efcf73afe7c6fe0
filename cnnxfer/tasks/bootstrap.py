"""Confidence intervals of figures that are no simple shares, by resampling images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from cnnxfer.tasks.significance import Accuracy

RESAMPLES = 1000  # fewer of more than 10,000 images, whose intervals are narrow
LEAST_RESAMPLES = 200
DRAWS = 10**7
SEED = 0  # the same images give the same interval
BLOCK = 2**16  # draws that are held at a time, so that memory does not grow with images


def resamples(images: int) -> Iterator[np.ndarray]:
    """Yields how often each image is drawn in each of 200 to 1,000 resamples.

    In a resample, as many images as there are have been drawn with replacement.

    Args:
        images: the number of images, at least 1.

    Yields:
        int32 `(resamples, images)`: some of the resamples, each once; rows sum to
        `images`. They are the same in every call.
    """
    generator = np.random.default_rng(SEED)
    total = min(RESAMPLES, max(LEAST_RESAMPLES, DRAWS // images))
    most = max(1, BLOCK // images)
    for start in range(0, total, most):
        count = min(most, total - start)
        drawn = generator.integers(images, size=(count, images))
        drawn += images * np.arange(count)[:, None]
        times = np.bincount(drawn.ravel(), minlength=count * images)
        yield times.reshape(count, images).astype(np.int32)


def group_sums(values: np.ndarray, groups: np.ndarray, count: int) -> np.ndarray:
    """Returns the sums over the images of each group.

    Args:
        values: `(resamples, images)`.
        groups: int `(images,)`: the group of each image, in [0, count).
        count: the number of groups.

    Returns:
        float64 `(resamples, count)`.
    """
    rows = len(values)
    places = groups + count * np.arange(rows)[:, None]
    sums = np.bincount(places.ravel(), values.ravel(), rows * count)
    return sums.reshape(rows, count)


def resampled(images: int, statistic: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Returns the figures of all resamples, float `(resamples, figures)`.

    The arguments are those of `bootstrap_intervals`.
    """
    return np.concatenate([statistic(times) for times in resamples(images)])


def resampled_mean(values: np.ndarray) -> np.ndarray:
    """Returns the mean of each resample, float64 `(resamples,)`.

    Args:
        values: bool or float `(images,)`, at least one.
    """
    return resampled(len(values), lambda times: times @ values / len(values))


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
        The `basic_interval` of each figure.
    """
    columns = resampled(images, statistic).T
    return list(map(basic_interval, values, columns))


def mean_with_interval(values: np.ndarray) -> Accuracy:
    """Returns the mean of a figure that each image has, with its interval.

    Args:
        values: float `(images,)` in [0, 1], at least one.
    """
    column = values[:, None] / len(values)
    mean = float(values.mean())
    (interval,) = bootstrap_intervals([mean], len(values), lambda times: times @ column)
    return interval


def basic_interval(value: float, figures: np.ndarray) -> Accuracy:
    """Returns a figure that turns its resamples around, with its interval.

    The figure lies as far from the ends of its interval as the ends of the middle 95%
    of the resamples lie from it, on the other sides. So a figure that grows where
    images are drawn repeatedly has an interval that reaches down. The figure itself is
    always part of it; if no resample has the figure, the interval is all of [0, 1].

    Args:
        value: the figure of all images, a fraction.
        figures: float `(resamples,)`: those of the resamples, NaN where it is not
            known.

    Source: the basic bootstrap limits of Davison and Hinkley, Bootstrap Methods and
    their Application, 1997, section 5.2, https://doi.org/10.1017/CBO9780511802843.
    """
    low, high = _basic_limits(value, figures) or (0.0, 1.0)
    return Accuracy(value, max(0.0, low), min(1.0, high))


def paired_interval(
    difference: float, one: np.ndarray, other: np.ndarray
) -> tuple[float, float] | None:
    """Returns the 95% confidence interval of a difference on the same images.

    Images that are hard for both models are in the same resamples of both, so the
    interval is narrower than one of figures of different images.

    Args:
        difference: how much larger the figure of the other model is.
        one: float `(resamples,)`: the figure of one model in each resample; NaN where a
            resample doesn't have it.
        other: the same of the other model.

    Returns:
        The ends, with the difference between them; None if no resample has the figure.

    Source: see `basic_interval`.
    """
    return _basic_limits(difference, other - one)


def _basic_limits(value: float, figures: np.ndarray) -> tuple[float, float] | None:
    known = figures[~np.isnan(figures)]
    if not len(known):
        return None
    low, high = (2 * value - np.percentile(known, [97.5, 2.5])).tolist()
    return min(value, low), max(value, high)


def percentile_interval(value: float, figures: np.ndarray) -> Accuracy:
    """Returns a figure with the middle 95% of its resamples as its interval.

    The figure itself is always part of it.

    Args:
        value: the figure of all images.
        figures: float `(resamples,)`: those of the resamples.
    """
    low, high = np.percentile(figures, [2.5, 97.5]).tolist()
    return Accuracy(value, min(value, low), max(value, high))
