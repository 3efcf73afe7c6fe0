"""The images in which the channels of a layer are strongest, and what they see there.

Source: Zeiler and Fergus, 2014, section 4, https://arxiv.org/abs/1311.2901. They show
the parts of images beside what a deconvolutional network makes of the activation; here,
the map of the channel stands beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnxfer.data.dataset import Example
from cnnxfer.data.views.views import Views, pixel_batches
from cnnxfer.reporting import Reporter
from cnnxfer.tasks.answer import DIGITS

if TYPE_CHECKING:
    from cnnxfer.networks.explained.channels import Channels

CHANNELS, PATCHES = 12, 9  # that are shown
BATCH = 32  # views that are computed at once


@dataclass(frozen=True, eq=False)
class Patch:
    """What a channel sees where it is strongest in an image.

    Attributes:
        id: the image.
        activation: how strong it is there.
        box: the left, top, right and bottom edge of what it sees of the view that the
            network is shown, in pixels of the view.
        view: that view, uint8 `(size, size, 3)`.
        map: float32 `(rows, columns)`: the channel's activations, as they are.
    """

    id: str
    activation: float
    box: tuple[int, int, int, int]
    view: np.ndarray = field(repr=False)
    map: np.ndarray = field(repr=False)

    @property
    def pixels(self) -> np.ndarray:
        """What the channel sees of the view, uint8 `(height, width, 3)`."""
        left, top, right, bottom = self.box
        return self.view[top:bottom, left:right]


@dataclass(frozen=True)
class Channel:
    """A channel, and the images in which it is strongest.

    Attributes:
        number: its position among the channels of the layer, from 0.
        patches: the strongest first.
    """

    number: int
    patches: tuple[Patch, ...]


@dataclass(frozen=True, eq=False)
class ExplainedLayer:
    """What the channels of a layer see.

    Attributes:
        model: the name of the model.
        layer: the name of the layer.
        images: the number of images that were looked at.
        field_size: the height and width of what a place of its maps sees, in pixels of
            the view; it may be larger than the view.
        channels: those that are strongest, by the mean of their patches' activations.
        filters: those of the first convolution as pictures, uint8 `(filters, height,
            width, 3 or 1)`; None of other layers.
    """

    model: str
    layer: str
    images: int
    field_size: tuple[int, int]
    channels: tuple[Channel, ...]
    filters: np.ndarray | None = field(default=None, repr=False)

    def as_json(self) -> dict[str, Any]:
        """Returns the object that `--json` prints."""
        return {
            "model": self.model,
            "layer": self.layer,
            "images": self.images,
            "field_size": list(self.field_size),
            "channels": [
                {
                    "channel": channel.number,
                    "patches": [
                        {
                            "id": patch.id,
                            "activation": round(patch.activation, DIGITS),
                            "box": list(patch.box),
                        }
                        for patch in channel.patches
                    ],
                }
                for channel in self.channels
            ],
        }


def explained_layer(
    model: str,
    channels: Channels,
    examples: Sequence[Example],
    views: Views,
    image_size: int,
    reporter: Reporter,
) -> ExplainedLayer:
    """Returns what the channels of a layer see in images.

    Args:
        model: the name of the model.
        channels: those of the layer.
        examples: the images, at least one.
        views: what the network is shown of them.
        image_size: the side of the views, in pixels.
        reporter: shows the progress.

    Raises:
        DataError: if an image cannot be read any more.
    """

    def pixels(some: Sequence[Example], title: str) -> Iterator[np.ndarray]:
        batches = pixel_batches(some, [views], image_size=image_size, batch_size=BATCH)
        with reporter.progress(title, len(some), "images") as advance:
            for batch in batches:
                yield batch
                advance(len(batch))

    found = channels.strongest(
        pixels(examples, f"looking at {channels.layer}"), PATCHES
    )
    order = np.argsort(-found.activations.mean(axis=1), kind="stable")
    chosen = order[:CHANNELS].tolist()
    needed = np.unique(found.images[chosen]).tolist()
    again = pixels([examples[at] for at in needed], "cutting out patches")
    shown: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    for batch in again:
        maps = channels.maps(batch)[..., chosen]
        first = len(shown)
        shown |= {
            needed[first + at]: each
            for at, each in enumerate(zip(batch, maps, strict=True))
        }
    return ExplainedLayer(
        model,
        channels.layer,
        len(examples),
        channels.field_size,
        tuple(
            Channel(
                number,
                tuple(
                    Patch(
                        examples[image].id,
                        activation,
                        channels.box(place, image_size),
                        shown[image][0],
                        shown[image][1][..., position],
                    )
                    for activation, image, place in zip(
                        found.activations[number].tolist(),
                        found.images[number].tolist(),
                        found.places[number].tolist(),
                        strict=True,
                    )
                ),
            )
            for position, number in enumerate(chosen)
        ),
        channels.filters(),
    )
