"""Copies of data sets that Hugging Face's `datasets` saved, in a form to train on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import datasets

from cnnxfer.data.dataset import read_bytes
from cnnxfer.data.sources.packed import Pack
from cnnxfer.data.sources.split_words import SPLITS
from cnnxfer.errors import DataError
from cnnxfer.reporting import Reporter, counted

# Columns of names or numbers that are taken for labels; others may be anything.
LABEL_COLUMNS = ("label", "labels", "class", "classes", "category", "categories")
NAMES = ("string", "large_string", "bool", "int8", "int16", "int32", "int64")
BATCH_IMAGES = 64


@dataclass(frozen=True)
class _Columns:
    """Which columns hold the image and its labels; several of them if it is a list."""

    image: str
    label: str
    multi_label: bool


@dataclass
class _Classes:
    """Label by class name, in the order of appearance."""

    labels: dict[str, int] = field(default_factory=dict)

    def label(self, name: str) -> int:
        return self.labels.setdefault(name, len(self.labels))


def copy_set(root: Path, pack: Pack, reporter: Reporter) -> dict[str, Any]:
    """Copies the images of a saved data set, and returns what else it tells.

    Args:
        root: the folder that `save_to_disk` wrote.
        pack: takes the images.
        reporter: told of the progress, and of images without a label.

    Raises:
        DataError: if it is damaged, or has no images with labels.
    """
    splits = _open(root)
    columns = _columns(root, next(iter(splits.values())).features)
    classes = _Classes()
    total = sum(map(len, splits.values()))
    unlabelled = 0
    with reporter.progress(f"reading {root.name}", total, "images") as advance:
        for split, records in splits.items():
            part = SPLITS.get(split.lower()) if len(splits) > 1 else None
            names = _names(root, records, columns, classes)
            for number, (image, found) in enumerate(_records(root, records, columns)):
                advance()
                labels = _labels(found, names, classes)
                if labels is None:
                    unlabelled += 1
                    continue
                _add(pack, root, _id(split, number, image), image, labels, part)
    if unlabelled:
        reporter.info(
            f"left out {counted(unlabelled, 'image')} of {root} without a label."
        )
    return {"class_names": list(classes.labels), "multi_label": columns.multi_label}


def _open(root: Path) -> dict[str, Any]:
    """Returns the splits to read, by name: those that are parts, or all of them."""
    datasets.disable_progress_bars()
    try:
        found = datasets.load_from_disk(str(root))
    except Exception as error:  # whatever is wrong with its files
        raise _damaged(root, error) from error
    if not isinstance(found, datasets.DatasetDict):
        return {"": found}
    named = {name: split for name, split in found.items() if name.lower() in SPLITS}
    if not found:
        raise DataError(f"{root} has no split; save it again.")
    return named or dict(found)


def _columns(root: Path, features: Any) -> _Columns:
    images = [name for name in features if isinstance(features[name], datasets.Image)]
    labels = {
        name: rank
        for name, feature in features.items()
        if (rank := _rank(name, feature)) is not None
    }
    if not images or not labels:
        raise DataError(
            f"{root} has the columns {', '.join(features)}; expected one of images "
            "(datasets.Image) and one of labels: a ClassLabel, a sequence of them, or "
            "names in a column called label."
        )
    label = min(labels, key=labels.__getitem__)
    return _Columns(images[0], label, _item(features[label]) is not features[label])


def _rank(name: str, feature: Any) -> tuple[bool, bool, bool] | None:
    """Returns how well a column serves as the label, the lower the better."""
    item = _item(feature)
    usual = name.lower() in LABEL_COLUMNS
    named = isinstance(item, datasets.ClassLabel)
    plain = isinstance(item, datasets.Value) and item.dtype in NAMES
    if not named and not (plain and usual):
        return None
    return not named, item is not feature, not usual


def _item(feature: Any) -> Any:
    """Returns what a column holds, or what its lists do."""
    lists = (datasets.List, datasets.LargeList, datasets.Sequence)
    return feature.feature if isinstance(feature, lists) else feature


def _names(
    root: Path, records: Any, columns: _Columns, classes: _Classes
) -> list[str] | None:
    """Returns the names that a split's numbers stand for; None if it has no numbers."""
    if not {columns.image, columns.label} <= set(records.features):
        raise DataError(
            f"{root} has a split with the columns {', '.join(records.features)}; "
            f"expected {columns.image} and {columns.label}, as in the others."
        )
    item = _item(records.features[columns.label])
    if not isinstance(item, datasets.ClassLabel):
        return None
    for name in item.names:  # also those of which there is no image
        classes.label(name)
    return list(item.names)


def _records(
    root: Path, records: Any, columns: _Columns
) -> Iterator[tuple[dict[str, Any] | None, Any]]:
    encoded = (
        records.with_format(None)
        .select_columns([columns.image, columns.label])
        .cast_column(columns.image, datasets.Image(decode=False))
    )
    try:
        for batch in encoded.iter(batch_size=BATCH_IMAGES):
            yield from zip(batch[columns.image], batch[columns.label], strict=True)
    except Exception as error:  # Arrow's own kinds
        raise _damaged(root, error) from error


def _labels(found: Any, names: list[str] | None, classes: _Classes) -> list[int] | None:
    """Returns an image's labels; None if they are not known."""
    values = found if isinstance(found, list) else [found]
    if any(value is None or (names and value < 0) for value in values):
        return None
    words = [names[value] if names else str(value) for value in values]
    return [classes.label(word) for word in dict.fromkeys(words)]


def _add(
    pack: Pack,
    root: Path,
    id: str,
    image: dict[str, Any] | None,
    labels: list[int],
    part: str | None,
) -> None:
    try:
        pack.add(id, _content(root, image or {}), labels, part)
    except DataError as error:
        pack.refuse(id, str(error), labels, part)


def _content(root: Path, image: dict[str, Any]) -> bytes:
    content, path = image.get("bytes"), image.get("path")
    if content is not None:
        return bytes(content)
    if not path:
        raise DataError("no image")
    if "://" in path:
        raise DataError(f"it lies at {path}, and nothing is downloaded from there")
    # An old release kept the paths of images that lay in files of their own.
    return read_bytes(root / path)


def _id(split: str, number: int, image: dict[str, Any] | None) -> str:
    path = (image or {}).get("path") or ""
    file = PurePosixPath(path.replace("\\", "/")).name
    return "-".join(word for word in (split, str(number), file) if word)


def _damaged(root: Path, error: Exception) -> DataError:
    reason = " ".join(str(error).split()).rstrip(".")
    return DataError(
        f"{root} cannot be read as a saved data set: {reason}. Save it again, "
        "with dataset.save_to_disk."
    )
