"""Finds near-duplicates: images that are copies of each other, or slightly changed.

It finds copies that were resized, recompressed, brightened, blurred, mirrored, framed
or slightly cropped, and shots of one burst. Pairs with similar coarse frequencies are
compared again in full, with each of the two cropped a little in several ways.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from cnnxfer.data.dataset import IndexRow
from cnnxfer.data.images.perceptual_hash import SAMPLES, SIDE, cosines, read_hashes
from cnnxfer.data.preparing.groups import connected_groups, grouped

# Similarity is the cosine of the angle between two images' frequencies: 1 for equal
# images, near 0 for most others. Among 9.3 million pairs of photographs, of tf_flowers,
# 12 kinds of Oxford's flowers and ImageNet, those that show different things came to
# 0.68 at most; photographs that were changed as above, to 0.79 at least.
CANDIDATE_SIMILARITY = 0.65  # of coarse frequencies, to be compared in full
DUPLICATE_SIMILARITY = 0.75
# A group of more than so many, as images of one scene would form, is divided by each of
# these higher similarities in turn. A group that then is still larger than this share
# of all images is dropped: so many look alike here that similarity tells nothing.
LARGE_GROUP = 16
STRICTER_SIMILARITIES = (0.82, 0.90, 0.97)
MAX_GROUP_SHARE = 0.1
MAX_CANDIDATES = 16  # of each image, the most similar ones
COARSE_SIDE = 9  # frequencies down and across that choose the candidates
CROP_SHARE = 0.95  # of a side, for the full comparison
MAX_COMPARISONS = 1 << 23  # of coarse frequencies, in memory at a time
BATCH_PAIRS = 512  # compared in full at a time


def near_duplicates(rows: Sequence[IndexRow]) -> list[list[int]]:
    """Returns the groups of rows whose images are copies or near-duplicates.

    An image belongs to a group if it is similar to at least one image of it; large
    groups require a higher similarity. Images with too little detail for a perceptual
    hash are grouped with their exact copies only; rows with a problem are in no group.

    Returns:
        Groups of two or more indices of rows, each sorted, and sorted by their first
        index. The order of the rows does not change which images form a group.
    """
    copies = grouped(
        (row.sha256, index)
        for index, row in enumerate(rows)
        if row.sha256 and not row.problem
    )
    contents = sorted(copies)
    hashes = {content: rows[copies[content][0]].phash for content in contents}
    hashed = [content for content in contents if hashes[content]]
    pairs = _similar_pairs([hashes[content] for content in hashed])
    max_size = max(LARGE_GROUP, int(MAX_GROUP_SHARE * len(hashed)))
    similar = [
        [hashed[number] for number in group] for group in _groups(pairs, max_size)
    ]
    others = set(contents).difference(*similar)
    groups = [
        sorted(index for content in group for index in copies[content])
        for group in [*similar, *([content] for content in others)]
    ]
    return sorted(group for group in groups if len(group) > 1)


Pair = tuple[int, int, float]  # the numbers of two images, and their similarity


def _groups(
    pairs: Sequence[Pair],
    max_size: int,
    stricter: Sequence[float] = STRICTER_SIMILARITIES,
) -> Iterator[list[int]]:
    for group in connected_groups((one, other) for one, other, _ in pairs):
        if len(group) > LARGE_GROUP and stricter:
            inside = set(group)
            closer = [
                pair for pair in pairs if pair[0] in inside and pair[2] >= stricter[0]
            ]
            yield from _groups(closer, max_size, stricter[1:])
        elif len(group) <= max_size:
            yield group


def _similar_pairs(hashes: Sequence[str]) -> list[Pair]:
    if not hashes:
        return []
    roots = read_hashes(hashes)
    strengths = np.sign(roots) * roots**2
    pairs: list[Pair] = []
    for ones, others in _candidates(roots):
        similarity = _cropped_similarity(strengths[ones], strengths[others])
        similar = similarity >= DUPLICATE_SIMILARITY
        pairs += zip(
            *(values[similar].tolist() for values in (ones, others, similarity)),
            strict=True,
        )
    return pairs


def _candidates(roots: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields pairs to compare in full: the indices of the first and second images."""
    low = roots[:, :COARSE_SIDE, :COARSE_SIDE]
    # In a mirrored image, the odd waves have the opposite sign.
    even = low[:, :, ::2].reshape(len(low), -1)
    odd = low[:, :, 1::2].reshape(len(low), -1)
    lengths = np.linalg.norm(low, axis=(1, 2))[:, None]
    even, odd = even / lengths, odd / lengths
    rows = max(1, MAX_COMPARISONS // len(low))
    for start in range(0, len(low), rows):
        similarity = odd[start : start + rows] @ odd[start:].T
        np.abs(similarity, out=similarity)
        similarity += even[start : start + rows] @ even[start:].T
        ones, others = np.nonzero(similarity >= CANDIDATE_SIMILARITY)
        ones, others = _nearest(ones, others, similarity[ones, others])
        for first in range(0, len(ones), BATCH_PAIRS):
            batch = slice(first, first + BATCH_PAIRS)
            yield ones[batch] + start, others[batch] + start


def _nearest(
    ones: np.ndarray, others: np.ndarray, similarity: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns each pair of different images once, the most similar of each image."""
    later = others > ones
    ones, others, similarity = ones[later], others[later], similarity[later]
    order = np.lexsort((-similarity, ones))
    ones, others = ones[order], others[order]
    rank = np.arange(len(ones)) - np.searchsorted(ones, ones)
    return ones[rank < MAX_CANDIDATES], others[rank < MAX_CANDIDATES]


def _cropped_similarity(ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Returns the similarity of pairs of which either image may be a crop of the other.

    The strengths of their frequencies are float32 `(pairs, SIDE, SIDE)`.
    """
    similarity = _similarity(ones, others)
    for whole, part in ((ones, others), (others, ones)):
        for down in _CROPS:
            for across in _CROPS:
                crop = down @ whole @ across.T
                np.maximum(similarity, _similarity(crop, part), out=similarity)
    return similarity


def _similarity(ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    product = _signature(ones) * _signature(others)
    even = product[:, :, ::2].sum(axis=(1, 2))
    odd = product[:, :, 1::2].sum(axis=(1, 2))  # of opposite sign if one is mirrored
    similarity: np.ndarray = even + np.abs(odd)
    return similarity


def _signature(strengths: np.ndarray) -> np.ndarray:
    roots = np.sign(strengths) * np.sqrt(np.abs(strengths)) * _WEIGHTS
    signature: np.ndarray = roots / np.linalg.norm(roots, axis=(1, 2), keepdims=True)
    return signature


def _crops() -> list[np.ndarray]:
    """Returns three matrices that turn the frequencies of a side into those of a crop.

    The crops are at the beginning, the middle and the end; float32 `(SIDE, SIDE)`.
    """
    places = (np.arange(SAMPLES) + 0.5) / SAMPLES
    cut = 1 - CROP_SHARE
    return [
        (cosines(places).T @ cosines(CROP_SHARE * places + begin) / SAMPLES).astype(
            "f4"
        )
        for begin in (0, cut / 2, cut)
    ]


_CROPS = _crops()
_DOWN, _ACROSS = np.mgrid[:SIDE, :SIDE]
# High frequencies are weak in every photograph, but distinguish images best. The first
# one is the brightness, which distinguishes nothing.
_WEIGHTS = np.hypot(_DOWN, _ACROSS).astype(np.float32) ** 0.25
