"""Copies the images of the data sets that TensorFlow Datasets prepares."""

import contextlib
import io
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download import downloader

from cnnxfer.data.dataset import CLASSIFICATION, DETECTION, MULTI_LABEL, SEGMENTATION
from cnnxfer.data.images.decode import open_image, orientation, upright_size
from cnnxfer.data.sources.packed import Copy, Pack, copy_dir, ensure_copy
from cnnxfer.data.sources.split_folders import SPLIT_BY_WORD
from cnnxfer.data.sources.tfds_features import own_features_only
from cnnxfer.data.sources.tfds_keys import (
    Keys,
    choose_keys,
    class_label,
    parts_of,
)
from cnnxfer.data.sources.tfds_record import KIND, Record, state_of
from cnnxfer.data.sources.tfds_specs import (
    RequestedSet,
    manual_dir,
    tfds_dir,
    tfds_names,
)
from cnnxfer.data.sources.tfds_traces import nothing_left_on_failure
from cnnxfer.errors import ConfigError, DataError
from cnnxfer.registry import did_you_mean
from cnnxfer.reporting import Reporter, counted

RETRIES = 6  # they take 13 seconds in all; the ten retries that TFDS makes, minutes
PASSING = (tf.errors.PermissionDeniedError, tf.errors.ResourceExhaustedError)
MAX_CLASSES = 1_000_000  # ImageNet-21k has 21,843


@dataclass(frozen=True)
class _Slice:
    """Consecutive records of a TFDS split, and the split that they have in cnnxfer."""

    tfds_split: str
    begin: int
    end: int
    split: str | None


def copy_set(
    requested: RequestedSet, kind: str, reporter: Reporter
) -> tuple[Record, Copy]:
    """Returns the copy of a data set, with the record that finds it again.

    The data set is downloaded, prepared and copied first if that has not been done.

    Args:
        requested: the data set.
        kind: what is read of its images; see `choose_keys`.
        reporter: shows the progress.

    Raises:
        DataError: if the data set is unknown, cannot be prepared, or has no images
            with labels, boxes or masks.
        ConfigError: if it has no such split.
    """
    builder = _prepared_builder(requested, reporter)
    keys = choose_keys(builder, requested.name, kind)
    slices = _slices(builder, requested)
    data_dir = Path(builder.data_dir).absolute()
    state = state_of(data_dir)
    full_name = builder.info.full_name
    # Two preparations of one version may differ, so the key needs more than the name.
    key = [full_name, state["files"], requested.split]
    if keys.kind in (DETECTION, SEGMENTATION):
        key.append(keys.kind)
    directory = copy_dir(KIND, full_name, key)

    def fill(pack: Pack) -> dict[str, Any]:
        total = sum(piece.end - piece.begin for piece in slices)
        add = _ADDERS[keys.kind](builder, keys, pack)
        with reporter.progress(f"reading {builder.name}", total, "images") as advance:
            for piece in slices:
                for record in _records(builder, piece, keys):
                    add(record, piece.split)
                    advance()
        return {
            "name": builder.name,
            # TFDS shuffles the records while it prepares them, with few exceptions.
            "shuffled": not builder.info.disable_shuffling,
            "kind": keys.kind,
            "label": keys.annotation,
            "other_labels": keys.other_labels,
            "other_kinds": keys.other_kinds,
            **add.about,
        }

    copy = ensure_copy(
        directory, fill, reporter, size_bytes=_size_bytes(builder, slices)
    )
    return Record(str(data_dir), state, directory.name), copy


class _Labelled:
    """Adds images with their labels to a copy."""

    def __init__(self, builder: Any, keys: Keys, pack: Pack) -> None:
        label = builder.info.features[keys.annotation]
        self._builder, self._keys, self._pack = builder, keys, pack
        self._class_names = _class_names(builder, class_label(label))
        self.about = {
            "class_names": self._class_names,
            "multi_label": label is not class_label(label),
        }

    def __call__(self, record: dict[str, Any], split: str | None) -> None:
        labels = np.atleast_1d(record[self._keys.annotation]).tolist()
        id = record["tfds_id"].decode()
        _check_labels(labels, len(self._class_names), id, self._builder)
        if min(labels, default=0) >= 0:  # -1 marks a withheld label
            self._pack.add(id, record[self._keys.image], labels, split)


