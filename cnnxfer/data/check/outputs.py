"""What a check writes lies outside of the images, and over nothing of others."""

from __future__ import annotations

import os
from pathlib import Path

from cnnxfer.data.sources import find_source
from cnnxfer.errors import ConfigError
from cnnxfer.files import bears_mark, check_folder_of


def check_output(option: str, path: Path, mark: str, spec: str) -> None:
    """Makes sure that a file can be written, and should be, before there is any work.

    Args:
        option: as it was typed, such as "--html".
        path: the file; one that is there must bear the mark.
        mark: what such a file has near its beginning.
        spec: of the data.

    Raises:
        ConfigError: if it cannot, would lie among the images, or is another's.
    """
    check_folder_of(option, path)
    folder = path.parent
    data = Path(spec).resolve()
    # At the top of the data, beside the folders of classes, it is in nobody's way. A
    # set that is copied would be copied anew, for the file more in its folder.
    beside = folder.resolve() == data and find_source(spec).name == "folder"
    if data in path.resolve().parents and not beside:
        raise ConfigError(
            f"{option} {path} lies among the images of {spec}, and would be found as "
            "one of them. Name a file outside."
        )
    # A pipe would keep us waiting.
    ours = path.is_file() and bears_mark(path, mark.encode())
    if os.path.lexists(path) and not ours:
        raise ConfigError(
            f"{option} {path} is there already, and not by cnnxfer check. Name another "
            "file, or remove it first."
        )
