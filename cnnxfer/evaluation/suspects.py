"""Ranks images whose labels are probably wrong, by what models held out of them say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

# The average over fewer images of a class says too little of it.
LEAST_IMAGES = 5


@dataclass(frozen=True)
class Suspect:
    """An image that models, which have not learned from it, answer otherwise.

    Attributes:
        image: the number of the image, from 0.
        labels: the labels that it has, ascending.
        suggested: the labels that it rather shows, ascending.
        score: how improbable the most doubtful of its labels is, in [0, 1]. A label
            that it lacks is as doubtful as its class is probable.
        likely: whether the label is among the worst of its class, of which there are as
            many as labels of the class are estimated to be wrong. The other images may
            be no more than hard.
    """

    image: int
    labels: tuple[int, ...]
    suggested: tuple[int, ...]
    score: float
    likely: bool


def suspected_labels(
    probabilities: np.ndarray, labels: np.ndarray
) -> tuple[Suspect, ...]:
    """Returns the images that models answer otherwise than they are labelled.

    The labels of a class that fewer than five images have are neither judged nor
    suggested.

    Args:
        probabilities: float `(images, classes)` in [0, 1], from models that have not
            learned from the image; NaN for a class that its model doesn't know.
        labels: int `(images,)` in [0, classes), if each image has one label; else bool
            `(images, classes)`: the classes that each image shows.

    Returns:
        The most suspicious image first.

    Source: confident learning of Northcutt et al., 2021, sections 3.1 and 3.2,
    https://arxiv.org/abs/1911.00068: as many labels of a class are wrong as confident
    answers say. They are pruned by class, and ranked by the probability of the label.
    """
    probabilities = probabilities.astype(np.float64)
    found = _single if labels.ndim == 1 else _several
    suspects = found(probabilities, labels)
    return tuple(sorted(suspects, key=lambda suspect: (-suspect.score, suspect.image)))


def _single(probabilities: np.ndarray, labels: np.ndarray) -> Iterator[Suspect]:
    judged = _judge(probabilities, labels)
    for image in np.flatnonzero(judged.doubted).tolist():
        yield Suspect(
            image,
            (int(labels[image]),),
            (int(judged.suggested[image]),),
            float(judged.scores[image]),
            bool(judged.likely[image]),
        )


def _several(probabilities: np.ndarray, labels: np.ndarray) -> Iterator[Suspect]:
    """Judges each class on its own: whether images show it is a label of its own."""
    presence = [
        _judge(np.stack([1 - present, present], axis=1), shown.astype(int))
        for present, shown in zip(probabilities.T, labels.T, strict=True)
    ]
    doubted = np.stack([judged.doubted for judged in presence], axis=1)
    likely = np.stack([judged.likely for judged in presence], axis=1)
    scores = np.stack([judged.scores for judged in presence], axis=1)
    suggested = labels ^ doubted
    for image in np.flatnonzero(doubted.any(axis=1)).tolist():
        yield Suspect(
            image,
            tuple(np.flatnonzero(labels[image]).tolist()),
            tuple(np.flatnonzero(suggested[image]).tolist()),
            float(scores[image, doubted[image]].max()),
            bool(likely[image].any()),
        )


@dataclass(frozen=True)
class _Judged:
    """What is said of each image's label: arrays `(images,)`, as `Suspect` has them."""

    doubted: np.ndarray  # bool: whether another class is more probable
    suggested: np.ndarray
    scores: np.ndarray
    likely: np.ndarray


def _judge(probabilities: np.ndarray, labels: np.ndarray) -> _Judged:
    """Judges labels of classes that exclude each other; see `suspected_labels`."""
    own = probabilities[np.arange(len(labels)), labels]
    sizes, totals = (
        np.bincount(labels[~np.isnan(own)], weights, probabilities.shape[1])
        for weights in (None, own[~np.isnan(own)])
    )
    large = sizes >= LEAST_IMAGES
    judged = large[labels] & ~np.isnan(own)
    known = np.where(large, np.nan_to_num(probabilities), 0)
    suggested = known.argmax(axis=1)
    doubted = judged & (suggested != labels)
    # Confident is an answer that is as probable as it is on average for its class.
    typical = np.where(large, totals / np.maximum(sizes, 1), np.inf)
    confident = np.where(known >= typical, known, -1)
    sure = judged & (confident.max(axis=1) >= 0)
    otherwise = sure & (confident.argmax(axis=1) != labels)
    count_sure, count_otherwise = (
        np.bincount(labels[chosen], minlength=len(sizes))
        for chosen in (sure, otherwise)
    )
    wrong = np.rint(sizes * count_otherwise / np.maximum(count_sure, 1))
    scores = 1 - own
    return _Judged(
        doubted, suggested, scores, _worst(doubted, scores, labels, wrong.astype(int))
    )


def _worst(
    doubted: np.ndarray, scores: np.ndarray, labels: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """Returns which images are doubted most: so many at most of each class."""
    images = np.flatnonzero(doubted)
    order = images[np.lexsort((-scores[images], labels[images]))]
    ranks = np.arange(len(order)) - np.searchsorted(labels[order], labels[order])
    worst = np.zeros(len(labels), bool)
    worst[order[ranks < counts[labels[order]]]] = True
    return worst