class _Boxed:
    """Adds images to a copy, and notes their objects in pixels."""

    def __init__(self, builder: Any, keys: Keys, pack: Pack) -> None:
        feature = builder.info.features[keys.annotation]
        self._builder, self._keys, self._pack = builder, keys, pack
        self._class_names = _class_names(builder, parts_of(feature)[keys.label])
        # Of each image, its width and height, and of each object its label, left, top,
        # right and bottom edge, and 1 for a crowd.
        self._objects: list[list[Any]] = []
        self.about = {"class_names": self._class_names, "objects": self._objects}

    def __call__(self, record: dict[str, Any], split: str | None) -> None:
        keys, items = self._keys, record[self._keys.annotation]
        id, labels = record["tfds_id"].decode(), items[keys.label].tolist()
        _check_labels(labels, len(self._class_names), id, self._builder)
        crowds = items[keys.crowd].tolist() if keys.crowd else [False] * len(labels)
        content = record[keys.image]
        width, height = _size(content)
        boxes = items[keys.box].astype(np.float64) * [height, width, height, width]
        self._pack.add(id, content, (), split)
        self._objects.append(
            [
                [width, height],
                *(
                    [label, left, top, right, bottom, int(crowd)]
                    for label, (top, left, bottom, right), crowd in zip(
                        labels, boxes.round(3).tolist(), crowds, strict=True
                    )
                    if label >= 0  # -1 marks a withheld label
                ),
            ]
        )


class _Masked:
    """Adds images to a copy, and after each its mask."""

    def __init__(self, builder: Any, keys: Keys, pack: Pack) -> None:
        self._keys, self._pack = keys, pack
        self.about: dict[str, Any] = {}

    def __call__(self, record: dict[str, Any], split: str | None) -> None:
        id = record["tfds_id"].decode()
        self._pack.add(id, record[self._keys.image], (), split)
        self._pack.add(f"{id} mask", record[self._keys.annotation], (), split)


_ADDERS: dict[str, Any] = {
    CLASSIFICATION: _Labelled,
    MULTI_LABEL: _Labelled,
    DETECTION: _Boxed,
    SEGMENTATION: _Masked,
}


def _check_labels(labels: list[int], classes: int, id: str, builder: Any) -> None:
    if max(labels, default=0) >= classes:
        raise DataError(
            f"{builder.data_dir} is damaged: the image {id} has the label "
            f"{max(labels)}, and there are {classes} classes. Prepare it anew."
        )


def _size(content: bytes) -> tuple[int, int]:
    """Returns the width and height of an upright image; (0, 0) if it is broken."""
    try:
        image = open_image(content)
        return upright_size(image.size, orientation(image))
    except DataError:  # which the index will tell
        return 0, 0


def _prepared_builder(requested: RequestedSet, reporter: Reporter) -> Any:
    with (
        # TFDS prints its progress to stdout, where only results belong.
        contextlib.redirect_stdout(io.StringIO()),
        own_features_only(requested.name),
    ):
        if requested.folder is not None:
            return _open(requested.folder)
        name = requested.set_name
        builder = _find(name)
        if not builder.is_prepared():
            _prepare(builder, name, reporter)
    return builder


def _open(folder: Path) -> Any:
    try:
        return tfds.builder_from_directory(folder)
    except DataError:  # of a class that is not admitted
        raise
    except Exception as error:  # TFDS raises errors of many types here
        raise DataError(
            f"{folder} cannot be read as a set that TensorFlow Datasets prepared: "
            f"{_reason(error)}. Prepare it anew."
        ) from error


def _find(name: str) -> Any:
    try:
        return tfds.builder(name, data_dir=str(tfds_dir()))
    except DataError:  # of a class that is not admitted
        raise
    except Exception as error:  # TFDS raises errors of many types here
        raise DataError(
            f"TensorFlow Datasets has no {name!r}: {_reason(error)}."
            f"{did_you_mean(name, tfds_names())} "
            "Its catalog: https://www.tensorflow.org/datasets/catalog"
        ) from error


def _prepare(builder: Any, name: str, reporter: Reporter) -> None:
    tfds.disable_progress_bar()
    downloader.MAX_RETRIES = RETRIES
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # it logs each retry
    config = tfds.download.DownloadConfig(manual_dir=manual_dir())
    try:
        with (
            reporter.progress(f"downloading {name} to {builder.data_dir}"),
            nothing_left_on_failure(
                Path(builder.data_dir), Path(builder.data_dir_root)
            ),
        ):
            builder.download_and_prepare(download_config=config)
    except Exception as error:  # network, disk, checksums: each of another type
        if instructions := builder.MANUAL_DOWNLOAD_INSTRUCTIONS:
            raise _manual_download_error(name, instructions, error) from error
        raise DataError(
            f"{name} is not prepared under {builder.data_dir} and could not be "
            f"downloaded: {_reason(error)}. Set TFDS_DATA_DIR to a directory that has "
            "it, or train on a folder of your own, or on the data set 'sample'."
        ) from error


