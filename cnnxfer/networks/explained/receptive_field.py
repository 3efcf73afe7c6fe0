"""What a place of a layer's maps sees of the view: its receptive field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras

from cnnxfer.backbones.classics.layers import PartialConvolution

GLOBAL = (keras.layers.GlobalAveragePooling2D, keras.layers.GlobalMaxPooling2D)


@dataclass(frozen=True)
class Field:
    """What the places of a map see along one axis, in pixels of the view.

    Place 0 sees the pixels from `first` up to, but not including, `last`, and the next
    place the same, `step` further on. Edges may lie outside of the view.
    """

    first: int
    last: int
    step: int

    def at(self, place: int, size: int) -> tuple[int, int]:
        """Returns the pixels that a place sees of a view of `size`: first, and end."""
        start = self.step * place
        return max(0, self.first + start), min(size, self.last + start)

    def through(self, size: int, step: int, before: int) -> Field:
        """Returns what places of a layer see whose kernel has `size` places of these.

        Args:
            size: from the first to the last place that the kernel sees, inclusive.
            step: how many places the kernel moves.
            before: how many places of padding the first kernel begins with.
        """
        first = self.first - before * self.step
        last = self.last + (size - 1 - before) * self.step
        return Field(first, last, self.step * step)


def receptive_field(network: keras.Model, layer: str) -> tuple[Field, Field]:
    """Returns what places of a layer see, down and across.

    All paths to the layer count. What is gathered from a whole map, as
    squeeze-and-excitation does to weight channels, counts for nothing: it is the same
    for all places. So does normalization over channels.

    Args:
        network: the backbone.
        layer: the name of a layer with maps.

    Source: Araujo et al., 2019, https://doi.org/10.23915/distill.00021.
    """
    pixel = Field(0, 1, 1)
    fields: dict[int, tuple[Field, Field] | None] = {}
    for operation in network.operations:
        found: tuple[Field, Field] | None = (pixel, pixel)
        if not isinstance(operation, keras.layers.InputLayer):
            read = [fields[id(each)] for each in keras.tree.flatten(operation.input)]
            found = _passed(operation, [each for each in read if each])
        if operation.name == layer:
            assert found, f"{layer} has no places"
            return found
        fields |= {id(each): found for each in keras.tree.flatten(operation.output)}
    raise ValueError(f"no layer is called {layer!r}")


def _passed(
    operation: Any, known: list[tuple[Field, Field]]
) -> tuple[Field, Field] | None:
    """Returns what an operation's places see, given what those of its inputs do."""
    if not known or isinstance(operation, GLOBAL):
        return None  # it has no places
    sides = operation.output.shape[1:3]
    inputs = keras.tree.flatten(operation.input)[0].shape[1:3]
    axes = []
    for axis in (0, 1):
        seen = [each[axis] for each in known]
        field = Field(
            min(each.first for each in seen),
            max(each.last for each in seen),
            max(each.step for each in seen),
        )
        axes.append(_along(operation, axis, field, inputs[axis], sides[axis]))
    return axes[0], axes[1]


def _along(operation: Any, axis: int, field: Field, length: int, places: int) -> Field:
    """Returns what places see along an axis, of which the inputs' see a field.

    Args:
        operation: the operation.
        axis: 0 for down, 1 for across.
        field: what places of its inputs see.
        length: how many places its inputs have.
        places: how many places it has.
    """
    if isinstance(operation, keras.layers.ZeroPadding2D):
        return field.through(1, 1, operation.padding[axis][0])
    if isinstance(operation, keras.layers.Cropping2D):
        return field.through(1, 1, -operation.cropping[axis][0])
    kernel = getattr(operation, "kernel_size", getattr(operation, "pool_size", None))
    if isinstance(operation, PartialConvolution):  # without padding
        return field.through(operation.kernel_size, 1, 0)
    if not isinstance(kernel, tuple):
        # What takes each place by itself, or takes some of them and drops the others.
        return field.through(1, max(1, round(length / places)), 0)
    dilation = getattr(operation, "dilation_rate", (1, 1))
    size = (kernel[axis] - 1) * dilation[axis] + 1
    step = operation.strides[axis]
    # How Keras pads for `same`: the odd one comes last.
    needed = max((places - 1) * step + size - length, 0)
    return field.through(size, step, needed // 2 if operation.padding == "same" else 0)
