"""Chooses the images to use, as `--limit` asks, and divides them into splits."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cnnxfer.data.dataset import IndexRow
from cnnxfer.data.preparing.near_duplicates import near_duplicates
from cnnxfer.data.preparing.splits import EmptySplitError, assign_splits
from cnnxfer.data.preparing.subset import least_sample, sampling_order
from cnnxfer.errors import ConfigError
from cnnxfer.spelling import option

# Limits that are tried one by one before a message names the first that suffices; then
# each is twice the one before.
TRIED_IN_TURN = 64


@dataclass(frozen=True)
class Division:
    """The images to use.

    Attributes:
        rows: their rows.
        groups: the name of each one's group; empty for no groups.
        duplicates: the indices of those that are near-duplicates of each other.
        splits: the split of each: "train", "validation" or "test".
    """

    rows: list[IndexRow]
    groups: list[str]
    duplicates: list[list[int]]
    splits: list[str]


def divide(
    rows: Sequence[IndexRow],
    *,
    limit: int | Literal["all"],
    split: str,
    shuffled: bool,
    groups: Sequence[str] = (),
) -> Division:
    """Returns a sample of the images, or all, with their splits.

    The sample has the same share of every class in every split that the data has. It
    follows from the images' content, not from their names or order. A larger limit
    includes all images of a smaller one.

    Args:
        rows: readable images, with the splits that the data itself has.
        limit: the most images to use.
        split: shares or "slices", as `assign_splits` takes them, and with the same
            exceptions.
        shuffled: whether the order of the rows is random, as slices need.
        groups: a name for each row, as `assign_splits` takes them; empty for no groups.

    Raises:
        ConfigError: if the limit allows less than one image of every class in every
            split, or leaves none for training or validation; the message names one
            that suffices.
        DataError: if there are too few images to divide, whatever the limit.
    """

    def divided(indices: Sequence[int]) -> Division:
        chosen = [rows[index] for index in indices]
        names = [groups[index] for index in indices] if groups else []
        duplicates = near_duplicates(chosen)
        splits = assign_splits(
            chosen,
            split,
            shuffled=shuffled,
            groups=names or None,
            duplicates=duplicates,
        )
        return Division(chosen, names, duplicates, splits)

    if limit == "all" or limit >= len(rows):
        return divided(range(len(rows)))
    order, least = sampling_order(rows), least_sample(rows)
    reason = "so that every class has an image in every split"
    if limit >= least:
        try:
            return divided(sorted(order[:limit]))
        except EmptySplitError as error:
            least = limit + 1
            reason = f"so that an image is left for {error.split}"
    for enough in _limits(least, len(rows)):
        try:
            divided(sorted(order[:enough]))
        except EmptySplitError:
            if enough == len(rows):
                raise
        else:
            break
    raise ConfigError(
        f"{option('--limit')} is {limit}; expected at least {enough}, {reason}."
    )


def _limits(least: int, most: int) -> list[int]:
    """Returns limits to try, from the least to the most."""
    limits = [*range(least, min(least + TRIED_IN_TURN, most))]
    while limits and (larger := 2 * limits[-1]) < most:
        limits.append(larger)
    return [*limits, most]
