"""Checks of classes: too few, too small, uneven in size, or doubtfully named."""

import re
import unicodedata
from collections.abc import Iterator

from cnnxfer.data.check.inspected import InspectedData
from cnnxfer.data.check.report import Finding, Item, error_kind, note_kind, warning_kind
from cnnxfer.data.dataset import SPLITS
from cnnxfer.data.preparing.balance import MIN_SKEWED_RATIO, class_size_ratio
from cnnxfer.data.preparing.groups import grouped
from cnnxfer.data.preparing.index import enough_classes
from cnnxfer.reporting import counted

# The default split puts a tenth of a class into the test split: one image of ten.
MIN_IMAGES = 10
ESCAPED_BYTE = re.compile(r"\\x[89a-f][0-9a-f]")  # how `utf8_name` writes other bytes

NO_IMAGES = error_kind(
    "no-images",
    "images that can be used",
    done="training stops",
    advice="Add images of at least two classes, one folder or label a class.",
)
ONE_CLASS = error_kind(
    "one-class",
    "classes to train on, too few to tell apart",
    done="training stops",
    advice="Add images of at least two classes, one folder or label a class.",
)
EMPTY_CLASS = warning_kind(
    "empty-class",
    "classes without an image that can be read",
    done="left out",
    advice="Add images of them, or delete the class.",
)
UNTRAINED_CLASS = warning_kind(
    "untrained-class",
    "classes without an image to train on",
    done="left out",
    advice="Add images of them to the train split, or delete the class.",
)
MISSING_IN_SPLIT = warning_kind(
    "missing-in-split",
    "classes missing in a split",
    done="not measured there",
    advice="Add images of them.",
)
FEW_IMAGES = warning_kind(
    "few-images",
    f"classes of fewer than {MIN_IMAGES} images",
    done="used",
    advice="Add images: some dozens a class are a fair beginning.",
)
IMBALANCE = warning_kind(
    "imbalance",
    "classes of very different size",
    done="macro-F1 chooses the best epoch",
    advice="Train with {--class-weights auto} or {--sampling balanced}, or add images.",
)
SIMILAR_NAMES = warning_kind(
    "similar-names",
    "class names that hardly differ",
    done="nothing: each is a class",
    advice="Give them one name, if they mean the same.",
)
ODD_NAME = note_kind(
    "odd-name",
    "class names with invisible characters",
    done="kept as they are",
    advice="Rename them.",
)
UNLABELLED = note_kind(
    "unlabelled",
    "images without a label",
    done="used: they show none of the classes",
    advice="Label them, if that is not so.",
)


def too_few_classes(data: InspectedData) -> Iterator[Finding]:
    """Finds that there are no usable images, or too few classes to train on."""
    if not data.sound:
        yield from NO_IMAGES.findings([Item(note="none")], count=0)
    elif not enough_classes(data.rows):
        names = tuple(data.class_names[label] for label in data.trained)
        yield from ONE_CLASS.findings([Item(classes=names)], count=len(names))


def missing_classes(data: InspectedData) -> Iterator[Finding]:
    """Finds classes without any image, or without one in some split."""
    empty, untrained, unmeasured = [], [], []
    used = [split for split in SPLITS if split in data.splits]
    for label, name in enumerate(data.class_names):
        found, sizes = data.by_class[label], data.split_sizes[label]
        missing = [split for split in used if not sizes[split]]
        if not found:
            empty.append(Item(classes=(name,)))
        elif label not in data.trained:
            only_in = sorted({str(data.rows[index].example.split) for index in found})
            untrained.append(_class_item(name, f"only in {', '.join(only_in)}"))
        elif missing:
            unmeasured.append(_class_item(name, f"none in {', '.join(missing)}"))
    yield from EMPTY_CLASS.findings(empty)
    yield from UNTRAINED_CLASS.findings(untrained)
    yield from MISSING_IN_SPLIT.findings(unmeasured)


def small_classes(data: InspectedData) -> Iterator[Finding]:
    """Finds classes with too few images to learn from or to measure accuracy with."""
    yield from FEW_IMAGES.findings(
        _class_item(data.class_names[label], counted(size, "image"))
        for label, size in _trained_sizes(data).items()
        if size < MIN_IMAGES
    )


def imbalance(data: InspectedData) -> Iterator[Finding]:
    """Finds that the largest class has many times the images of the smallest.

    What has boxes or masks is not learned by classes of images.
    """
    if not data.classified:
        return
    sizes = _trained_sizes(data)
    if class_size_ratio(list(sizes.values())) >= MIN_SKEWED_RATIO:
        most = max(sizes, key=sizes.__getitem__)
        least = min(sizes, key=sizes.__getitem__)
        names = data.class_names[most], data.class_names[least]
        note = f"{sizes[most]:,} and {counted(sizes[least], 'image')}"
        yield from IMBALANCE.findings([Item(classes=names, note=note)], count=2)


def similar_names(data: InspectedData) -> Iterator[Finding]:
    """Finds classes whose names may be two spellings of one."""
    names = enumerate(data.class_names)
    groups = grouped((_normalized(name), label) for label, name in names)
    yield from SIMILAR_NAMES.findings(
        Item(classes=tuple(_visible(data.class_names[label]) for label in group))
        for group in groups.values()
        if len(group) > 1
    )


def odd_names(data: InspectedData) -> Iterator[Finding]:
    """Finds class names with invisible, unusual or undecodable characters."""
    yield from ODD_NAME.findings(
        Item(classes=(_visible(name),)) for name in data.class_names if _is_odd(name)
    )


def unlabelled(data: InspectedData) -> Iterator[Finding]:
    """Finds images of a multi-label data set that have no label."""
    yield from UNLABELLED.findings(
        data.item(index) for index in data.sound if not data.rows[index].example.labels
    )


def _trained_sizes(data: InspectedData) -> dict[int, int]:
    return {label: data.class_sizes[label] for label in sorted(data.trained)}


def _normalized(name: str) -> str:
    """Returns a name without case, separators and invisible characters.

    A separator between digits stays: 1-1 is not the number 11.
    """
    name = unicodedata.normalize("NFKC", name).casefold()
    name = "".join(char for char in name if unicodedata.category(char) != "Cf")
    name = re.sub(r"[\s_-]+", " ", name).strip()
    return re.sub(r"(?<!\d) | (?!\d)", "", name)


def _is_odd(name: str) -> bool:
    return (
        name != " ".join(name.split())
        or not name.isprintable()
        or ESCAPED_BYTE.search(name) is not None
        or name != unicodedata.normalize("NFC", name)
    )


def _visible(name: str) -> str:
    """Returns a name in which every character can be seen."""
    return ascii(name) if _is_odd(name) else name


def _class_item(name: str, note: str) -> Item:
    return Item(classes=(name,), note=note)
