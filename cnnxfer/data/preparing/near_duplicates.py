"""Finds near-duplicates: images that are copies of each other, or slightly changed.

It finds copies that were resized, recompressed, brightened, blurred, mirrored, framed
or slightly cropped, and shots of one burst. Pairs with similar coarse frequencies are
compared again in full, with each of the two cropped a little in several ways.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby

import numpy as np
from threadpoolctl import threadpool_limits

from cnnxfer.data.dataset import IndexRow
from cnnxfer.data.images.perceptual_hash import SAMPLES, SIDE, cosines, read_hashes
from cnnxfer.data.parallel import parallel_map
from cnnxfer.data.preparing.candidates import find_candidates
from cnnxfer.data.preparing.groups import connected_groups, grouped

# Similarity is the cosine of the angle between two images' frequencies: 1 for equal
# images, near 0 for most others. Among 9.3 million pairs of photographs, of tf_flowers,
# 12 kinds of Oxford's flowers and ImageNet, those that show different things came to
# 0.68 at most; photographs that were changed as above, to 0.79 at least.
DUPLICATE_SIMILARITY = 0.75
# A group of more than so many, as images of one scene would form, is divided by each of
# these higher similarities in turn. A group that then is still larger than this share
# of all images is dropped: so many look alike here that similarity tells nothing.
LARGE_GROUP = 16
STRICTER_SIMILARITIES = (0.82, 0.90, 0.97)
MAX_GROUP_SHARE = 0.1
CROP_SHARE = 0.95  # of a side, for the full comparison
BATCH_PAIRS = 128  # compared in full at a time: as many as a cache holds


def near_duplicates(rows: Sequence[IndexRow]) -> list[list[int]]:
    """Returns the groups of rows whose images are copies or near-duplicates.

    An image belongs to a group if it is similar to at least one image of it; large
    groups require a higher similarity. Images with too little detail for a perceptual
    hash are grouped with their exact copies only; rows with a problem are in no group.

    Returns:
        Groups of two or more indices of rows, each sorted, and sorted by their first
        index. The order of the rows does not change which images form a group.
    """
    copies = _copies(rows)
    hashed = [same for same in copies if rows[same[0]].phash]
    pairs = _similar_pairs([rows[same[0]].phash for same in hashed])
    max_size = max(LARGE_GROUP, int(MAX_GROUP_SHARE * len(hashed)))
    similar = list(_groups(pairs, max_size))
    inside = {number for group in similar for number in group}
    groups = [
        sorted(index for number in group for index in hashed[number])
        for group in similar
    ]
    groups += [same for number, same in enumerate(hashed) if number not in inside]
    groups += [same for same in copies if not rows[same[0]].phash]
    return sorted(group for group in groups if len(group) > 1)


def _copies(rows: Sequence[IndexRow]) -> list[list[int]]:
    """Returns the indices of usable rows, those of one content together.

    Contents are in the order of their hashes, whatever the order of the rows is.
    """

    def content(index: int) -> str:
        return rows[index].sha256

    usable = (i for i, row in enumerate(rows) if row.sha256 and not row.problem)
    return [list(same) for _, same in groupby(sorted(usable, key=content), content)]


Pair = tuple[int, int, float]  # the numbers of two images, and their similarity


def _groups(
    pairs: Sequence[Pair],
    max_size: int,
    stricter: Sequence[float] = STRICTER_SIMILARITIES,
) -> Iterator[list[int]]:
    groups = connected_groups((one, other) for one, other, _ in pairs)
    place = {number: i for i, group in enumerate(groups) for number in group}
    inside = grouped((place[pair[0]], number) for number, pair in enumerate(pairs))
    for i, group in enumerate(groups):
        if len(group) > LARGE_GROUP and stricter:
            closer = [
                pairs[number] for number in inside[i] if pairs[number][2] >= stricter[0]
            ]
            yield from _groups(closer, max_size, stricter[1:])
        elif len(group) <= max_size:
            yield group


def _similar_pairs(hashes: Sequence[str]) -> list[Pair]:
    if not hashes:
        return []
    pairs: list[Pair] = []
    # Products of small matrices, which OpenBLAS divides among threads that wait for
    # each other: ten times as slow where other processes work, too.
    with threadpool_limits(1, user_api="blas"):
        ones, others = find_candidates(hashes)
        starts = range(0, len(ones), BATCH_PAIRS)
        batches = (slice(start, start + BATCH_PAIRS) for start in starts)
        for found in parallel_map(partial(_compared, hashes, ones, others), batches):
            pairs += found
    return pairs


def _compared(
    hashes: Sequence[str], ones: np.ndarray, others: np.ndarray, batch: slice
) -> list[Pair]:
    ones, others = ones[batch], others[batch]
    similarity = _cropped_similarity(
        _strengths(hashes, ones), _strengths(hashes, others)
    )
    similar = similarity >= DUPLICATE_SIMILARITY
    values = (values[similar].tolist() for values in (ones, others, similarity))
    return [*zip(*values, strict=True)]


def _strengths(hashes: Sequence[str], numbers: np.ndarray) -> np.ndarray:
    roots = read_hashes([hashes[number] for number in numbers])
    signed = roots.astype(np.float32)
    return signed * np.abs(signed)


def _cropped_similarity(ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Returns the similarity of pairs of which either image may be a crop of the other.

    The strengths of their frequencies are float32 `(pairs, SIDE, SIDE)`.
    """
    similarity = _similarity(ones, _halves(others))
    for whole, part in ((ones, others), (others, ones)):
        halves = _halves(part)
        for down in _CROPS:
            rows = (down @ whole).reshape(-1, SIDE)
            for across in _CROPS:
                crop = rows @ across.T
                np.maximum(similarity, _similarity(crop, halves), out=similarity)
    return similarity


def _similarity(
    strengths: np.ndarray, halves: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    roots, lengths = _roots(strengths)
    even, odd = (np.einsum("pf,pf->p", roots, half) for half in halves)
    similarity: np.ndarray = (even + np.abs(odd)) / lengths
    return similarity


def _halves(strengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns what the frequencies of the other image of each pair are multiplied by.

    The waves that are odd across are apart from the even ones: in a mirrored image,
    they have the opposite sign.
    """
    roots, lengths = _roots(strengths)
    roots *= _WEIGHTS / lengths[:, None]
    return roots * _EVEN, roots * (1 - _EVEN)


def _roots(strengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns signed roots `(pairs, SIDE**2)`, and their lengths when weighted."""
    signed = strengths.reshape(-1, SIDE * SIDE)
    sizes = np.abs(signed)
    lengths = np.sqrt(sizes @ _WEIGHTS)
    sizes += _TINY
    np.sqrt(sizes, out=sizes)
    return np.divide(signed, sizes, out=sizes), lengths


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
# Of products of two frequencies. High ones are weak in every photograph, but tell
# images apart best. The first one is the brightness, which tells nothing.
_WEIGHTS = np.hypot(_DOWN, _ACROSS).astype(np.float32).ravel() ** 0.5
_EVEN = (_ACROSS % 2 == 0).astype(np.float32).ravel()
_TINY = np.float32(1e-20)  # so that the root of nothing can be divided by
