"""The answers of one shard: a JSONL file, and beside it what `merge` needs to know."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import IO, Annotated, Any, cast

from cnnxfer.errors import DataError, RunError
from cnnxfer.files import file_hash, read_json_with_hash, write_json_with_hash
from cnnxfer.prediction.outputs.file import is_gz
from cnnxfer.prediction.outputs.jsonl import parse_line
from cnnxfer.prediction.prediction import Prediction, ReadAnswer
from cnnxfer.prediction.shard import MOST_SHARDS, Share
from cnnxfer.records import Within
from cnnxfer.spelling import option

SUFFIX = ".shard"  # of what is written beside the file of a shard
VERSION = 1  # raised when that, or what `merge` reads of settings, is another


@dataclass(frozen=True)
class Part:
    """What is known of the file with the answers of a shard.

    Attributes:
        shard: the number of the shard, from 1.
        shards: how many there are.
        images: the number of images of all shards together.
        names_sha256: the hash of their names; see `NameList`.
        inputs: what was typed to name them.
        settings: all else that the answers follow from; see `Classifier.settings`.
        variants: the engines that answered, each with its precision; empty if there
            was nothing to answer.
        file_sha256: hexadecimal SHA-256 of the file.
        version: that of such records.
    """

    shard: Annotated[int, Within(1, MOST_SHARDS)]
    shards: Annotated[int, Within(1, MOST_SHARDS)]
    images: Annotated[int, Within(0)]
    names_sha256: str
    inputs: list[str]
    settings: dict[str, Any]
    variants: list[list[str]]
    file_sha256: str
    version: Annotated[int, Within(VERSION, VERSION)]


def write_part(
    path: Path,
    share: Share,
    inputs: Sequence[str],
    settings: dict[str, Any],
    variants: list[list[str]],
) -> None:
    """Writes beside the complete file of a shard what it is; see `Part`."""
    part = Part(
        shard=share.shard.shard,
        shards=share.shard.shards,
        images=share.listed.images,
        names_sha256=share.listed.sha256,
        inputs=list(inputs),
        settings=settings,
        variants=variants,
        file_sha256=file_hash(path),
        version=VERSION,
    )
    write_json_with_hash(_beside(path), asdict(part))


def finished_variants(path: Path) -> list[list[str]]:
    """Returns the `variants` of a complete part; none if it is not known as it is."""
    part = read_json_with_hash(_beside(path), Part)
    same = part and path.is_file() and part.file_sha256 == file_hash(path)
    return part.variants if part and same else []


def read_part(path: Path) -> Part:
    """Returns what is known of the file of a shard, after comparing its hash.

    Raises:
        DataError: if there is no such file, it is incomplete, or it has changed.
    """
    if not path.is_file():
        unfinished = path.with_name(f"{path.name}.part")
        reason = "there is no such file"
        if unfinished.exists():
            reason = f"only {unfinished.name} is there, which is not complete"
        raise DataError(
            f"{path} cannot be merged: {reason}. Go on with the command that writes "
            f"it, and {option('--resume', True)}."
        )
    beside = _beside(path)
    if not beside.exists():
        raise DataError(
            f"{path} cannot be merged: {beside.name} is not beside it, which "
            f"{option('--shard')} writes with a part. Put it there, or answer the "
            "shard again."
        )
    part = read_json_with_hash(beside, Part)
    if part is None:
        raise DataError(
            f"{beside} is damaged, or of another version. Answer the shard again."
        )
    if part.file_sha256 != file_hash(path):
        raise DataError(
            f"{path} has changed since shard {part.shard} of {part.shards} was "
            "answered. Copy it again, or answer the shard again."
        )
    return part


def open_part(path: Path) -> IO[bytes]:
    """Opens the file of a shard to read its lines."""
    return cast(IO[bytes], gzip.open(path)) if is_gz(path) else path.open("rb")


def images_in(
    path: Path, stream: IO[bytes], read: ReadAnswer
) -> Iterator[list[Prediction]]:
    """Yields the predictions for each image, which may be of several frames.

    Args:
        path: the file, for messages.
        stream: its lines.
        read: reads an answer in a JSON object.

    Raises:
        RunError: if a line holds no prediction.
    """
    number_of_image = 0

    def image(prediction: Prediction) -> int:
        nonlocal number_of_image
        number_of_image += not prediction.frame
        return number_of_image

    def predictions() -> Iterator[Prediction]:
        for number, line in enumerate(stream, start=1):
            prediction = parse_line(line, read)
            if prediction is None:
                raise RunError(f"line {number} of {path} is no prediction.")
            yield prediction

    for _, group in groupby(predictions(), image):
        yield list(group)


def _beside(path: Path) -> Path:
    return path.with_name(path.name + SUFFIX)
