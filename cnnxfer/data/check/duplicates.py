"""Checks of copies: one image twice, in several splits or under several labels."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from cnnxfer.data.check.inspected import Group, InspectedData
from cnnxfer.data.check.report import Finding, Item, error_kind, note_kind, warning_kind
from cnnxfer.data.dataset import SPLITS
from cnnxfer.data.preparing.groups import grouped

CONTRADICTION = error_kind(
    "contradiction",
    "pictures under several labels",
    done="nothing: each label counts",
    advice="Keep the copy whose label is right. {--write} lists all, to leave out.",
)
NEAR_CONTRADICTION = warning_kind(
    "near-contradiction",
    "near duplicates under several labels",
    done="nothing: each label counts",
    advice="Look at them with {--html}, and keep what is labelled right.",
)
LEAK = error_kind(
    "leak",
    "pictures in several splits",
    done="nothing: the data's own splits stay",
    advice="Leave out those that {--write} lists, which train; what tests stays.",
)
NEAR_LEAK = error_kind(
    "near-leak",
    "near duplicates in several splits",
    done="nothing: the data's own splits stay",
    advice="Leave out those that {--write} lists, which train; what tests stays.",
)
GROUP_LEAK = error_kind(
    "group-leak",
    "groups in several splits",
    done="nothing: the data's own splits stay",
    advice="Move all images of a group into one split.",
)
COPIES = note_kind(
    "copies",
    "spare copies of images",
    done="kept in one part",
    advice="Delete them, or leave out those that {--write} lists.",
)
NEAR_COPIES = note_kind(
    "near-copies",
    "pictures in several versions",
    done="kept in one part",
    advice="Nothing, if they are few.",
)


def contradictions(data: InspectedData) -> Iterator[Finding]:
    """Finds copies and near duplicates of one image that have different labels.

    Where boxes or masks tell which classes an image shows, the near duplicates may well
    show others, such as a part of the image.
    """
    exact = [group for group in data.copies if _differ(data.labels, group)]
    near = data.near if data.classified else ()
    near = [group for group in near if _near_differ(data, data.labels, group)]
    yield from CONTRADICTION.findings(
        (_with_labels(data, group) for group in exact),
        # Only a person can tell which of the labels is wrong, so all are listed.
        quarantine=(data.id(index) for group in exact for index in group),
    )
    yield from NEAR_CONTRADICTION.findings(_with_labels(data, group) for group in near)


def leaks(data: InspectedData) -> Iterator[Finding]:
    """Finds one image in several splits, as the data's own splits may have it."""
    split = data.splits.__getitem__
    exact = [group for group in _used(data, data.copies) if _differ(split, group)]
    near = [
        group for group in _used(data, data.near) if _near_differ(data, split, group)
    ]
    for kind, groups in ((LEAK, exact), (NEAR_LEAK, near)):
        yield from kind.findings(
            (_with_splits(data, group) for group in groups),
            # The test split stays whole, so that results on it remain comparable.
            quarantine=(
                data.id(index)
                for group in groups
                for index in _outside_last_split(data, group)
            ),
        )


def group_leaks(data: InspectedData) -> Iterator[Finding]:
    """Finds groups of `--group-by` that the data's own splits divide."""
    groups = grouped(
        (name, index)
        for index, name in enumerate(data.groups)
        if name and data.splits[index]
    )
    yield from GROUP_LEAK.findings(
        _with_splits(data, _first_of_each_split(data, group), f"group {name}")
        for name, group in groups.items()
        if _differ(data.splits.__getitem__, group)
    )


def spare_copies(data: InspectedData) -> Iterator[Finding]:
    """Finds harmless copies, which only count twice: of one label, in one split."""
    alike = [
        same
        for group in data.copies
        for same in grouped(
            ((data.labels(index), data.splits[index]), index) for index in group
        ).values()
        if len(same) > 1
    ]
    spare = [index for same in alike for index in same[1:]]
    # A table may list an image twice; excluding its id would leave out both.
    kept = {data.id(same[0]) for same in alike}
    yield from COPIES.findings(
        map(data.group_item, alike),
        quarantine=(name for name in map(data.id, spare) if name not in kept),
        count=len(spare),
    )
    yield from NEAR_COPIES.findings(
        data.group_item(group)
        for group in data.near
        if _differ(lambda index: data.rows[index].sha256, group)
        and not _differ(data.labels, group)
        and not _differ(data.splits.__getitem__, group)
    )


def _used(data: InspectedData, groups: Iterable[Group]) -> Iterator[list[int]]:
    """Yields the groups without the images that are left out of all splits."""
    for group in groups:
        yield [index for index in group if data.splits[index]]


def _differ(value: Callable[[int], str], group: Group) -> bool:
    return len(set(map(value, group))) > 1


def _near_differ(
    data: InspectedData, value: Callable[[int], str], group: Group
) -> bool:
    """Tells whether near duplicates differ where exact copies do not differ already.

    They do not if each content occurs with each value.
    """
    values = set(map(value, group))
    contents = {data.rows[index].sha256 for index in group}
    pairs = {(data.rows[index].sha256, value(index)) for index in group}
    return len(values) > 1 and len(pairs) < len(values) * len(contents)


def _with_labels(data: InspectedData, group: Group) -> Item:
    classes = tuple(dict.fromkeys(map(data.labels, group)))
    return Item(tuple(map(data.id, group)), classes)


def _with_splits(data: InspectedData, group: Group, note: str = "") -> Item:
    group = sorted(group, key=lambda index: SPLITS.index(data.splits[index]))
    splits = dict.fromkeys(data.splits[index] for index in group)
    return data.group_item(group, ", ".join(filter(None, (note, *splits))))


def _first_of_each_split(data: InspectedData, group: Group) -> Sequence[int]:
    return list({data.splits[index]: index for index in reversed(group)}.values())


def _outside_last_split(data: InspectedData, group: Group) -> list[int]:
    """Returns all but the images of the group's last split: test, or validation."""
    ranks = [SPLITS.index(data.splits[index]) for index in group]
    return [
        index for index, rank in zip(group, ranks, strict=True) if rank < max(ranks)
    ]
