"""A part of the images that stands for all of them, by `--limit`."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence

from cnnxfer.data.dataset import IndexRow
from cnnxfer.errors import ConfigError

FIRST = 3  # of every class, before shares count: to train, to validate, to test


def take_sample(rows: Sequence[IndexRow], limit: int) -> list[int]:
    """Returns which rows to use: the same share of every class and part.

    An image is taken for its content, not for its name or place. A larger limit takes
    all that a smaller one takes. Images of several labels count for their rarest.

    Args:
        rows: sound images, with the parts that the data itself has.
        limit: how many at most; 0 for all.

    Returns:
        Indices, in order.

    Raises:
        ConfigError: if there is not an image for every class in every part.
    """
    if not limit or limit >= len(rows):
        return list(range(len(rows)))
    strata = _strata(rows)
    if limit < len(strata):
        raise ConfigError(
            f"--limit is {limit}; expected at least {len(strata)}, an image for every "
            "class in every part."
        )
    queue = [
        (*_turn(rank, len(stratum)), _chance(rows[index]), index)
        for stratum in strata
        for rank, index in enumerate(stratum)
    ]
    return sorted(index for *_, index in sorted(queue)[:limit])


def _strata(rows: Sequence[IndexRow]) -> list[list[int]]:
    """Returns the indices of each class in each part, those to take first in front."""
    counts = Counter(label for row in rows for label in row.example.labels)
    strata: dict[tuple[str | None, int], list[int]] = defaultdict(list)
    for index in sorted(range(len(rows)), key=lambda index: _chance(rows[index])):
        example = rows[index].example
        rarest = min(example.labels or [-1], key=lambda label: (counts[label], label))
        strata[example.split, rarest].append(index)
    return list(strata.values())


def _turn(rank: int, count: int) -> tuple[int, float]:
    """Returns when it is the turn of an image, by its rank in a stratum of so many."""
    return (rank, 0.0) if rank < FIRST else (FIRST, (rank + 0.5) / count)


def _chance(row: IndexRow) -> tuple[str, str]:
    # By chance of its own: with that of splits, all taken could be in one part.
    digest = hashlib.sha256(f"limit {row.sha256}".encode()).hexdigest()
    return digest, row.example.id  # of copies, it does not matter which
