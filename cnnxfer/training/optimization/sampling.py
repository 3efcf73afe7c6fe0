"""Chooses the images of an epoch and their order."""

import sys
from collections.abc import Sequence

import numpy as np

UNLABELLED = sys.maxsize  # in place of a class; it comes after all of them


def epoch_order(
    labels: Sequence[Sequence[int]], seed: int, epoch: int, sampling: str
) -> np.ndarray:
    """Returns the images of an epoch in order; there are as many as training images.

    Args:
        labels: the classes that each training image shows.
        seed: the seed of the run; seed and epoch determine the result.
        epoch: the number of the epoch, from 0.
        sampling: `natural` takes each image once. `balanced` takes equally many images
            of each class, so that images of rare classes are repeated and some of
            common classes are left out. An image with several labels is drawn for one
            of them at a time, so classes that occur together with others are seen more
            often. Images without a label count as a class.

    Returns:
        int64 `(images,)`: the indices of the images.

    Source: Shen et al., 2016, https://arxiv.org/abs/1512.05830, "class-aware
    sampling".
    """
    random = np.random.default_rng((seed, epoch))
    images = len(labels)
    if sampling == "natural":
        return random.permutation(images)
    members: dict[int, list[int]] = {}
    for image, classes in enumerate(labels):
        for label in set(classes) or {UNLABELLED}:
            members.setdefault(label, []).append(image)
    groups = [np.array(members[label]) for label in sorted(members)]
    shares = np.full(len(groups), images // len(groups))
    shares[random.permutation(len(groups))[: images % len(groups)]] += 1
    drawn = [
        _draw(group, share, random)
        for group, share in zip(groups, shares.tolist(), strict=True)
    ]
    return random.permutation(np.concatenate(drawn))


def _draw(group: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """Returns `count` members of a group, each equally often or once more."""
    rounds = -(-count // len(group))
    drawn = [random.permutation(group) for _ in range(rounds)]
    return np.concatenate(drawn)[:count]
