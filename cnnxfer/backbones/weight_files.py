"""Which files hold the ImageNet weights of each backbone, and where they come from.

The table in `weight_files.toml` is what `scripts/weight_files.py` recorded from
the constructors of `keras.applications`; a new Keras version is a rerun of it.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from cnnxfer.backbones.backbone import Backbone


@dataclass(frozen=True)
class WeightFile:
    """A file of ImageNet weights, as Keras downloads it.

    Attributes:
        name: of the file in Keras's cache, `$KERAS_HOME/models`.
        url: where it is downloaded from.
        digest: hexadecimal; 32 digits are MD5, 64 are SHA-256; empty for the
            MobileNet V1 and V2 files, for which Keras publishes none.
    """

    name: str
    url: str
    digest: str


def weight_file(backbone: Backbone, *, include_top: bool) -> WeightFile | None:
    """Returns the file with or without the 1,000-class head.

    None for a backbone whose weights are not a download, such as the built-in one.
    """
    entry = _table().get(backbone.name)
    if entry is None:
        return None
    return WeightFile(**entry["top" if include_top else "no_top"])


@cache
def _table() -> dict[str, dict[str, dict[str, str]]]:
    text = files("cnnxfer.backbones").joinpath("weight_files.toml").read_text("utf-8")
    table: dict[str, Any] = tomllib.loads(text)
    return table
