"""The block that lets a network weigh its maps by what the whole picture shows.

J. Hu, L. Shen, S. Albanie, G. Sun, E. Wu: Squeeze-and-Excitation Networks, 2017,
https://arxiv.org/abs/1709.01507, section 3.
"""

from typing import Any

from keras import layers

REDUCTION = 16


def squeeze_and_excite(x: Any, name: str) -> Any:
    """Multiplies each map by a weight in (0, 1) that all maps together tell.

    Returns:
        A tensor of the shape of `x`, `(batch, height, width, channels)`.
    """
    channels = x.shape[-1]
    weight = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_squeeze")(x)
    weight = layers.Conv2D(  # 1x1x(channels / 16)
        channels // REDUCTION,
        1,
        activation="relu",
        kernel_initializer="he_normal",
        name=f"{name}_reduce",
    )(weight)
    weight = layers.Conv2D(  # 1x1xchannels
        channels, 1, activation="sigmoid", name=f"{name}_excite"
    )(weight)
    return layers.Multiply(name=f"{name}_weighted")([x, weight])
