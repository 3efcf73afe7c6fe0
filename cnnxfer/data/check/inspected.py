"""What the checks look at: one reading of all images, and where each would go."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from cnnxfer.data.check.report import Item
from cnnxfer.data.dataset import DIVIDER, PARTS, IndexRow
from cnnxfer.data.preparing.index import labels_to_train

Key = TypeVar("Key", bound=Hashable)
Group = Sequence[int]  # indices of rows


@dataclass(frozen=True)
class InspectedData:
    """What is known of a data set; nothing in here costs another look at a file.

    Attributes:
        class_names: in label order.
        rows: the index, broken images too.
        parts: where each row's image would go; "" for one that is left out.
        near: rows that show the same picture, group by group, exact copies too.
        groups: what `--group-by` calls each row's group, "" for none; or nothing.
        hidden: ids of hidden and system files.
    """

    class_names: tuple[str, ...]
    rows: Sequence[IndexRow]
    parts: Sequence[str]
    near: Sequence[Group] = ()
    groups: Sequence[str] = ()
    hidden: tuple[str, ...] = ()

    @cached_property
    def sound(self) -> list[int]:
        """Rows without a problem."""
        return [index for index, row in enumerate(self.rows) if not row.problem]

    @cached_property
    def copies(self) -> list[list[int]]:
        """Sound rows with one content, for each content that several have."""
        groups = grouped((self.rows[index].sha256, index) for index in self.sound)
        return [group for group in groups.values() if len(group) > 1]

    @cached_property
    def by_class(self) -> list[list[int]]:
        """The sound rows of each class."""
        classes: list[list[int]] = [[] for _ in self.class_names]
        for index in self.sound:
            for label in self.rows[index].example.labels:
                classes[label].append(index)
        return classes

    @cached_property
    def class_sizes(self) -> list[int]:
        """How many sound images each class has; copies of one count once."""
        return [
            len({self.rows[index].sha256 for index in found}) for found in self.by_class
        ]

    @cached_property
    def part_sizes(self) -> list[dict[str, int]]:
        """How many images of each class would go into each part."""
        sizes = [dict.fromkeys(PARTS, 0) for _ in self.class_names]
        for label, found in enumerate(self.by_class):
            for index in found:
                if self.parts[index]:
                    sizes[label][self.parts[index]] += 1
        return sizes

    @cached_property
    def trained(self) -> set[int]:
        """Labels of images that may train; see `labels_to_train`."""
        return labels_to_train(self.rows)

    def id(self, index: int) -> str:
        """Returns the id of a row's image."""
        return self.rows[index].example.id

    def labels(self, index: int) -> str:
        """Returns the labels of a row's image, joined by "|"."""
        labels = self.rows[index].example.labels
        return DIVIDER.join(self.class_names[label] for label in labels)

    def item(self, index: int, note: str = "") -> Item:
        """Returns a case of one image."""
        return Item((self.id(index),), note=note)

    def together(self, group: Group, note: str = "") -> Item:
        """Returns a case of several images."""
        return Item(tuple(map(self.id, group)), note=note)


def grouped(pairs: Iterable[tuple[Key, int]]) -> dict[Key, list[int]]:
    """Returns the indices of each key, in order."""
    groups: dict[Key, list[int]] = defaultdict(list)
    for key, index in pairs:
        groups[key].append(index)
    return groups
