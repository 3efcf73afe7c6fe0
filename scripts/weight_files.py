"""Prints cnnxfer/backbones/weight_files.toml for the installed version of Keras.

Usage: python scripts/weight_files.py > weight_files.toml, then move it there.

Each constructor of `keras.applications` is called as if its ImageNet weights were
wanted; the download is stopped where Keras asks for it, and what it asks for is noted.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, NoReturn
from unittest.mock import patch

import keras
import tomli_w

from cnnxfer.backbones.backbone import Backbone
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.weight_files import WeightFile
from cnnxfer.registry import load_object


class _Asked(Exception):
    """Raised in place of a download."""

    def __init__(self, file: WeightFile) -> None:
        self.file = file


def _get_file(
    fname: str, origin: str, *, file_hash: str | None = None, **_: Any
) -> NoReturn:
    raise _Asked(WeightFile(fname, origin, file_hash or ""))


def is_downloaded(backbone: Backbone) -> bool:
    """Whether Keras downloads the weights of `backbone`."""
    return backbone.builder.startswith("keras.applications:")


def record(backbone: Backbone, *, include_top: bool) -> WeightFile:
    """Returns the file that Keras would download for `backbone`."""
    builder = load_object(backbone.builder)
    # Keras asks once the network is built. In this scope no weight is initialized,
    # which would take gigabytes and minutes.
    scope = keras.StatelessScope(initialize_variables=False)
    try:
        with patch("keras.src.utils.file_utils.get_file", _get_file), scope:
            builder(
                include_top=include_top,
                weights="imagenet",
                input_shape=(backbone.image_size, backbone.image_size, 3),
                **backbone.arguments,
            )
    except _Asked as asked:
        return asked.file
    raise RuntimeError(f"{backbone.builder} asked for no file")


def main() -> None:
    """Prints the table."""
    print(f"# Written by scripts/weight_files.py from Keras {keras.__version__}.\n")
    table = {
        backbone.name: {
            "top": asdict(record(backbone, include_top=True)),
            "no_top": asdict(record(backbone, include_top=False)),
        }
        for backbone in BACKBONES
        if is_downloaded(backbone)
    }
    print(tomli_w.dumps(table), end="")


if __name__ == "__main__":
    main()
