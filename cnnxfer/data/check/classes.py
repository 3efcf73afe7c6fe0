"""Checks of classes: too few, too small, too uneven, or one under two names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from cnnxfer.data.check.inspected import InspectedData, grouped
from cnnxfer.data.check.report import ERROR, KINDS, NOTE, WARNING, Finding, Item, Kind
from cnnxfer.data.dataset import PARTS
from cnnxfer.data.preparing.balance import SKEWED, skew
from cnnxfer.data.preparing.index import enough_classes
from cnnxfer.reporting import counted

FEW = 10  # by default a tenth of a class tests, which is one image then
BYTES = re.compile(r"\\x[89a-f][0-9a-f]")  # as `written` writes what is no UTF-8

NO_IMAGES = KINDS.add(
    Kind(
        name="no-images",
        severity=ERROR,
        title="images that can be used",
        done="training stops",
        advice="Add images of at least two classes, one folder or label a class.",
    )
)
ONE_CLASS = KINDS.add(
    Kind(
        name="one-class",
        severity=ERROR,
        title="classes to train on, too few to tell apart",
        done="training stops",
        advice="Add images of at least two classes, one folder or label a class.",
    )
)
EMPTY_CLASS = KINDS.add(
    Kind(
        name="empty-class",
        severity=WARNING,
        title="classes without an image that can be read",
        done="left out",
        advice="Add images of them, or delete the class.",
    )
)
UNTRAINED_CLASS = KINDS.add(
    Kind(
        name="untrained-class",
        severity=WARNING,
        title="classes without an image to train on",
        done="left out",
        advice="Add images of them to the train split, or delete the class.",
    )
)
MISSING_IN_SPLIT = KINDS.add(
    Kind(
        name="missing-in-split",
        severity=WARNING,
        title="classes missing in a split",
        done="not measured there",
        advice="Add images of them.",
    )
)
FEW_IMAGES = KINDS.add(
    Kind(
        name="few-images",
        severity=WARNING,
        title=f"classes of fewer than {FEW} images",
        done="used",
        advice="Add images: some dozens a class are a fair beginning.",
    )
)
IMBALANCE = KINDS.add(
    Kind(
        name="imbalance",
        severity=WARNING,
        title="classes far apart in size",
        done="macro-F1 chooses the best epoch",
        advice="Train with --class-weights auto or --sampling balanced, or add images.",
    )
)
SIMILAR_NAMES = KINDS.add(
    Kind(
        name="similar-names",
        severity=WARNING,
        title="class names that hardly differ",
        done="nothing: each is a class",
        advice="Give them one name, if they mean the same.",
    )
)
ODD_NAME = KINDS.add(
    Kind(
        name="odd-name",
        severity=NOTE,
        title="class names with signs that do not show",
        done="kept as they are",
        advice="Rename them.",
    )
)
UNLABELLED = KINDS.add(
    Kind(
        name="unlabelled",
        severity=NOTE,
        title="images without a label",
        done="used: they show none of the classes",
        advice="Label them, if that is not so.",
    )
)


def too_few_classes(facts: InspectedData) -> Iterator[Finding]:
    """Finds that there is nothing to tell apart."""
    if not facts.sound:
        yield from NO_IMAGES.found([Item(note="none")], count=0)
    elif not enough_classes(facts.rows):
        names = tuple(facts.class_names[label] for label in facts.trained)
        yield from ONE_CLASS.found([Item(classes=names)], count=len(names))


def missing_classes(facts: InspectedData) -> Iterator[Finding]:
    """Finds classes without images: at all, to train on, or to measure with."""
    empty, untrained, unmeasured = [], [], []
    parts = [part for part in PARTS if part in facts.parts]
    for label, name in enumerate(facts.class_names):
        found, sizes = facts.by_class[label], facts.part_sizes[label]
        missing = [part for part in parts if not sizes[part]]
        if not found:
            empty.append(Item(classes=(name,)))
        elif label not in facts.trained:
            splits = sorted({str(facts.rows[index].example.split) for index in found})
            untrained.append(_class(name, f"only in {', '.join(splits)}"))
        elif missing:
            unmeasured.append(_class(name, f"none in {', '.join(missing)}"))
    yield from EMPTY_CLASS.found(empty)
    yield from UNTRAINED_CLASS.found(untrained)
    yield from MISSING_IN_SPLIT.found(unmeasured)


def small_classes(facts: InspectedData) -> Iterator[Finding]:
    """Finds classes with so few images that neither training nor test tells much."""
    yield from FEW_IMAGES.found(
        _class(facts.class_names[label], counted(size, "image"))
        for label, size in _trained_sizes(facts).items()
        if size < FEW
    )


def imbalance(facts: InspectedData) -> Iterator[Finding]:
    """Finds that some class has many times the images of another."""
    sizes = _trained_sizes(facts)
    if skew(list(sizes.values())) >= SKEWED:
        most, least = (
            max(sizes, key=sizes.__getitem__),
            min(sizes, key=sizes.__getitem__),
        )
        names = facts.class_names[most], facts.class_names[least]
        note = f"{sizes[most]:,} and {counted(sizes[least], 'image')}"
        yield from IMBALANCE.found([Item(classes=names, note=note)], count=2)


def similar_names(facts: InspectedData) -> Iterator[Finding]:
    """Finds classes that a slip of the keyboard has made two of."""
    names = enumerate(facts.class_names)
    groups = grouped((_plain(name), label) for label, name in names)
    yield from SIMILAR_NAMES.found(
        Item(classes=tuple(_shown(facts.class_names[label]) for label in group))
        for group in groups.values()
        if len(group) > 1
    )


def odd_names(facts: InspectedData) -> Iterator[Finding]:
    """Finds names that nobody would type as they are."""
    yield from ODD_NAME.found(
        Item(classes=(_shown(name),)) for name in facts.class_names if _is_odd(name)
    )


def unlabelled(facts: InspectedData) -> Iterator[Finding]:
    """Finds images of a multi-label set that no label was given to."""
    yield from UNLABELLED.found(
        facts.item(index)
        for index in facts.sound
        if not facts.rows[index].example.labels
    )


def _trained_sizes(facts: InspectedData) -> dict[int, int]:
    return {label: facts.class_sizes[label] for label in sorted(facts.trained)}


def _plain(name: str) -> str:
    """Returns what is left of a name without what a slip may change.

    A separator between digits stays: 1-1 is another number than 11.
    """
    name = unicodedata.normalize("NFKC", name).casefold()
    name = "".join(sign for sign in name if unicodedata.category(sign) != "Cf")
    name = re.sub(r"[\s_-]+", " ", name).strip()
    return re.sub(r"(?<!\d) | (?!\d)", "", name)


def _is_odd(name: str) -> bool:
    return (
        name != " ".join(name.split())
        or not name.isprintable()
        or BYTES.search(name) is not None
        or name != unicodedata.normalize("NFC", name)
    )


def _shown(name: str) -> str:
    """Returns a name in which everything shows."""
    return ascii(name) if _is_odd(name) else name


def _class(name: str, note: str) -> Item:
    return Item(classes=(name,), note=note)
