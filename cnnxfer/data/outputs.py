"""Checks that what commands write about images spares these and other files."""

import os
from pathlib import Path

from cnnxfer.data.sources import find_source
from cnnxfer.errors import ConfigError
from cnnxfer.files import check_parent_folder, is_empty_or_has_marker


def check_output(option: str, path: Path, mark: str, writer: str, spec: str) -> None:
    """Makes sure, before any work is done, that an output file may be written.

    Args:
        option: the option that names the file.
        path: the file.
        mark: what is near the beginning of such files.
        writer: the command that writes them, and may overwrite its own.
        spec: where the images are.

    Raises:
        ConfigError: if the folder does not exist or cannot be written to, or the file
            would lie among the images, or exists and was not written by the command.
    """
    check_parent_folder(option, path)
    folder = path.parent
    data = Path(spec).resolve()
    # A file beside the class folders is not read as an image. But one more file in the
    # folder of a prepared set would have the whole set copied again.
    beside_classes = folder.resolve() == data and find_source(spec).name == "folder"
    if data in path.resolve().parents and not beside_classes:
        raise ConfigError(
            f"{option} {path} lies among the images of {spec} and would be taken for "
            "one of them. Name a file outside that folder."
        )
    check_own(option, path, mark, writer)


def check_own(option: str, path: Path, mark: str, writer: str) -> None:
    """Makes sure that an output file is new, or was written by the same command.

    Raises:
        ConfigError: if it exists and was not written by the command.
    """
    # `is_file` first: reading from a pipe would wait.
    is_own = path.is_file() and is_empty_or_has_marker(path, mark.encode())
    if os.path.lexists(path) and not is_own:
        raise ConfigError(
            f"{option} {path} already exists and was not written by {writer}. "
            "Name another file, or remove it first."
        )
