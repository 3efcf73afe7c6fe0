"""`--copy-to`: the files themselves, in a folder for each class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from cnnxfer.errors import DataError, RunError
from cnnxfer.prediction.output_folder import (
    FileAdder,
    bare_name,
    made_folder,
    numbered,
    refuse_own_food,
    safe_name,
)
from cnnxfer.prediction.prediction import UNSURE, Prediction
from cnnxfer.prediction.stages import Flow, Stage
from cnnxfer.reporting import Reporter

NO_NAME = "image"
# Where a format's name is not the suffix.
FORMAT_SUFFIXES = {"JPEG": ".jpg", "MPO": ".jpg", "TIFF": ".tif", "HEIF": ".heic"}


def copy_files(folder: Path, inputs: Sequence[str], reporter: Reporter) -> Stage:
    """Returns a stage that copies each image into `folder/<its best class>/`.

    Unsure ones go into `unsure`, and those that could not be read nowhere. A file of
    several frames is copied once, by the class of its first. Copies are the original
    bytes; nothing is overwritten, and what is there already is not copied again.

    Args:
        folder: made, if need be, when the flow begins; a ConfigError then says why not.
        inputs: what the images are found in.
        reporter: told at the end how many were copied.

    Raises:
        ConfigError: if it lies where images are looked for.
    """
    refuse_own_food("--copy-to", folder, inputs)

    def stage(predictions: Iterable[Prediction]) -> Flow:
        names, files = _FolderNames(), FileAdder()
        done: Counter[str] = Counter()
        with made_folder("--copy-to", folder):  # all options are known to be right
            for prediction in predictions:
                if not prediction.frame:
                    done[_copy(prediction, folder, names, files)] += 1
                yield prediction
        reporter.info(_summary(done, folder))

    return stage


class _FolderNames:
    """The folders of classes: one each, also where file systems ignore case."""

    def __init__(self) -> None:
        self._names: dict[str | None, str] = {None: UNSURE}  # by class
        self._taken = {UNSURE}

    def of(self, prediction: Prediction) -> str:
        best = prediction.top
        key = None if prediction.unsure else best.class_id
        if key not in self._names:
            self._names[key] = next(
                name
                for name in numbered(safe_name(best.label))
                if name.casefold() not in self._taken
            )
            self._taken.add(self._names[key].casefold())
        return self._names[key]


def _copy(
    prediction: Prediction, folder: Path, names: _FolderNames, files: FileAdder
) -> str:
    """Copies one file; returns what came of it."""
    if prediction.error is not None or prediction.source is None:
        return "unreadable"
    try:
        content = prediction.source.read()
    except DataError:  # it was there a moment ago
        return "gone"
    directory = folder / names.of(prediction)
    try:
        directory.mkdir(exist_ok=True)
    except FileExistsError as error:
        raise RunError(
            f"{directory} is a file, where a folder of images is to be. Move it away."
        ) from error
    path = directory / _file_name(prediction.path, content)
    return "copied" if files.add(path, content) else "there"


def _file_name(path: str, content: bytes) -> str:
    """Returns the last part of a path or an address, with a suffix in any case."""
    name = safe_name(bare_name(path) or NO_NAME)
    return name if Path(name).suffix else name + _suffix(content)


def _suffix(content: bytes) -> str:
    # It imports Pillow, and is seldom needed.
    from cnnxfer.data.decode import open_image

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
