"""`--copy-to`: the files themselves, in a folder for each class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from cnnxfer.errors import DataError, RunError
from cnnxfer.prediction.outputs.folder import (
    FileAdder,
    bare_name,
    created_folder,
    numbered,
    refuse_folder_of_inputs,
    safe_name,
)
from cnnxfer.prediction.outputs.stages import Flow, Stage
from cnnxfer.prediction.prediction import NONE, UNSURE, Prediction
from cnnxfer.reporting import Reporter

NO_NAME = "image"
# Where a format's name is not the suffix.
FORMAT_SUFFIXES = {"JPEG": ".jpg", "MPO": ".jpg", "TIFF": ".tif", "HEIF": ".heic"}


def copy_files(folder: Path, inputs: Sequence[str], reporter: Reporter) -> Stage:
    """Returns a stage that copies each image into `folder/<its class>/`.

    One of several classes is copied into the folder of each. Unsure ones go into
    `unsure`, those of none into `none`, and those that could not be read nowhere. A
    file of several frames is copied once, by its first. Copies are the original
    bytes; nothing is overwritten, and what is there already is not copied again.

    Args:
        folder: made, if need be, when the flow begins; a ConfigError then says why not.
        inputs: what the images are found in.
        reporter: told at the end how many were copied.

    Raises:
        ConfigError: if it lies where images are looked for.
    """
    refuse_folder_of_inputs("--copy-to", folder, inputs)

    def stage(predictions: Iterable[Prediction]) -> Flow:
        names, files = _FolderNames(), FileAdder()
        done: Counter[str] = Counter()
        with created_folder("--copy-to", folder):  # all options are known to be right
            for prediction in predictions:
                if not prediction.frame:
                    done.update(_copy(prediction, folder, names, files))
                yield prediction
        reporter.info(_summary(done, folder))

    return stage


class _FolderNames:
    """The folders of classes: one each, also where file systems ignore case."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}  # by class
        self._taken: set[str] = set()

    def of(self, prediction: Prediction) -> list[str]:
        # One of these is kept for what has no class; a class may be called the other.
        self._taken.add(UNSURE if prediction.chosen is None else NONE)
        if prediction.unsure:
            return [prediction.label]
        if prediction.chosen is None:
            return [self._name(prediction.top.class_id, prediction.top.label)]
        return [self._name(label, label) for label in prediction.chosen]

    def _name(self, class_id: str, label: str) -> str:
        if class_id not in self._names:
            self._names[class_id] = next(
                name
                for name in numbered(safe_name(label))
                if name.casefold() not in self._taken
            )
            self._taken.add(self._names[class_id].casefold())
        return self._names[class_id]


def _copy(
    prediction: Prediction, folder: Path, names: _FolderNames, files: FileAdder
) -> list[str]:
    """Copies one file into all its folders; returns what came of each copy."""
    if prediction.error is not None or prediction.source is None:
        return ["unreadable"]
    try:
        content = prediction.source.read()
    except DataError:  # it was there a moment ago
        return ["gone"]
    name = _file_name(prediction.path, content)
    folders = [folder / class_folder for class_folder in names.of(prediction)]
    return [_put(directory, name, content, files) for directory in folders]


def _put(directory: Path, name: str, content: bytes, files: FileAdder) -> str:
    try:
        directory.mkdir(exist_ok=True)
    except FileExistsError as error:
        raise RunError(
            f"{directory} is a file, where a folder of images is to be. Move it away."
        ) from error
    return "copied" if files.add(directory / name, content) else "there"


def _file_name(path: str, content: bytes) -> str:
    """Returns the last part of a path or an address, with a suffix in any case."""
    name = safe_name(bare_name(path) or NO_NAME)
    return name if Path(name).suffix else name + _suffix(content)


def _suffix(content: bytes) -> str:
    # It imports Pillow, and is seldom needed.
    from cnnxfer.data.images.decode import open_image

    try:
        found = open_image(content).format or ""
    except DataError:  # it is larger than usual
        return ""
    return FORMAT_SUFFIXES.get(found, f".{found.lower()}" if found else "")


def _summary(done: Counter[str], folder: Path) -> str:
    text = f"{done['copied']:,} copied to {folder}"
    for kind, words in (
        ("there", "there already"),
        ("unreadable", "unreadable and not copied"),
        ("gone", "gone before they could be copied"),
    ):
        if done[kind]:
            text += f", {done[kind]:,} {words}"
    return text
