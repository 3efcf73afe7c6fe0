"""Copies the images of data sets that Hugging Face's `datasets` saved."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import datasets

from cnnxfer.data.dataset import read_bytes
from cnnxfer.data.sources.arrow_files import arrow_files, refuse_compressed
from cnnxfer.data.sources.packed import Pack, require_lasting
from cnnxfer.data.sources.split_folders import SPLIT_BY_WORD
from cnnxfer.errors import DataError, passing_reason
from cnnxfer.reporting import Reporter, counted, listed

# A column without a ClassLabel holds labels if it has one of these names and types; the
# first name is preferred.
LABEL_COLUMNS = ("label", "labels", "class", "classes", "category", "categories")
LABEL_TYPES = ("string", "large_string", "bool", "int8", "int16", "int32", "int64")
BATCH_IMAGES = 64


@dataclass(frozen=True)
class _Columns:
    """The columns of the image and its label; with lists of labels, multi-label."""

    image: str
    label: str
    multi_label: bool
    other_labels: tuple[str, ...]


def copy_set(root: Path, pack: Pack, reporter: Reporter) -> dict[str, Any]:
    """Copies the images of the data set that `save_to_disk` wrote into `root`.

    Returns:
        `class_names`, in label order, `multi_label`, a boolean, and what
        `tell_of_labels` needs.

    Raises:
        DataError: if the data set is damaged, or has no images with labels.
    """
    splits = _open(root)
    columns = _columns(root, next(iter(splits.values())).features)
    classes: dict[str, int] = {}  # labels by name, in the order of appearance
    total = sum(map(len, splits.values()))
    unlabelled = 0
    with reporter.progress(f"reading {root.name}", total, "images") as advance:
        for name, records in splits.items():
            split = SPLIT_BY_WORD.get(name.lower()) if len(splits) > 1 else None
            names = _names(root, records, columns, classes)
            for number, (image, found) in enumerate(_records(root, records, columns)):
                advance()
                labels = _labels(found, names, classes)
                if labels is None:
                    unlabelled += 1
                    continue
                _add(pack, root, _id(name, number, image), image, labels, split)
    if unlabelled:
        reporter.info(
            f"left out {counted(unlabelled, 'image')} of {root} without a label."
        )
    return {
        "name": root.name,
        "class_names": list(classes),
        "multi_label": columns.multi_label,
        "label": columns.label,
        "other_labels": columns.other_labels,
    }


def _open(root: Path) -> dict[str, Any]:
    """Returns the splits to read, by name: train, test and so on, or else all."""
    datasets.disable_progress_bars()
    try:
        for path in arrow_files(root):
            refuse_compressed(path)
        found = datasets.load_from_disk(str(root))
    except DataError:
        raise
    except Exception as error:  # damage raises errors of many types
        raise _damaged(root, error) from error
    if not isinstance(found, datasets.DatasetDict):
        return {"": found}
    named = {
        name: split for name, split in found.items() if name.lower() in SPLIT_BY_WORD
    }
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
    label, *others = sorted(labels, key=labels.__getitem__)
    if equal := [name for name in others if labels[name] == labels[label]]:
        raise DataError(
            f"{root} has the labels {listed([label, *equal])}, and does not say "
            "which are the ones to learn. Take the others away with "
            "dataset.remove_columns, and save the rest to another folder."
        )
    several = _item(features[label]) is not features[label]
    return _Columns(images[0], label, several, tuple(others))


def _rank(name: str, feature: Any) -> tuple[bool, bool, int] | None:
    """Returns how well a column serves as the label, the lower the better."""
    item = _item(feature)
    words = (*LABEL_COLUMNS, name.lower())
    place = words.index(name.lower())
    class_label = isinstance(item, datasets.ClassLabel)
    plain = isinstance(item, datasets.Value) and item.dtype in LABEL_TYPES
    if not class_label and not (plain and place < len(LABEL_COLUMNS)):
        return None
    return not class_label, item is not feature, place


def _item(feature: Any) -> Any:
    """Returns the feature of a column, or of the items of its lists."""
    lists = (datasets.List, datasets.LargeList, datasets.Sequence)
    return feature.feature if isinstance(feature, lists) else feature


def _names(
    root: Path, records: Any, columns: _Columns, classes: dict[str, int]
) -> list[str] | None:
    """Returns the class names of a split's numeric labels; None if they are names."""
    if not {columns.image, columns.label} <= set(records.features):
        raise DataError(
            f"{root} has a split with the columns {', '.join(records.features)}; "
            f"expected {columns.image} and {columns.label}, as in the others."
        )
    item = _item(records.features[columns.label])
    if not isinstance(item, datasets.ClassLabel):
        return None
    for name in item.names:  # a class counts even without an image
        classes.setdefault(name, len(classes))
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
    except Exception as error:  # Arrow raises errors of its own types
        raise _damaged(root, error) from error


def _labels(
    found: Any, names: list[str] | None, classes: dict[str, int]
) -> list[int] | None:
    """Returns an image's labels; None if one of them is unknown."""
    values = found if isinstance(found, list) else [found]
    if any(value is None or (names and value < 0) for value in values):
        return None
    words = [names[value] if names else str(value) for value in values]
    return [classes.setdefault(word, len(classes)) for word in dict.fromkeys(words)]


def _add(
    pack: Pack,
    root: Path,
    id: str,
    image: dict[str, Any] | None,
    labels: list[int],
    split: str | None,
) -> None:
    try:
        pack.add(id, _content(root, image or {}), labels, split)
    except DataError as error:
        require_lasting(error, f"the image {id} of {root}")
        pack.add_unreadable(id, str(error), labels, split)


def _content(root: Path, image: dict[str, Any]) -> bytes:
    content, path = image.get("bytes"), image.get("path")
    if content is not None:
        return bytes(content)
    if not path:
        raise DataError("no image")
    if "://" in path:
        raise DataError(f"it lies at {path}, and nothing is downloaded from there")
    # Old releases of the library stored the path of an image file, not its content.
    return read_bytes(root / path)


def _id(split: str, number: int, image: dict[str, Any] | None) -> str:
    path = (image or {}).get("path") or ""
    file = PurePosixPath(path.replace("\\", "/")).name
    return "-".join(word for word in (split, str(number), file) if word)


def _damaged(root: Path, error: Exception) -> DataError:
    next_step = "Save it again, with dataset.save_to_disk"
    if reason := passing_reason(error):
        next_step = "Remove the reason, and try again"
    reason = reason or " ".join(str(error).split()).rstrip(".")
    return DataError(
        f"{root} cannot be read as a saved data set: {reason}. {next_step}."
    )