def _manual_download_error(name: str, instructions: str, error: Exception) -> DataError:
    directory = manual_dir()
    has_files = directory.is_dir() and any(directory.iterdir())
    found = _reason(error) if has_files else f"{directory} holds nothing"
    return DataError(
        f"{name} has files that must be downloaded by hand, and {found}. Put them "
        f"into {directory}, or set TFDS_MANUAL_DIR to the directory that has them. "
        f"TensorFlow Datasets says: {' '.join(instructions.split())}"
    )


def _reason(error: Exception) -> str:
    """Returns the first line of an error; the address if a connection failed.

    An error that says nothing, as of an assertion, is called by its kind.
    """
    request = getattr(error, "request", None)
    if request is not None:
        return f"{request.url} cannot be reached"
    line = str(error).strip().partition("\n")[0]
    text = line.rpartition('}": ')[2].rstrip(".:")  # after the builder's arguments
    return text or type(error).__name__


def _class_names(builder: Any, label: Any) -> list[str]:
    # TFDS makes up the names of classes without any, however many a file declares.
    if (label.num_classes or 0) > MAX_CLASSES:
        raise DataError(
            f"{builder.data_dir} declares {label.num_classes:,} classes; the limit is "
            f"{MAX_CLASSES:,}."
        )
    return list(label.names)


def _slices(builder: Any, requested: RequestedSet) -> list[_Slice]:
    """Returns the records to read: the requested ones, or all of train, test and so on.

    Records of a single TFDS split have no split here, so that they can be divided.
    """
    splits = builder.info.splits
    instruction = requested.split
    if not instruction:
        named = [name for name in splits if name.lower() in SPLIT_BY_WORD]
        instruction = "+".join(named or splits)
    try:
        pieces = tfds.core.ReadInstruction.from_spec(instruction).to_absolute(splits)
    except Exception as error:  # an assertion, a ValueError, ...
        has = ", ".join(
            f"{name} ({counted(info.num_examples, 'image')})"
            for name, info in splits.items()
        )
        raise ConfigError(
            f"{requested.split!r} is not a split of {requested.name}: "
            f"{_reason(error)}. It has {has}; expected a split such as "
            f"{next(iter(splits))}[:10%]."
        ) from error
    several = len({piece.splitname for piece in pieces}) > 1
    return [
        _Slice(
            piece.splitname,
            piece.from_ or 0,
            splits[piece.splitname].num_examples if piece.to is None else piece.to,
            SPLIT_BY_WORD.get(piece.splitname.lower()) if several else None,
        )
        for piece in pieces
    ]


def _size_bytes(builder: Any, slices: list[_Slice]) -> int:
    """Returns how much the prepared records take: a bit more than the copy will."""
    splits = builder.info.splits
    record_bytes = {
        name: info.num_bytes / max(1, info.num_examples)
        for name, info in splits.items()
    }
    return int(
        sum(
            record_bytes[piece.tfds_split] * (piece.end - piece.begin)
            for piece in slices
        )
    )


def _records(builder: Any, piece: _Slice, keys: Keys) -> Iterator[dict[str, Any]]:
    instruction = tfds.core.ReadInstruction(
        piece.tfds_split, from_=piece.begin, to=piece.end
    )
    parts = {keys.box, keys.label, keys.crowd} - {""}
    encoded = [keys.image, *([keys.annotation] if keys.kind == SEGMENTATION else [])]
    dataset = builder.as_dataset(
        split=instruction,
        decoders=tfds.decode.PartialDecoding(
            {keys.image: True, keys.annotation: parts or True},
            decoders={key: tfds.decode.SkipDecoding() for key in encoded},
        ),
        # One file after the other: the order in which TFDS counts the records.
        read_config=tfds.ReadConfig(add_tfds_id=True, interleave_cycle_length=1),
    )
    try:
        yield from dataset.as_numpy_iterator()
    except tf.errors.OpError as error:
        # Around it stand the names of TensorFlow's operations.
        reason = re.sub(r"\{\{.*?\}\} *| *\[Op:.*", "", _reason(error))
        if isinstance(error, PASSING):
            problem, next_step = "cannot be read", "Remove the reason, and try again"
        else:
            problem, next_step = "is damaged", "Delete it to have it prepared anew"
        raise DataError(
            f"{builder.data_dir} {problem}: {reason}. {next_step}."
        ) from error
