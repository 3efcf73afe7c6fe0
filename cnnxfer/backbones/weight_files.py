"""The files of each backbone's ImageNet weights, and where they are downloaded from.

`scripts/weight_files.py` writes `weight_files.toml` from the constructors of
`keras.applications`; run it again for a new version of Keras.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from cnnxfer.backbones.backbone import Backbone


@dataclass(frozen=True)
class WeightFile:
    """A file of ImageNet weights that Keras publishes."""

    name: str  # of the file in Keras's cache, `$KERAS_HOME/models`
    url: str
    # Published hash in hexadecimal: 32 digits are MD5, 64 are SHA-256. It is empty for
    # the files of MobileNet V1 and V2, for which Keras publishes none.
    digest: str


def weight_file(backbone: Backbone, *, include_top: bool) -> WeightFile | None:
    """Returns the weight file of a backbone, with or without the 1,000-class head.

    It is None for a backbone whose weights are not downloaded, as the built-in one's.
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
