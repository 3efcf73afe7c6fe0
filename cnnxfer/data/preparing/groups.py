"""Images that belong together, such as those of one plant or one patient."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from cnnxfer.data.dataset import Dataset
from cnnxfer.errors import ConfigError
from cnnxfer.registry import did_you_mean


def group_names(dataset: Dataset, group_by: str) -> list[str]:
    """Returns the name of each example's group; empty for one that has none.

    Args:
        dataset: whose images they are.
        group_by: a column of the data's table; or a regular expression that is
            searched in the ids, whose first group is the name, or all that it
            matches.

    Raises:
        ConfigError: if it is neither, or does not tell the images apart.
    """
    names = dataset.columns.get(group_by)
    if names is None:
        names = _searched(dataset, group_by)
    if len(set(names)) < 2:
        raise ConfigError(
            f"--group-by {group_by!r} puts all images into one group, {names[0]!r}; "
            "expected several, to split. Give another column or expression."
        )
    return list(names)


def joined(links: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Returns the groups of numbers that links join, each sorted."""
    leaders: dict[int, int] = {}

    def leader(number: int) -> int:
        while (above := leaders.setdefault(number, number)) != number:
            leaders[number] = leaders[above]  # the next way is shorter
            number = above
        return number

    for one, other in links:
        leaders[leader(one)] = leader(other)
    groups: dict[int, list[int]] = defaultdict(list)
    for number in sorted(leaders):
        groups[leader(number)].append(number)
    return list(groups.values())


def _searched(dataset: Dataset, group_by: str) -> tuple[str, ...]:
    try:
        pattern = re.compile(group_by)
    except re.error as error:
        raise ConfigError(
            f"--group-by {group_by!r} is no regular expression ({error})"
            f"{_no_column(dataset, group_by)}"
        ) from error
    found = [pattern.search(example.id) for example in dataset.examples]
    if not any(found):
        raise ConfigError(
            f"--group-by {group_by!r} is found in the name of no image, such as "
            f"{dataset.examples[0].id}{_no_column(dataset, group_by)}"
        )
    # A group that took no part in the match is None.
    return tuple(
        match[min(1, pattern.groups)] or "" if match else "" for match in found
    )


def _no_column(dataset: Dataset, group_by: str) -> str:
    columns = list(dataset.columns)
    if not columns:
        return ", and the data has no columns. Give an expression that is."
    return (
        f", and the data has no such column.{did_you_mean(group_by, columns)} "
        f"It has: {', '.join(columns)}."
    )
