"""Images that show the same picture: copies, and copies that were changed a little.

Found are resized, recompressed, brightened, blurred, mirrored, framed and slightly
cropped ones, and shots of one burst. Pairs that are alike at a glance are looked at
again, with each of the two cropped a little in several ways.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from cnnxfer.data.dataset import IndexRow
from cnnxfer.data.images.perceptual_hash import SAMPLES, SIDE, cosines, read_hashes
from cnnxfer.data.preparing.groups import joined

# Likeness is the cosine of the angle between two pictures' frequencies: 1 for the
# same, near 0 for most others. Among 9.3 million pairs of photographs, of tf_flowers,
# 12 kinds of Oxford's flowers and ImageNet, those that show different things came to
# 0.68 at most; photographs that were changed as above, to 0.79 at least.
GLANCE = 0.65  # to be worth another look
ALIKE = 0.75  # to show the same
# Where more than so many would be one group, as pictures of one scene would, each of
# these asks for more. If so large a share of all pictures still are one, that is how
# they look here, and nothing can be told by it.
MANY = 16
STRICTER = (0.82, 0.90, 0.97)
MOST = 0.1
NEAREST = 16  # of a picture's likes, that are looked at again
GLANCED = 9  # frequencies down and across, of a glance
CROPPED = 0.95  # of a side, by the second look
CELLS = 1 << 23  # comparisons at once
LOOKED = 512  # pairs that are looked at again at once


def near_duplicates(rows: Sequence[IndexRow]) -> list[list[int]]:
    """Returns the groups of rows that show the same picture.

    An image belongs to a group if it is like one of it, not all; of a large group, it
    has to be more alike. Pictures with too little to see, which have no perceptual
    hash, are like their exact copies alone.

    Returns:
        Two or more indices each, in order, as the groups are by their first; the same
        groups in whatever order the rows are.
    """
    copies: dict[str, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        if row.sha256 and not row.problem:
            copies[row.sha256].append(index)
    contents = sorted(copies)
    hashes = {content: rows[copies[content][0]].phash for content in contents}
    seen = [content for content in contents if hashes[content]]
    pairs = _pairs([hashes[content] for content in seen])
    alike = _groups_of(pairs, most=max(MANY, int(MOST * len(seen))))
    together = [[seen[number] for number in group] for group in alike]
    alone = set(contents).difference(*together)
    groups = [
        sorted(index for content in group for index in copies[content])
        for group in [*together, *([content] for content in alone)]
    ]
    return sorted(group for group in groups if len(group) > 1)


Pair = tuple[int, int, float]  # two pictures, and how alike they are


def _groups_of(
    pairs: Sequence[Pair], *, most: int, stricter: Sequence[float] = STRICTER
) -> Iterator[list[int]]:
    for group in joined((one, other) for one, other, _ in pairs):
        if len(group) > MANY and stricter:
            inside = set(group)
            closer = [
                pair for pair in pairs if pair[0] in inside and pair[2] >= stricter[0]
            ]
            yield from _groups_of(closer, most=most, stricter=stricter[1:])
        elif len(group) <= most:
            yield group


def _pairs(hashes: Sequence[str]) -> list[Pair]:
    if not hashes:
        return []
    roots = read_hashes(hashes)
    strengths = np.sign(roots) * roots**2
    found: list[Pair] = []
    for ones, others in _glances(roots):
        likeness = _second_look(strengths[ones], strengths[others])
        alike = likeness >= ALIKE
        found += zip(
            *(values[alike].tolist() for values in (ones, others, likeness)),
            strict=True,
        )
    return found


def _glances(roots: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields pairs worth a second look: indices of the ones, and of the others."""
    low = roots[:, :GLANCED, :GLANCED]
    # A mirrored picture has its odd waves upside down.
    even = low[:, :, ::2].reshape(len(low), -1)
    odd = low[:, :, 1::2].reshape(len(low), -1)
    lengths = np.linalg.norm(low, axis=(1, 2))[:, None]
    even, odd = even / lengths, odd / lengths
    rows = max(1, CELLS // len(low))
    for start in range(0, len(low), rows):
        likeness = odd[start : start + rows] @ odd[start:].T
        np.abs(likeness, out=likeness)
        likeness += even[start : start + rows] @ even[start:].T
        ones, others = np.nonzero(likeness >= GLANCE)
        ones, others = _nearest(ones, others, likeness[ones, others])
        for first in range(0, len(ones), LOOKED):
            looked = slice(first, first + LOOKED)
            yield ones[looked] + start, others[looked] + start


def _nearest(
    ones: np.ndarray, others: np.ndarray, likeness: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Keeps pairs of different pictures, each once, and the nearest of each picture."""
    later = others > ones
    ones, others, likeness = ones[later], others[later], likeness[later]
    order = np.lexsort((-likeness, ones))
    ones, others = ones[order], others[order]
    rank = np.arange(len(ones)) - np.searchsorted(ones, ones)
    return ones[rank < NEAREST], others[rank < NEAREST]


def _second_look(ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Returns the likeness of pairs, whichever of the two is a crop of the other.

    Args:
        ones: float32 `(pairs, SIDE, SIDE)`, strengths of frequencies.
        others: the same.
    """
    likeness = _likeness(ones, others)
    for whole, part in ((ones, others), (others, ones)):
        for down in _CROPS:
            for across in _CROPS:
                crop = down @ whole @ across.T
                np.maximum(likeness, _likeness(crop, part), out=likeness)
    return likeness


def _likeness(ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    product = _signature(ones) * _signature(others)
    even = product[:, :, ::2].sum(axis=(1, 2))
    odd = product[:, :, 1::2].sum(axis=(1, 2))  # of a mirrored picture, upside down
    likeness: np.ndarray = even + np.abs(odd)
    return likeness


def _signature(strengths: np.ndarray) -> np.ndarray:
    roots = np.sign(strengths) * np.sqrt(np.abs(strengths)) * _WEIGHTS
    signature: np.ndarray = roots / np.linalg.norm(roots, axis=(1, 2), keepdims=True)
    return signature


def _crops() -> list[np.ndarray]:
    """Returns what turns the frequencies of a side into those of a crop of it.

    Of its beginning, its middle and its end, float32 `(SIDE, SIDE)`.
    """
    places = (np.arange(SAMPLES) + 0.5) / SAMPLES
    spare = 1 - CROPPED
    return [
        (cosines(places).T @ cosines(CROPPED * places + begin) / SAMPLES).astype("f4")
        for begin in (0, spare / 2, spare)
    ]


_CROPS = _crops()
_DOWN, _ACROSS = np.mgrid[:SIDE, :SIDE]
# Fine frequencies are weak in every photograph, and tell the most. The first, which is
# brightness, tells nothing.
_WEIGHTS = np.hypot(_DOWN, _ACROSS).astype(np.float32) ** 0.25
