"""What the catalog knows about one backbone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cnnxfer.errors import ConfigError


@dataclass(frozen=True)
class Backbone:
    """A pretrained network, as a table entry; it imports nothing heavy.

    Attributes:
        name: as users type it: the constructor's name in lower case; width last.
        builder: `"module:function"`, called with `include_top`, `weights=None`,
            `input_shape` and `arguments`.
        normalization: what turns pixels in [0, 255] into what the network was
            trained on; a name in `cnnxfer.backbones.normalization`.
        image_size: side in pixels that the published accuracy was measured at.
        min_size: smallest side in pixels that the network accepts without its head.
        parameters: with the 1,000-class ImageNet head.
        top1: published ImageNet validation accuracy, a fraction.
        top5: the same within five guesses; None where none was published.
        paper: address of the paper that describes it.
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

    def check_image_size(self, image_size: int) -> None:
        """Checks that the network has anything left to see at this size in pixels.

        Raises:
            ConfigError: if it has not.
        """
        if image_size < self.min_size:
            raise ConfigError(
                f"--image-size is {image_size}; {self.name} needs at least "
                f"{self.min_size} (it was trained at {self.image_size})."
            )
