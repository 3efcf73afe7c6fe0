"""Copies of the sets that TensorFlow Datasets prepares, in a form to train on.

Its files can only be read in order, and training wants any image at any time. So the
encoded images are copied once, as they are, into one file in the cache, with an
index of where each begins.
"""

from __future__ import annotations

import contextlib
import csv
import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download import downloader

from cnnxfer.data.sources import tfds_dir, tfds_names
from cnnxfer.data.sources.folder import SPLITS
from cnnxfer.data.sources.tfds import IMAGES, INDEX, Record, copies_dir, state_of
from cnnxfer.errors import DataError
from cnnxfer.files import cached_directory
from cnnxfer.registry import did_you_mean
from cnnxfer.reporting import Reporter

RETRIES = 6  # with growing pauses, 13 seconds together; TFDS's own ten take minutes


def copy_set(name: str, reporter: Reporter) -> Record:
    """Copies a prepared set if there is no copy; downloads and prepares it first.

    Args:
        name: `NAME[/CONFIG][:VERSION]`.
        reporter: told of the download and the copy.

    Raises:
        DataError: if the set is unknown, cannot be prepared, or has no image with
            one label.
    """
    builder = _prepared_builder(name, reporter)
    image_key, label_key = _keys(builder, name)
    data_dir = Path(builder.data_dir).absolute()
    state = state_of(data_dir)
    # Two preparations of one version may differ, so the name alone won't do.
    copy = f"{builder.info.full_name.replace('/', '-')}-{state['files']}"
    cached_directory(
        copies_dir() / copy,
        lambda path: _copy(builder, image_key, label_key, path, reporter),
    )
    return Record(
        name=builder.name,
        class_names=list(builder.info.features[label_key].names),
        # TFDS mixes the records while it prepares them, with few exceptions.
        shuffled=not builder.info.disable_shuffling,
        data_dir=str(data_dir),
        state=state,
        copy=copy,
    )


def _prepared_builder(name: str, reporter: Reporter) -> Any:
    # TFDS prints what it does on stdout, where only results belong.
    with contextlib.redirect_stdout(io.StringIO()):
        builder = _find(name)
        if not builder.is_prepared():
            _prepare(builder, name, reporter)
    return builder


def _find(name: str) -> Any:
    try:
        return tfds.builder(name, data_dir=str(tfds_dir()))
    except Exception as error:  # TFDS raises a dozen kinds here
        raise DataError(
            f"TensorFlow Datasets has no {name!r}: {_reason(error)}."
            f"{did_you_mean(name, tfds_names())} "
            "Its catalog: https://www.tensorflow.org/datasets/catalog"
        ) from error


def _prepare(builder: Any, name: str, reporter: Reporter) -> None:
    tfds.disable_progress_bar()
    downloader.MAX_RETRIES = RETRIES
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # it logs each of them
    try:
        with reporter.progress(f"downloading {name} to {builder.data_dir}"):
            builder.download_and_prepare()
    except Exception as error:  # network, disk, checksums: each its own kind
        raise DataError(
            f"{name} is not prepared under {builder.data_dir} and could not be "
            f"downloaded: {_reason(error)}. Set TFDS_DATA_DIR to a directory that has "
            "it, or train on a folder (--data FOLDER) or on --data sample."
        ) from error


def _reason(error: Exception) -> str:
    """Returns the first line; of a failed connection, only where it was to go."""
    request = getattr(error, "request", None)
    if request is not None:
        return f"{request.url} cannot be reached"
    line = str(error).strip().partition("\n")[0]
    return line.rpartition('}": ')[2].rstrip(".:")  # behind the builder's arguments


def _keys(builder: Any, name: str) -> tuple[str, str]:
    """Returns which features are the image and the label."""
    features = builder.info.features
    images = [
        key for key, value in features.items() if isinstance(value, tfds.features.Image)
    ]
    labels = [
        key
        for key, value in features.items()
        if isinstance(value, tfds.features.ClassLabel)
    ]
    image_key, label_key = builder.info.supervised_keys or (None, None)
    image_key = image_key if image_key in images else next(iter(images), None)
    label_key = label_key if label_key in labels else next(iter(labels), None)
    if image_key is None or label_key is None:
        raise DataError(
            f"{name} has the features {', '.join(features)}; expected an image and "
            "a class label. Choose an image-classification set."
        )
    return image_key, label_key


def _copy(
    builder: Any, image_key: str, label_key: str, directory: Path, reporter: Reporter
) -> None:
    splits = {
        name: info
        for name, info in builder.info.splits.items()
        if name.lower() in SPLITS
    } or builder.info.splits
    total = sum(info.num_examples for info in splits.values())
    with (
        reporter.progress(f"reading {builder.name}", total, "images") as advance,
        (directory / IMAGES).open("wb") as images,
        (directory / INDEX).open("w", newline="", encoding="utf-8") as index,
    ):
        table = csv.writer(index)
        table.writerow(["id", "label", "split", "offset", "size_bytes"])
        for split in splits:
            part = SPLITS.get(split.lower(), "") if len(splits) > 1 else ""
            for record in _records(builder, split, image_key, label_key):
                content, label = record[image_key], int(record[label_key])
                advance()
                if label < 0:  # the mark of a withheld label
                    continue
                row = record["tfds_id"].decode(), label, part
                table.writerow([*row, images.tell(), len(content)])
                images.write(content)


def _records(
    builder: Any, split: str, image_key: str, label_key: str
) -> Iterator[dict[str, Any]]:
    dataset = builder.as_dataset(
        split=split,
        decoders=tfds.decode.PartialDecoding(
            {image_key: True, label_key: True},
            decoders={image_key: tfds.decode.SkipDecoding()},
        ),
        # One file after the other: the order that slices of a split are cut from.
        read_config=tfds.ReadConfig(add_tfds_id=True, interleave_cycle_length=1),
    )
    try:
        yield from dataset.as_numpy_iterator()
    except tf.errors.OpError as error:
        raise DataError(
            f"{builder.data_dir} is damaged: {_reason(error)}. "
            "Delete it to have it prepared anew."
        ) from error
