"""`--copy-to`: the files themselves, in a folder for each class."""

from __future__ import annotations

import io
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, count
from pathlib import Path
from urllib.parse import unquote, urlsplit

from cnnxfer.errors import ConfigError, DataError, RunError
from cnnxfer.files import atomic_path
from cnnxfer.prediction.prediction import UNSURE, Prediction
from cnnxfer.prediction.stages import Flow, Stage
from cnnxfer.reporting import Reporter

# What Windows makes no file of, whatever follows after a dot.
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)", re.I)
MAX_NAME_BYTES = 200  # file systems take 255; a number may be added
MAX_SUFFIX_BYTES = 20
NO_NAME = "image"
SUFFIXES = {"JPEG": ".jpg", "MPO": ".jpg", "TIFF": ".tif"}  # else the format's name


def copy_to(folder: Path, inputs: Sequence[str], reporter: Reporter) -> Stage:
    """Returns a stage that copies each image into `folder/<its best class>/`.

    Unsure ones go into `unsure`, and those that could not be read nowhere. A file of
    several frames is copied once, by the class of its first. Copies are the original
    bytes; nothing is overwritten, and what is there already is not copied again.

    Args:
        folder: made if need be.
        inputs: what the images are found in.
        reporter: told at the end how many were copied.

    Raises:
        ConfigError: if it lies where images are looked for, or cannot be made.
    """
    _refuse_own_food(folder, inputs)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"--copy-to {folder} cannot be made ({error.strerror}). "
            "Name a folder that can be written."
        ) from error

    def stage(predictions: Iterable[Prediction]) -> Flow:
        names = _FolderNames()
        done: Counter[str] = Counter()
        for prediction in predictions:
            if not prediction.frame:
                done[_copy(prediction, folder, names)] += 1
            yield prediction
        reporter.info(_summary(done, folder))

    return stage


def safe_name(name: str) -> str:
    """Returns a name that every common file system takes, and takes for itself.

    Separators and what cannot be printed or typed become `_`, and so do names of
    folders above, of devices of Windows, and none at all.
    """
    name = unicodedata.normalize("NFC", name)
    name = "".join(
        c if c.isprintable() and c not in '<>:"/\\|?*' else "_" for c in name
    )
    stem, suffix = os.path.splitext(name)
    if len(suffix.encode()) > MAX_SUFFIX_BYTES:
        stem, suffix = name, ""
    room = MAX_NAME_BYTES - len(suffix.encode())
    name = stem.encode()[:room].decode(errors="ignore") + suffix
    name = name.strip(" ").rstrip(". ")
    return f"_{name}" if not name or RESERVED.match(name) else name


class _FolderNames:
    """The folders of classes: one each, also where file systems ignore case."""

    def __init__(self) -> None:
        self._names: dict[str | None, str] = {None: UNSURE}  # by class
        self._taken = {UNSURE}

    def of(self, prediction: Prediction) -> str:
        best = prediction.top
        key = None if prediction.unsure else best.class_id
        if key not in self._names:
            name = safe_name(best.label)
            choices = chain([name], (f"{name}-{number}" for number in count(2)))
            self._names[key] = next(
                choice for choice in choices if choice.casefold() not in self._taken
            )
            self._taken.add(self._names[key].casefold())
        return self._names[key]


def _copy(prediction: Prediction, folder: Path, names: _FolderNames) -> str:
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
    for path in _choices(directory / _file_name(prediction.path, content)):
        if not os.path.lexists(path):
            with atomic_path(path) as temporary:
                temporary.write_bytes(content)
            return "copied"
        if _holds(path, content):
            return "there"
    raise AssertionError("there is always another number")


def _choices(path: Path) -> Iterator[Path]:
    yield path
    for number in count(2):
        yield path.with_name(f"{path.stem}-{number}{path.suffix}")


def _holds(path: Path, content: bytes) -> bool:
    return (
        path.is_file()
        and path.stat().st_size == len(content)
        and path.read_bytes() == content
    )


def _file_name(name: str, content: bytes) -> str:
    """Returns the last part of a path or an address, with a suffix in any case."""
    if re.match(r"https?://", name, re.I):
        name = unquote(urlsplit(name).path)
    name = re.split(r"[/\\]" if os.sep == "\\" else "/", name)[-1]
    name = safe_name(name or NO_NAME)
    return name if Path(name).suffix else name + _suffix(content)


def _suffix(content: bytes) -> str:
    from PIL import Image  # seldom needed

    try:
        with Image.open(io.BytesIO(content)) as image:
            found = image.format or ""
    except Exception:  # another decoder has read it
        return ""
    return SUFFIXES.get(found, f".{found.lower()}" if found else "")


def _refuse_own_food(folder: Path, inputs: Sequence[str]) -> None:
    inside = folder.resolve()
    for item in inputs:
        above = Path(item.partition("**")[0] or ".") if "**" in item else Path(item)
        if above.is_dir() and inside.is_relative_to(above.resolve()):
            raise ConfigError(
                f"--copy-to {folder} lies in {above}, where images are looked for: its "
                "copies would be found too. Name a folder outside."
            )


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
