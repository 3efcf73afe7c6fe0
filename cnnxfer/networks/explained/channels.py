"""What the channels of a layer see: where they are strongest, and their filters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from cnnxfer.backbones.backbone import Backbone
from cnnxfer.errors import ConfigError
from cnnxfer.networks.classifier import backbone_of
from cnnxfer.networks.explained.layer import part_before
from cnnxfer.networks.explained.receptive_field import receptive_field
from cnnxfer.registry import suggestion
from cnnxfer.spelling import option


@dataclass(frozen=True)
class Strongest:
    """Where each channel is strongest, one place in an image, the strongest first.

    Attributes:
        activations: float32 `(channels, patches)`, descending along patches.
        images: int64 `(channels, patches)`: the numbers of the images.
        places: int64 `(channels, patches)`: the places, counted row by row.
    """

    activations: np.ndarray
    images: np.ndarray
    places: np.ndarray


class Channels:
    """The channels of a layer of a classifier.

    Attributes:
        layer: the name of the layer.
        field_size: the height and width in pixels of what a place of its maps sees.
    """

    def __init__(
        self, classifier: keras.Model, entry: Backbone, layer: str | None
    ) -> None:
        """Finds the layer; without a name, it is the first convolution.

        Raises:
            ConfigError: if there is no layer of that name, or it has no maps.
        """
        network = backbone_of(classifier)
        with_maps = {
            each.name: each
            for each in network.operations[1:]
            if len(each.output.shape) == 4 and max(each.output.shape[1:3]) > 1
        }
        filters = next(name for name in with_maps if _kernel(with_maps[name]))
        self.layer = layer or filters
        if self.layer not in with_maps:
            raise ConfigError(
                f"{option('--layer')} is {layer!r}, and {entry.name} has no layer of "
                f"that name with maps.{suggestion(self.layer, with_maps)} All: "
                f"cnnxfer backbones show {entry.name} --layers"
            )
        self._operation = with_maps[self.layer]
        self._sees_pixels = self.layer == filters
        self._blue_first = entry.normalization == "caffe"
        self._down, self._across = receptive_field(network, self.layer)
        self._before = part_before(classifier, entry, self.layer)
        self.field_size = (
            self._down.last - self._down.first,
            self._across.last - self._across.first,
        )

    def maps(self, views: np.ndarray) -> np.ndarray:
        """Returns the maps of views, float32 `(views, rows, columns, channels)`.

        Args:
            views: uint8 `(views, size, size, 3)`.
        """
        found: np.ndarray = ops.convert_to_numpy(self._before(views, training=False))
        return found

    def strongest(self, batches: Iterable[np.ndarray], patches: int) -> Strongest:
        """Returns where each channel is strongest in many views, in little memory.

        Args:
            batches: of views, as `maps` takes them.
            patches: how many images are kept of each channel.
        """
        count = self._operation.output.shape[-1]
        nothing = np.empty((count, 0), np.float32), *[np.empty((count, 0), int)] * 2
        kept: Sequence[np.ndarray] = nothing  # activations, images and places
        seen = 0
        for views in batches:
            maps = self.maps(views)
            flat = maps.reshape(len(maps), -1, maps.shape[-1])
            places = flat.argmax(axis=1)
            most = np.take_along_axis(flat, places[:, None], axis=1)[:, 0]
            images = np.broadcast_to(np.arange(len(maps))[:, None] + seen, most.shape)
            new = [most.T, images.T, places.T]
            both = [
                np.concatenate(pair, axis=1) for pair in zip(kept, new, strict=True)
            ]
            order = np.argsort(-both[0], axis=1, kind="stable")[:, :patches]
            kept = [np.take_along_axis(each, order, axis=1) for each in both]
            seen += len(maps)
        return Strongest(*kept)

    def box(self, place: int, size: int) -> tuple[int, int, int, int]:
        """Returns what a place sees of a view: left, top, right and bottom, in pixels.

        Args:
            place: the place, counted row by row.
            size: the side of the view, at whose edges the box ends.
        """
        row, column = divmod(place, self._operation.output.shape[2])
        top, bottom = self._down.at(row, size)
        left, right = self._across.at(column, size)
        return left, top, right, bottom

    def filters(self) -> np.ndarray | None:
        """Returns the filters of the first convolution as pictures; None of others.

        Returns:
            uint8 `(filters, height, width, 3)`, or 1 channel of a network of grey
            pictures. Grey is a weight of 0, and the largest weight of each filter is
            0 or 255.
        """
        if not self._sees_pixels:
            return None
        kernel = np.moveaxis(ops.convert_to_numpy(self._operation.kernel), -1, 0)
        if self._blue_first:
            kernel = kernel[..., ::-1]
        most = np.abs(kernel).max(axis=(1, 2, 3), keepdims=True)
        level = kernel / np.maximum(most, np.finfo(np.float32).tiny)
        pixels: np.ndarray = np.rint(127.5 + 127.5 * level).astype(np.uint8)
        return pixels


def _kernel(operation: keras.Operation) -> bool:
    """Tells whether a layer is a convolution with a kernel of several places."""
    kernel = getattr(operation, "kernel", None)
    return kernel is not None and len(kernel.shape) == 4 and kernel.shape[0] > 1
