"""What a check writes lies outside of the images, and over nothing of others."""

from __future__ import annotations

import os
from pathlib import Path

from cnnxfer.errors import ConfigError

MARK_BYTES = 1024  # the beginning of a file, where its mark is


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
    folder = path.parent
    if not folder.is_dir():
        raise ConfigError(
            f"{option} is {path}, but there is no folder {folder}. Make it first."
        )
    if not os.access(folder, os.W_OK):
        raise ConfigError(
            f"{option} is {path}, but {folder} cannot be written. Choose another one."
        )
    data = Path(spec).resolve()
    # At the top of the data, beside the folders of classes, it is in nobody's way.
    if data in path.resolve().parents and folder.resolve() != data:
        raise ConfigError(
            f"{option} {path} lies among the images of {spec}, and would be found as "
            "one of them. Name a file outside."
        )
    if os.path.lexists(path) and not _is_ours(path, mark):
        raise ConfigError(
            f"{option} {path} is there already, and not by cnnxfer check. Name another "
            "file, or remove it first."
        )


def _is_ours(path: Path, mark: str) -> bool:
    if not path.is_file():  # a pipe would keep us waiting
        return False
    with path.open("rb") as stream:
        start = stream.read(MARK_BYTES)
    return not start or mark.encode() in start
