"""The type of a catalog entry: one backbone and its published figures."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from cnnxfer.errors import ConfigError
from cnnxfer.spelling import option


@dataclass(frozen=True)
class Auxiliary:
    """Classifiers in the middle of a network, in use while it learns from scratch."""

    # `"module:function"` that builds one; it is called with maps, the number of classes
    # and `name`, and returns logits.
    builder: str
    layers: tuple[str, ...]  # of the network; each classifier reads the maps of one
    weight: float  # of the loss of each


@dataclass(frozen=True)
class Backbone:
    """The catalog entry of a network; it does not import the network."""

    # What users type: the constructor's name in lower case, and the width if not full.
    name: str
    # `"module:function"` that builds the network; it is called with `include_top`,
    # `weights=None`, `input_shape` and `arguments`.
    builder: str
    normalization: str  # of pixels in [0, 255]; a key of `build.NORMALIZATIONS`
    image_size: int  # side in pixels of the pictures that the network is made for
    min_size: int  # smallest side in pixels that the network accepts without its head
    parameters: int  # with the head of its paper, which mostly has ImageNet's classes
    # Accuracies on ImageNet's validation set, in [0, 1], of the weights that cnnxfer
    # uses; None if there are none, or if none was published.
    top1: float | None
    top5: float | None
    paper: str  # web address of the paper that describes the network
    arguments: Mapping[str, Any] = field(default_factory=dict)  # such as a width
    # `"module:class"` of the layers that Keras lacks; a model file may name them.
    layers: tuple[str, ...] = ()
    auxiliary: Auxiliary | None = None
    # `"module:function"` that says how PyTorch's files of weights call the layers, as
    # `torchvision` explains; None if there are no such files.
    torch_names: str | None = None
    # The layer at whose maps answers are explained; None for the last map before any
    # pooling, which suits nearly all networks.
    explained_layer: str | None = None

    @property
    def channels(self) -> int:
        """The channels of the network's input: 1 of grey pictures, or 3."""
        return 1 if self.normalization == "grey" else 3

    def input_size(self, image_size: int | Literal["auto"]) -> int:
        """Returns the side of the network's input, in pixels.

        Args:
            image_size: what is asked for; `auto` is the network's own.

        Raises:
            ConfigError: if the images are smaller than `min_size`.
        """
        if image_size == "auto":
            return self.image_size
        if image_size < self.min_size:
            raise ConfigError(
                f"{option('--image-size')} is {image_size}; {self.name} needs at least "
                f"{self.min_size} (it is made for {self.image_size})."
            )
        return image_size
