"""Checks of copies: one picture twice, in several parts or under several labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from cnnxfer.data.check.inspected import Group, InspectedData, grouped
from cnnxfer.data.check.report import ERROR, KINDS, NOTE, WARNING, Finding, Item, Kind
from cnnxfer.data.dataset import PARTS

CONTRADICTION = KINDS.add(
    Kind(
        name="contradiction",
        severity=ERROR,
        title="pictures under several labels",
        done="nothing: each label counts",
        advice="Keep the copy whose label is right. --write lists all, to leave out.",
    )
)
NEAR_CONTRADICTION = KINDS.add(
    Kind(
        name="near-contradiction",
        severity=WARNING,
        title="near duplicates under several labels",
        done="nothing: each label counts",
        advice="Look at them with --html, and keep what is labelled right.",
    )
)
LEAK = KINDS.add(
    Kind(
        name="leak",
        severity=ERROR,
        title="pictures in several splits",
        done="nothing: the data's own splits stay",
        advice="Leave out those that --write lists, which train; those that test stay.",
    )
)
NEAR_LEAK = KINDS.add(
    Kind(
        name="near-leak",
        severity=ERROR,
        title="near duplicates in several splits",
        done="nothing: the data's own splits stay",
        advice="Leave out those that --write lists, which train; those that test stay.",
    )
)
GROUP_LEAK = KINDS.add(
    Kind(
        name="group-leak",
        severity=ERROR,
        title="groups in several splits",
        done="nothing: the data's own splits stay",
        advice="Move all images of a group into one split.",
    )
)
COPIES = KINDS.add(
    Kind(
        name="copies",
        severity=NOTE,
        title="spare copies of images",
        done="kept in one part",
        advice="Delete them, or leave out those that --write lists.",
    )
)
NEAR_COPIES = KINDS.add(
    Kind(
        name="near-copies",
        severity=NOTE,
        title="pictures in several versions",
        done="kept in one part",
        advice="Nothing, if they are few.",
    )
)


def contradictions(facts: InspectedData) -> Iterator[Finding]:
    """Finds one picture under several labels."""
    exact = [group for group in facts.copies if _differ(facts.labels, group)]
    near = [group for group in facts.near if _near_differ(facts, facts.labels, group)]
    yield from CONTRADICTION.found(
        (_with_labels(facts, group) for group in exact),
        # Nobody but a person can tell which of the labels is wrong.
        quarantine=(facts.id(index) for group in exact for index in group),
    )
    yield from NEAR_CONTRADICTION.found(_with_labels(facts, group) for group in near)


def leaks(facts: InspectedData) -> Iterator[Finding]:
    """Finds one picture in several parts, as the data's own splits may have it."""
    part = facts.parts.__getitem__
    exact = [group for group in _used(facts, facts.copies) if _differ(part, group)]
    near = [
        group for group in _used(facts, facts.near) if _near_differ(facts, part, group)
    ]
    for kind, groups in ((LEAK, exact), (NEAR_LEAK, near)):
        yield from kind.found(
            (_with_parts(facts, group) for group in groups),
            # What tests stays: figures can still be compared with those of others.
            quarantine=(
                facts.id(index) for group in groups for index in _earlier(facts, group)
            ),
        )


def group_leaks(facts: InspectedData) -> Iterator[Finding]:
    """Finds groups of `--group-by` that the data's own splits tear apart."""
    groups = grouped(
        (name, index)
        for index, name in enumerate(facts.groups)
        if name and facts.parts[index]
    )
    yield from GROUP_LEAK.found(
        _with_parts(facts, _one_a_part(facts, group), f"group {name}")
        for name, group in groups.items()
        if _differ(facts.parts.__getitem__, group)
    )


def spare_copies(facts: InspectedData) -> Iterator[Finding]:
    """Finds copies that do no harm but count twice: of one label, in one part."""
    alike = [
        same
        for group in facts.copies
        for same in grouped(
            ((facts.labels(index), facts.parts[index]), index) for index in group
        ).values()
        if len(same) > 1
    ]
    spare = [index for same in alike for index in same[1:]]
    # A table may list an image twice, and its id would leave out both.
    kept = {facts.id(same[0]) for same in alike}
    yield from COPIES.found(
        map(facts.together, alike),
        quarantine=(name for name in map(facts.id, spare) if name not in kept),
        count=len(spare),
    )
    yield from NEAR_COPIES.found(
        facts.together(group)
        for group in facts.near
        if _differ(lambda index: facts.rows[index].sha256, group)
        and not _differ(facts.labels, group)
        and not _differ(facts.parts.__getitem__, group)
    )


def _used(facts: InspectedData, groups: Iterable[Group]) -> Iterator[list[int]]:
    """Yields the groups without what has no part."""
    for group in groups:
        yield [index for index in group if facts.parts[index]]


def _differ(value: Callable[[int], str], group: Group) -> bool:
    return len(set(map(value, group))) > 1


def _near_differ(
    facts: InspectedData, value: Callable[[int], str], group: Group
) -> bool:
    """Tells whether near duplicates differ in more than exact copies do already.

    They don't where every content is there with every value.
    """
    values = set(map(value, group))
    contents = {facts.rows[index].sha256 for index in group}
    pairs = {(facts.rows[index].sha256, value(index)) for index in group}
    return len(values) > 1 and len(pairs) < len(values) * len(contents)


def _with_labels(facts: InspectedData, group: Group) -> Item:
    classes = tuple(dict.fromkeys(map(facts.labels, group)))
    return Item(tuple(map(facts.id, group)), classes)


def _with_parts(facts: InspectedData, group: Group, note: str = "") -> Item:
    group = sorted(group, key=lambda index: PARTS.index(facts.parts[index]))
    parts = dict.fromkeys(facts.parts[index] for index in group)
    return facts.together(group, ", ".join(filter(None, (note, *parts))))


def _one_a_part(facts: InspectedData, group: Group) -> Sequence[int]:
    return list({facts.parts[index]: index for index in reversed(group)}.values())


def _earlier(facts: InspectedData, group: Group) -> list[int]:
    """Returns all but those of the part that stands last: test, or validation."""
    places = [PARTS.index(facts.parts[index]) for index in group]
    return [
        index for index, place in zip(group, places, strict=True) if place < max(places)
    ]
