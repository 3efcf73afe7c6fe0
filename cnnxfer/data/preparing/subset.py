"""Orders images so that the first ones are a representative sample of all."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence

from cnnxfer.data.dataset import IndexRow

# Of every class, chosen before shares count: one each to train, validate and test.
FIRST_IMAGES = 3


def sampling_order(rows: Sequence[IndexRow]) -> list[int]:
    """Returns all rows in an order whose beginning is a sample, however long it is.

    A sample has the same share of every class in every split. The order follows from
    the images' content, not from their names or order. An image of several labels
    counts for the one that is rarest in its split.

    Args:
        rows: readable images, with the splits that the data itself has.
    """
    queue = [
        (*_priority(rank, len(stratum)), _random_key(rows[index]), index)
        for stratum in _strata(rows)
        for rank, index in enumerate(stratum)
    ]
    return [index for *_, index in sorted(queue)]


def least_sample(rows: Sequence[IndexRow]) -> int:
    """Returns how many images are one for every class in every split."""
    return len(_strata(rows))


def _strata(rows: Sequence[IndexRow]) -> list[list[int]]:
    """Returns the indices of each class in each split, in random order."""
    counts = Counter(
        (row.example.split, label) for row in rows for label in row.example.labels
    )
    strata: dict[tuple[str | None, int], list[int]] = defaultdict(list)
    for index in sorted(range(len(rows)), key=lambda index: _random_key(rows[index])):
        example = rows[index].example
        rarest = min(
            example.labels or [-1],
            key=lambda label: (counts[example.split, label], label),
        )
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
