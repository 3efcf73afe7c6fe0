"""Chooses a representative subset of the images, as `--limit` asks."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Literal

from cnnxfer.data.dataset import IndexRow
from cnnxfer.errors import ConfigError
from cnnxfer.spelling import option

# Of every class, chosen before shares count: one each to train, validate and test.
FIRST_IMAGES = 3


def take_sample(rows: Sequence[IndexRow], limit: int | Literal["all"]) -> list[int]:
    """Returns which rows to use, sorted: the same share of every class in every split.

    The choice follows from the images' content, not from their names or order. A
    larger limit includes all images of a smaller one. An image of several labels
    counts for the rarest of them.

    Args:
        rows: readable images, with the splits that the data itself has.
        limit: the most images to use.

    Raises:
        ConfigError: if the limit allows less than one image of every class in every
            split.
    """
    if limit == "all" or limit >= len(rows):
        return list(range(len(rows)))
    strata = _strata(rows)
    if limit < len(strata):
        raise ConfigError(
            f"{option('--limit')} is {limit}; expected at least {len(strata)}, an "
            "image for every class in every split."
        )
    queue = [
        (*_priority(rank, len(stratum)), _random_key(rows[index]), index)
        for stratum in strata
        for rank, index in enumerate(stratum)
    ]
    return sorted(index for *_, index in sorted(queue)[:limit])


def _strata(rows: Sequence[IndexRow]) -> list[list[int]]:
    """Returns the indices of each class in each split, in random order."""
    counts = Counter(label for row in rows for label in row.example.labels)
    strata: dict[tuple[str | None, int], list[int]] = defaultdict(list)
    for index in sorted(range(len(rows)), key=lambda index: _random_key(rows[index])):
        example = rows[index].example
        rarest = min(example.labels or [-1], key=lambda label: (counts[label], label))
        strata[example.split, rarest].append(index)
    return list(strata.values())


def _priority(rank: int, count: int) -> tuple[int, float]:
    """Returns what to sort an image by, from its rank among `count` of its stratum."""
    if rank < FIRST_IMAGES:
        return rank, 0.0
    return FIRST_IMAGES, (rank + 0.5) / count


def _random_key(row: IndexRow) -> tuple[str, str]:
    # Not the hash that assigns splits: it might choose images of one split only.
    digest = hashlib.sha256(f"limit {row.sha256}".encode()).hexdigest()
    return digest, row.example.id  # the id gives copies an order
