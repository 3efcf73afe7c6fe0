"""The type of a catalog entry: one backbone and its published figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from cnnxfer.errors import ConfigError
from cnnxfer.spelling import option


@dataclass(frozen=True)
class Backbone:
    """The catalog entry of a pretrained network; it does not import the network.

    Attributes:
        name: the name that users type: the constructor's name in lower case, followed
            by the width if it is not the full one.
        builder: the function that builds the network, as `"module:function"`. It is
            called with `include_top`, `weights=None`, `input_shape` and `arguments`.
        normalization: how pixels in [0, 255] are mapped to the range that the network
            was trained on; a key of `cnnxfer.backbones.build.NORMALIZATIONS`.
        image_size: side in pixels at which the published accuracy was measured.
        min_size: smallest side in pixels that the network accepts without its head.
        parameters: number of parameters with the 1,000-class ImageNet head.
        top1: published top-1 accuracy on ImageNet's validation set, in [0, 1].
        top5: published top-5 accuracy on it, in [0, 1]; None if none was published.
        paper: web address of the paper that describes the network.
        arguments: further arguments of the builder, such as a width.
    """

    name: str
    builder: str
    normalization: str
    image_size: int
    min_size: int
    parameters: int
    top1: float
    top5: float | None
    paper: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def input_size(self, image_size: int | Literal["auto"]) -> int:
        """Returns the side of the network's input, in pixels.

        Args:
            image_size: what is asked for; `auto` is the size it was trained at.

        Raises:
            ConfigError: if the images are smaller than `min_size`.
        """
        if image_size == "auto":
            return self.image_size
        if image_size < self.min_size:
            raise ConfigError(
                f"{option('--image-size')} is {image_size}; {self.name} needs at least "
                f"{self.min_size} (it was trained at {self.image_size})."
            )
        return image_size
