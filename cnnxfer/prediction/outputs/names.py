"""Names for what is written beside each image: as the image lies in the inputs."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from cnnxfer.data import archives
from cnnxfer.data.images.names import names_image
from cnnxfer.prediction.inputs.kinds import FILE, FOLDER, find_kind, is_web_address
from cnnxfer.prediction.outputs.folder import numbered, safe_name
from cnnxfer.prediction.prediction import Prediction


class ImageNames:
    """Gives each image a name of its own, in the folders in which the image lies.

    An image `photos/a/1.jpg` of the input `photos` is called `a/1`: the folder that
    all inputs have in common is left out, and so is the suffix. Names differ in more
    than their case; images that differ in their suffix alone get numbers.
    """

    def __init__(self, inputs: Sequence[str]) -> None:
        """Takes the inputs as they were typed."""
        self._root = _common_folder(inputs)
        self._taken: set[str] = set()

    def of(self, prediction: Prediction) -> Path:
        """Returns the name of an image, relative and without a suffix.

        Those of one prediction after the other follow from their order alone.
        """
        *folders, last = map(safe_name, self._parts(prediction.path))
        if names_image(last):
            last = os.path.splitext(last)[0]
        if prediction.frame is not None:
            last += f"-{prediction.frame}"
        for name in numbered(last):
            path = Path(*folders, name)
            if (key := path.as_posix().casefold()) not in self._taken:
                self._taken.add(key)
                return path
        raise AssertionError  # there is always one more number

    def _parts(self, path: str) -> list[str]:
        if is_web_address(path):
            address = urlsplit(path)
            parts = [address.netloc, *unquote(address.path).split("/")]
        else:
            path = os.path.normpath(path)
            if self._root and path.startswith(self._root + os.sep):
                path = os.path.relpath(path, self._root)
            parts = os.path.splitdrive(path)[1].split(os.sep)
        return [part for part in parts if part] or [""]


def _common_folder(inputs: Iterable[str]) -> str:
    """Returns the folder that holds all images; empty if that is not known."""
    folders = set(map(os.path.normpath, _folders(inputs)))
    try:
        return os.path.commonpath(folders)
    except ValueError:  # some are relative and some are not
        return ""


def _folders(inputs: Iterable[str]) -> Iterator[str]:
    for item in inputs:
        kind = find_kind(item)
        if kind is FOLDER or (kind and item.lower().endswith(archives.SUFFIXES)):
            yield item
        elif kind is FILE:
            yield os.path.dirname(item)
        elif kind is None:  # a glob
            start = re.split(r"[*?[]", item)[0]
            yield os.path.dirname(start)
        else:  # a list, a table or a web address
            yield ""
