"""Chooses the images of an epoch and their order."""

import numpy as np


def epoch_order(
    targets: np.ndarray, seed: int, epoch: int, sampling: str
) -> np.ndarray:
    """Returns the images of an epoch in order; there are as many as training images.

    Args:
        targets: the targets of the training images, `(images, classes)`; see
            `Task.targets`.
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
    images = len(targets)
    if sampling == "natural":
        return random.permutation(images)
    unlabelled = ~targets.any(axis=1, keepdims=True)
    groups = [
        np.flatnonzero(members)
        for members in np.hstack([targets, unlabelled]).T
        if members.any()
    ]
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
