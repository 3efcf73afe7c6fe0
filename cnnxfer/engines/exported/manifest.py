"""The file beside an exported network that says what it expects and answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

from cnnxfer.errors import DataError
from cnnxfer.files import file_hash, format_bytes, open_file
from cnnxfer.records import Within, from_json, parse_json

MANIFEST = "cnnxfer.json"
EXTRA = "export"  # of cnnxfer, which brings the packages of runtimes
LIMIT_BYTES = 20_000_000  # of it: the names of many classes
# Of all files of a network. The largest of Keras, VGG19, has 0.6 GB in float32.
FILES_LIMIT_BYTES = 4 << 30
MAX_FILES = 20  # a SavedModel has five

FormatName = Literal["keras", "savedmodel", "onnx", "openvino", "litert"]
Precision = Literal["float32", "float16", "int8"]


class Answers(TypedDict):
    """What the network answers, and how an answer is made of that."""

    task: str
    activation: str  # Keras's name of the function from outputs to probabilities
    activated: bool  # whether the network has applied it
    # What the run has fitted on its validation images: the probability from which an
    # image shows a class, by its name, and what logits are divided by before.
    thresholds: dict[str, Annotated[float, Within(0, 1)]]
    temperature: Annotated[float, Within(0.05, 20)] | None


@dataclass(frozen=True)
class Manifest:
    """What an exported network expects and answers.

    Attributes:
        version: the version of cnnxfer that has written it.
        name: the name of the run or the backbone.
        backbone: the name of the backbone in the catalog.
        format: the format of the files.
        precision: what the weights are stored in.
        file: the file, or the folder, that the runtime opens.
        sha256: hexadecimal SHA-256 of each file, by its path in the folder.
        input: the name of the input: RGB pixels in [0, 255], `(images, size, size, 3)`.
        output: the name of the output.
        image_size: the side of the pictures that the network takes, in pixels.
        fit: how a picture is fitted into the square.
        fraction: the side of the central square, as a share of the shorter side of the
            picture, where the fit is "crop".
        resampling: how it is made smaller.
        classes: the id and the readable name of each class, in the order of outputs.
        answers: what it answers.
        outputs: the same in words, for programs without cnnxfer.
        checked: the figures of the comparison with Keras.
    """

    version: str
    name: str
    backbone: str
    format: FormatName
    precision: Precision
    file: str
    sha256: dict[str, str]
    input: str
    output: str
    image_size: Annotated[int, Within(1, 10_000)]
    fit: Literal["crop", "letterbox", "stretch"]
    fraction: Annotated[float, Within(0.01, 1)]
    resampling: str
    classes: list[list[str]]
    answers: Answers
    outputs: str
    checked: dict[str, Any]


def find_manifest(path: Path) -> Path:
    """Returns the manifest of an exported network.

    Args:
        path: its folder, or a file in it.

    Raises:
        DataError: if it has none.
    """
    for folder in (path, path.parent):  # a SavedModel is a folder in there, too
        if (folder / MANIFEST).is_file():
            return folder / MANIFEST
    raise DataError(
        f"{path} has no {MANIFEST} beside it, which says what its classes are and "
        "which pixels it expects. Give a folder that `cnnxfer export` has written."
    )


def read_manifest(path: Path) -> Manifest:
    """Returns the manifest of an exported network, after checking its files.

    Args:
        path: its folder, or a file in it.

    Raises:
        DataError: if it is missing or damaged, or a file is missing, a link, too large,
            or not what was exported.
    """
    place = find_manifest(path)
    try:
        with open_file(place) as stream:
            text = stream.read(LIMIT_BYTES + 1)
        if len(text) > LIMIT_BYTES:
            raise ValueError(f"it has more than {format_bytes(LIMIT_BYTES)}")
        manifest = from_json(Manifest, parse_json(text))
        _check_names(manifest)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{place} is no manifest of an exported network: {error}. Export it again."
        ) from error
    folder = place.parent
    if path not in (folder, place, folder / manifest.file):
        raise DataError(
            f"{path} is not the network that {place} is about, which is "
            f"{folder / manifest.file}."
        )
    check_files(folder, manifest.sha256)
    for each in (folder / manifest.file).rglob("*"):
        name = each.relative_to(folder).as_posix()
        if not each.is_dir() and name not in manifest.sha256:
            raise DataError(f"{each} is no file that was exported. Move it away.")
    return manifest


def files_of(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Returns the SHA-256 of files, by their paths in a folder."""
    return {name: file_hash(folder / name) for name in sorted(names)}


def check_files(folder: Path, sha256: dict[str, str]) -> None:
    """Checks that files are those that were exported.

    Raises:
        DataError: if one is missing, a link, too large or different.
    """
    left = FILES_LIMIT_BYTES
    for name, expected in sha256.items():
        path = folder / name
        if not path.is_file():
            raise DataError(f"{path} is missing. Export the network again.")
        if path.resolve() != folder.resolve() / name:
            raise DataError(
                f"{path} is a link, which no export has. Copy the file there."
            )
        left -= path.stat().st_size
        if left < 0:
            raise DataError(
                f"the files of {folder} have more than "
                f"{format_bytes(FILES_LIMIT_BYTES)}, the limit for a network."
            )
        if file_hash(path) != expected:
            raise DataError(
                f"{path} is not the file that was exported: its SHA-256 differs from "
                f"that in {MANIFEST}. Export the network again."
            )


def _check_names(manifest: Manifest) -> None:
    if not manifest.sha256 or len(manifest.sha256) > MAX_FILES:
        raise ValueError(f"it names {len(manifest.sha256)} files")
    for name in (manifest.file, *manifest.sha256):
        parts = Path(name).parts
        if not parts or Path(name).is_absolute() or ".." in parts or "\\" in name:
            raise ValueError(f"it names the file {name!r}, outside of its folder")
    needed = [manifest.file]
    if manifest.format == "openvino":  # the weights are beside the network
        needed.append(Path(manifest.file).with_suffix(".bin").as_posix())
    for file in needed:
        if not any(_is_of(name, file) for name in manifest.sha256):
            raise ValueError(f"it has no SHA-256 of {file}")
    if any(len(pair) != 2 for pair in manifest.classes) or not manifest.classes:
        raise ValueError("its classes are not pairs of an id and a name")


def _is_of(name: str, file: str) -> bool:
    return name == file or name.startswith(f"{file}/")
