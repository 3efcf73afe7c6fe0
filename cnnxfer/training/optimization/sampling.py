"""Which images an epoch holds, in which order."""

from __future__ import annotations

import numpy as np


def epoch_order(
    targets: np.ndarray, seed: int, epoch: int, sampling: str
) -> np.ndarray:
    """Returns the images of an epoch in their order: as many as there are.

    Args:
        targets: of the training images, `(images, classes)`; see `targets_of`.
        seed: of the run; it and the epoch decide all.
        epoch: from 0.
        sampling: `natural`: each image once. `balanced`: as many images of every
            class, rare ones several times, common ones not all; an image with several
            labels is drawn for one of them at a time, so classes that come with others
            are seen more often. Images without a label are as many as those of a class.

    Returns:
        int64 `(images,)`: indices of images.

    Source: Shen et al., 2016, https://arxiv.org/abs/1512.05830, "class-aware
    sampling".
    """
    random = np.random.default_rng((seed, epoch))
    images = len(targets)
    if sampling == "natural":
        return random.permutation(images)
    bare = ~targets.any(axis=1, keepdims=True)
    groups = [
        np.flatnonzero(members)
        for members in np.hstack([targets, bare]).T
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
    """Returns as many members as wanted, each as often as the others, or once more."""
    rounds = -(-count // len(group))
    drawn = [random.permutation(group) for _ in range(rounds)]
    return np.concatenate(drawn)[:count]
