"""Chooses the pairs of images that are compared in full, by their coarse frequencies.

Among few images, each is compared with each. Among many, that would take a time that
grows with the square of their number. So some of them, chosen at random, are landmarks,
and an image is compared only with those that have one of its nearest landmarks in
common with it. Of near-duplicates among 100,000 images, 3 pairs in 100,000 have none.
"""

import math
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import combinations_with_replacement

import numpy as np

from cnnxfer.data.images.perceptual_hash import read_hashes
from cnnxfer.data.parallel import parallel_map

COARSE_SIDE = 9  # frequencies down and across
# In a mirrored image, the odd waves have the opposite sign. They stand behind these.
EVEN = COARSE_SIDE * ((COARSE_SIDE + 1) // 2)
MIN_SIMILARITY = 0.65
MAX_CANDIDATES = 16  # of each image, the most similar ones
ALL_COMPARED = 20_000  # so many images at most need no landmarks
# Landmarks are so many times the square root of the number of images: then finding the
# nearest ones takes about as long as comparing the images that have one in common.
LANDMARKS = 8
NEAREST_LANDMARKS = 16
READ_AT_A_TIME = 1 << 12  # hashes
SIMILARITIES = 1 << 18  # computed at a time: as many as a processor keeps close
MAX_PAIRS = 1 << 20  # found before all but the most similar are dropped

# The indices of the first and the second images, and their similarities. The second
# index is the higher one.
Pairs = tuple[np.ndarray, np.ndarray, np.ndarray]
Block = tuple[np.ndarray, np.ndarray]  # images, and those they are compared with


def find_candidates(hashes: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Returns pairs to compare in full: the indices of the first and second images.

    Args:
        hashes: the perceptual hashes of images, none of them empty. Their order says
            nothing of what they show: the first ones serve as landmarks.
    """
    waves = _coarse_waves(hashes)
    # What a pair's similarity has to reach, by its first image.
    least = np.full(len(waves), MIN_SIMILARITY, np.float32)
    found: list[Pairs] = []
    kept = waiting = 0
    for pairs in parallel_map(partial(_similar_pairs, waves, least), _blocks(waves)):
        found.append(pairs)
        waiting += len(pairs[0])
        if waiting > MAX_PAIRS + kept // 2:
            found = [_most_similar(found, least)]
            kept, waiting = len(found[0][0]), 0
    ones, others, _ = _most_similar(found, least)
    return ones, others


def _coarse_waves(hashes: Sequence[str]) -> np.ndarray:
    """Returns the coarse frequencies of each image, those that are even across first.

    They are float32 `(images, COARSE_SIDE**2)`, of length 1.
    """
    waves = np.empty((len(hashes), COARSE_SIDE**2), np.float32)
    for part in _parts(len(hashes), READ_AT_A_TIME):
        low = read_hashes(hashes[part])[:, :COARSE_SIDE, :COARSE_SIDE]
        waves[part, :EVEN] = low[:, :, ::2].reshape(len(low), -1)
        waves[part, EVEN:] = low[:, :, 1::2].reshape(len(low), -1)
    waves /= np.sqrt(np.einsum("iw,iw->i", waves, waves))[:, None]
    return waves


def _neighbourhoods(waves: np.ndarray) -> Iterator[np.ndarray]:
    """Yields the sorted indices of images that are compared with each other."""
    images = len(waves)
    if images <= ALL_COMPARED:
        yield np.arange(images, dtype=np.int32)
        return
    landmarks = waves[: round(LANDMARKS * math.sqrt(images))]
    parts = _parts(images, SIMILARITIES // len(landmarks))
    rows = (waves[part] for part in parts)
    nearest = np.concatenate([*parallel_map(partial(_nearest, landmarks), rows)])
    order = np.argsort(nearest, axis=None, kind="stable")
    order //= NEAREST_LANDMARKS
    ends = np.cumsum(np.bincount(nearest.ravel(), minlength=len(landmarks)))
    del nearest
    yield from np.split(order.astype(np.int32), ends[:-1])


def _nearest(landmarks: np.ndarray, waves: np.ndarray) -> np.ndarray:
    """Returns the numbers of each image's nearest landmarks, in any order."""
    similarity = _similarity(waves, landmarks)
    last = len(landmarks) - NEAREST_LANDMARKS
    nearest = np.argpartition(similarity, last, axis=1)[:, last:]
    return nearest.astype(np.int32)


def _blocks(waves: np.ndarray) -> Iterator[Block]:
    side = math.isqrt(SIMILARITIES)
    for numbers in _neighbourhoods(waves):
        parts = [numbers[part] for part in _parts(len(numbers), side)]
        yield from combinations_with_replacement(parts, 2)


def _similar_pairs(waves: np.ndarray, least: np.ndarray, block: Block) -> Pairs:
    """Returns the pairs of images that are similar enough.

    If another thread raises `least` meanwhile, some of them will not be kept.
    """
    rows, columns = block
    similarity = _similarity(waves[rows], waves[columns])
    ones, others = np.nonzero(similarity >= least[rows, None])
    later = columns[others] > rows[ones]
    ones, others = ones[later], others[later]
    return rows[ones], columns[others], similarity[ones, others]


def _parts(length: int, size: int) -> Iterator[slice]:
    size = max(1, size)
    return (slice(start, start + size) for start in range(0, length, size))


def _similarity(ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    similarity: np.ndarray = ones[:, EVEN:] @ others[:, EVEN:].T
    np.abs(similarity, out=similarity)
    similarity += ones[:, :EVEN] @ others[:, :EVEN].T
    return similarity


def _most_similar(found: Sequence[Pairs], least: np.ndarray) -> Pairs:
    """Returns each pair once, and the most similar of each first image.

    Where they are as many as an image may have, `least` becomes what further ones have
    to reach.
    """
    ones, others, similarity = map(np.concatenate, zip(*found, strict=True))
    pairs = ones.astype(np.int64) * len(least) + others
    _, once = np.unique(pairs, return_index=True)
    ones, others, similarity = ones[once], others[once], similarity[once]
    order = np.lexsort((-similarity, ones))
    ones, others, similarity = ones[order], others[order], similarity[order]
    rank = np.arange(len(ones)) - np.searchsorted(ones, ones)
    last = rank == MAX_CANDIDATES - 1
    least[ones[last]] = similarity[last]
    chosen = rank < MAX_CANDIDATES
    return ones[chosen], others[chosen], similarity[chosen]
