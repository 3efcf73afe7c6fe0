"""The data that all checks work on: the index of images, and each image's split."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from cnnxfer.data.annotation import LABEL_SEPARATOR, Labels
from cnnxfer.data.check.report import Item
from cnnxfer.data.dataset import SPLITS, IndexRow
from cnnxfer.data.preparing.fit import Repair
from cnnxfer.data.preparing.groups import grouped
from cnnxfer.data.preparing.index import labels_to_train

Group = Sequence[int]  # indices of rows


@dataclass(frozen=True)
class InspectedData:
    """What one reading of a data set told; the checks read no file again."""

    class_names: tuple[str, ...]
    rows: Sequence[IndexRow]  # of all images, unreadable ones included
    splits: Sequence[str]  # that each image would get; "" for one that is left out
    near: Sequence[Group] = ()  # rows whose images show the same, exact copies included
    groups: Sequence[str] = ()  # of each image by `--group-by`, or ""; or none at all
    repairs: Sequence[Repair] = ()  # what was done to boxes and masks
    # Ids of what the source passed over, as the `Dataset` has them.
    hidden: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    circular: tuple[str, ...] = ()

    @cached_property
    def sound(self) -> list[int]:
        """The indices of the rows whose images can be used."""
        return [index for index, row in enumerate(self.rows) if not row.problem]

    @cached_property
    def classified(self) -> bool:
        """Whether images have labels alone, and neither boxes nor masks."""
        return all(isinstance(row.example.annotation, Labels) for row in self.rows)

    @cached_property
    def copies(self) -> list[list[int]]:
        """The indices of the usable rows that are exact copies, group by group."""
        groups = grouped((self.rows[index].sha256, index) for index in self.sound)
        return [group for group in groups.values() if len(group) > 1]

    @cached_property
    def by_class(self) -> list[list[int]]:
        """The indices of the usable rows of each class, in label order."""
        classes: list[list[int]] = [[] for _ in self.class_names]
        for index in self.sound:
            for label in self.rows[index].example.labels:
                classes[label].append(index)
        return classes

    @cached_property
    def class_sizes(self) -> list[int]:
        """How many usable images each class has; copies of an image count once."""
        return [
            len({self.rows[index].sha256 for index in found}) for found in self.by_class
        ]

    @cached_property
    def split_sizes(self) -> list[dict[str, int]]:
        """How many images of each class each split would get, in label order."""
        sizes = [dict.fromkeys(SPLITS, 0) for _ in self.class_names]
        for label, found in enumerate(self.by_class):
            for index in found:
                if self.splits[index]:
                    sizes[label][self.splits[index]] += 1
        return sizes

    @cached_property
    def trained(self) -> set[int]:
        """The labels that have images to train on; see `labels_to_train`."""
        return labels_to_train(self.rows)

    def id(self, index: int) -> str:
        """Returns the id of a row's image."""
        return self.rows[index].example.id

    def labels(self, index: int) -> str:
        """Returns the names of the labels of a row's image, joined by "|"."""
        labels = self.rows[index].example.labels
        return LABEL_SEPARATOR.join(self.class_names[label] for label in labels)

    def item(self, index: int, note: str = "") -> Item:
        """Returns an item of a finding that is about one image."""
        return Item((self.id(index),), note=note)

    def group_item(self, group: Group, note: str = "") -> Item:
        """Returns an item of a finding that is about several images together."""
        return Item(tuple(map(self.id, group)), note=note)
