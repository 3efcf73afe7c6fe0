"""The output of `--copy-to`: copies of the images, sorted into a folder per class."""

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from cnnxfer.errors import ConfigError, DataError, RunError
from cnnxfer.files import local_name
from cnnxfer.prediction.outputs.folder import (
    FileAdder,
    bare_name,
    check_folder,
    created_folder,
    numbered,
    safe_name,
)
from cnnxfer.prediction.outputs.stages import Flow, Stage
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.reporting import Reporter
from cnnxfer.spelling import option

DEFAULT_NAME = "image"  # for an image whose path has no file name


def copy_files(folder: Path, inputs: Sequence[str], reporter: Reporter) -> Stage:
    """Returns a stage that copies each image into `folder/<its class>/`.

    An image with several labels is copied into the folder of each. Images without an
    answer are copied into `unsure`, or into `none` in a multi-label model; where a
    class is called so, into `no answer`. Unreadable images are not copied. A file with
    several frames is copied once, by the answer for its first frame. Copies have the
    original bytes. No file is overwritten, and a file that is already there is not
    copied again.

    Raises:
        ConfigError: if the folder lies in a file, or where images are looked for; with
            the first prediction, if it cannot be created.
    """
    check_folder(option("--copy-to"), folder, inputs)

    def stage(predictions: Iterable[Prediction]) -> Flow:
        names, files = _FolderNames(), FileAdder()
        outcomes: Counter[str] = Counter()
        with created_folder(option("--copy-to"), folder):  # all options are checked
            for prediction in predictions:
                if not prediction.frame:
                    outcomes.update(_copy(prediction, folder, names, files))
                yield prediction
        reporter.info(_summary(outcomes, folder))

    return stage


def check_names(labels: Iterable[str]) -> None:
    """Checks, before any image is answered, that folders can be called as classes.

    Raises:
        ConfigError: if the locale's encoding lacks a character of a name.
    """
    for label in labels:
        if local_name(label) != label:
            raise ConfigError(
                f"{option('--copy-to')} makes a folder for each class, and none can be "
                f"called {label!r} where names of files are in "
                f"{sys.getfilesystemencoding()}. Set LC_ALL=C.UTF-8."
            )


class _FolderNames:
    """Assigns a folder name to each class; names differ in more than their case."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}  # by class
        self._taken: set[str] = set()

    def of(self, prediction: Prediction) -> list[str]:
        """Returns the names of the folders that an image belongs in."""
        # The name for images without an answer is reserved.
        self._taken.add(prediction.answer.nothing)
        found = [self._name(*folder) for folder in prediction.answer.folders]
        return found or [prediction.answer.nothing]

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
    """Copies one file into all its folders; returns the outcome of each copy."""
    if prediction.error is not None or prediction.source is None:
        return ["unreadable"]
    try:
        content = prediction.source.read()
    except DataError:  # the file has been deleted since it was answered
        return ["gone"]
    name = _file_name(prediction.path, content)
    folders = [folder / class_folder for class_folder in names.of(prediction)]
    return [_write_copy(directory, name, content, files) for directory in folders]


def _write_copy(directory: Path, name: str, content: bytes, files: FileAdder) -> str:
    try:
        directory.mkdir(exist_ok=True)
    except FileExistsError as error:
        raise RunError(
            f"{directory} is a file, and a folder of images is needed there. "
            "Move it away."
        ) from error
    return "copied" if files.add(directory / name, content) else "there"


def _file_name(path: str, content: bytes) -> str:
    """Returns the last part of a path or an address, with a suffix added if needed."""
    name = safe_name(bare_name(path) or DEFAULT_NAME)
    return name if Path(name).suffix else name + _suffix(content)


def _suffix(content: bytes) -> str:
    # Imported here because it is rarely needed, and imports Pillow.
    from cnnxfer.data.images.decode import open_image, suffixes_of

    try:
        image_format = open_image(content).format or ""
    except DataError:  # the image is larger than the default limit
        return ""
    return suffixes_of(image_format)[0] if image_format else ""


def _summary(outcomes: Counter[str], folder: Path) -> str:
    text = f"{outcomes['copied']:,} copied to {folder}"
    for kind, words in (
        ("there", "already there"),
        ("unreadable", "unreadable and not copied"),
        ("gone", "gone before they could be copied"),
    ):
        if outcomes[kind]:
            text += f", {outcomes[kind]:,} {words}"
    return text
