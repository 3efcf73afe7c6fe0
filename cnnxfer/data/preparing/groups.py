"""Groups images that belong together, such as those of one plant or one patient."""

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable
from typing import TypeVar

from cnnxfer.data.dataset import Dataset
from cnnxfer.errors import ConfigError
from cnnxfer.registry import did_you_mean
from cnnxfer.spelling import option
from cnnxfer.texts import normal

Key = TypeVar("Key", bound=Hashable)


def group_names(dataset: Dataset, group_by: str) -> list[str]:
    """Returns the name of each example's group; empty for an example without one.

    `group_by` is a column of the data's table; or a regular expression that is searched
    in the ids. The first group of its match is the name, or the whole match if it has
    no groups.

    Raises:
        ConfigError: if `group_by` is neither, or puts all images into one group.
    """
    columns = {normal(name): values for name, values in dataset.columns.items()}
    names = columns.get(normal(group_by))
    if names is None:
        names = _matches(dataset, group_by)
    names = tuple(map(normal, names))
    if len(set(names)) < 2:
        raise ConfigError(
            f"{option('--group-by')} {group_by!r} puts all images into one group, "
            f"{names[0]!r}; "
            "expected several, to split. Give another column or expression."
        )
    return list(names)


def connected_groups(links: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Returns the groups of numbers that are connected by links, each group sorted.

    A number that is linked to itself alone is a group of one.
    """
    parents: dict[int, int] = {}

    def root(number: int) -> int:
        while (parent := parents.setdefault(number, number)) != number:
            parents[number] = parents[parent]  # shortens the path for the next call
            number = parent
        return number

    for one, other in links:
        parents[root(one)] = root(other)
    return list(grouped((root(number), number) for number in sorted(parents)).values())


def grouped(pairs: Iterable[tuple[Key, int]]) -> dict[Key, list[int]]:
    """Returns the indices of each key, in the order of the pairs."""
    groups: dict[Key, list[int]] = defaultdict(list)
    for key, index in pairs:
        groups[key].append(index)
    return groups


def _matches(dataset: Dataset, group_by: str) -> tuple[str, ...]:
    try:
        pattern = re.compile(normal(group_by))
    except re.error as error:
        raise ConfigError(
            f"{option('--group-by')} {group_by!r} is not a regular expression ({error})"
            f"{_no_column(dataset, group_by)}"
        ) from error
    found = [pattern.search(normal(example.id)) for example in dataset.examples]
    if not any(found):
        raise ConfigError(
            f"{option('--group-by')} {group_by!r} matches no image's name, such as "
            f"{dataset.examples[0].id}{_no_column(dataset, group_by)}"
        )
    # An optional group that did not match is None.
    return tuple(
        match[min(1, pattern.groups)] or "" if match else "" for match in found
    )


def _no_column(dataset: Dataset, group_by: str) -> str:
    columns = list(dataset.columns)
    if not columns:
        return ", and the data has no columns. Give a regular expression that matches."
    return (
        f", and the data has no such column.{did_you_mean(group_by, columns)} "
        f"It has: {', '.join(columns)}."
    )
