"""Layers of the classic networks that Keras does not have."""

from collections.abc import Sequence
from functools import reduce
from typing import Any

import keras
import numpy as np
from keras import ops

PACKAGE = "cnnxfer"  # before the names of these layers in a saved model


@keras.saving.register_keras_serializable(PACKAGE)
class ScaledTanh(keras.layers.Layer):
    """The squashing function 1.7159 tanh(2x/3), which keeps -1 and 1 as they are.

    LeCun et al., 1998, appendix A, http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf.
    """

    def call(self, inputs: Any) -> Any:
        """Returns the squashed values."""
        return 1.7159 * ops.tanh(2 / 3 * inputs)


@keras.saving.register_keras_serializable(PACKAGE)
class LocalResponseNormalization(keras.layers.Layer):
    """Divides each value by the size of its neighbours in depth, at the same place.

    A unit that is strongly excited quiets those of the maps beside it, so maps learn
    to differ (Krizhevsky et al., 2012, section 3.3,
    https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks):
    `x / (bias + alpha * sum of the squares of `depth` maps) ** beta`.

    The input is `(batch, height, width, channels)`, and so is the output.
    """

    def __init__(
        self,
        depth: int = 5,
        bias: float = 2.0,
        alpha: float = 1e-4,
        beta: float = 0.75,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.depth, self.bias, self.alpha, self.beta = depth, bias, alpha, beta

    def call(self, inputs: Any) -> Any:
        """Returns the normalized maps."""
        # Sums over neighbours are one product with a matrix of zeros and ones, and a
        # power is a logarithm and an exponential: with sums of slices and `ops.power`,
        # TensorFlow takes nine times as long to train this layer.
        maps = np.arange(inputs.shape[-1])
        before = self.depth // 2
        distance = maps[:, None] - maps[None, :] + before
        near = (distance >= 0) & (distance < self.depth)
        total = ops.matmul(ops.square(inputs), ops.cast(near, inputs.dtype))
        size = ops.log(self.bias + self.alpha * total)
        return inputs * ops.exp(-self.beta * size)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        own = {name: getattr(self, name) for name in ("depth", "bias", "alpha", "beta")}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(PACKAGE)
class DepthwiseMaxPooling(keras.layers.Layer):
    """Keeps the largest of each `pool_size` maps in a row, at every place.

    A network can so learn to be blind to any change that its maps tell apart, such as
    a rotation, as pooling over the picture makes it blind to small shifts.

    The input is `(batch, height, width, channels)`, the output has
    `channels / pool_size` maps.
    """

    def __init__(self, pool_size: int, **options: Any) -> None:
        super().__init__(**options)
        self.pool_size = pool_size

    def call(self, inputs: Any) -> Any:
        """Returns the largest values."""
        *sides, channels = ops.shape(inputs)[1:]
        groups = channels // self.pool_size
        parted = ops.reshape(inputs, (-1, *sides, groups, self.pool_size))
        # The gradient of `ops.max` takes two to three times as long on TensorFlow.
        return reduce(ops.maximum, ops.unstack(parted, axis=-1))

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """Returns the shape of the output, also for pictures of any size."""
        return (*input_shape[:-1], (input_shape[-1] or 0) // self.pool_size)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "pool_size": self.pool_size}


@keras.saving.register_keras_serializable(PACKAGE)
class PaddedShortcut(keras.layers.Layer):
    """Takes each `step`-th place, with zeros for the maps that the input lacks.

    It lets a residual unit have more maps than its input without any weights (He et
    al., 2015, https://arxiv.org/abs/1512.03385, section 3.3, option A).

    The input is `(batch, height, width, channels)`, the output `(batch, height / step,
    width / step, maps)`, the sides rounded up.
    """

    def __init__(self, maps: int, step: int, **options: Any) -> None:
        super().__init__(**options)
        self.maps, self.step = maps, step

    def call(self, inputs: Any) -> Any:
        """Returns the maps, smaller and more."""
        more = self.maps - inputs.shape[-1]
        # Averages of single places: slices take five times as long on TensorFlow.
        smaller = ops.average_pool(inputs, 1, self.step)
        return ops.pad(smaller, [[0, 0]] * 3 + [[0, more]])

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "maps": self.maps, "step": self.step}


@keras.saving.register_keras_serializable(PACKAGE)
class PartialConvolution(keras.layers.Layer):
    """A convolution whose maps each read some of the input's maps, without padding.

    It keeps weights for these connections alone (LeCun et al., 1998, table I,
    http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf).

    The input is `(batch, height, width, channels)`, the output `(batch, height -
    kernel_size + 1, width - kernel_size + 1, len(sources))`.

    Args:
        kernel_size: height and width of the kernels.
        sources: for each map of the output, the positions of the maps that it reads.
        options: those of `keras.layers.Layer`.
    """

    def __init__(
        self, kernel_size: int, sources: Sequence[Sequence[int]], **options: Any
    ) -> None:
        super().__init__(**options)
        self.kernel_size, self.sources = kernel_size, [list(each) for each in sources]

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes a kernel for each connection, and a bias for each map."""
        size, channels = self.kernel_size, int(input_shape[-1] or 0)
        pairs = [
            (source, map) for map, each in enumerate(self.sources) for source in each
        ]
        # Row i says to which pair of maps the kernel i belongs.
        place = np.zeros((len(pairs), channels, len(self.sources)), "float32")
        for i, pair in enumerate(pairs):
            place[(i, *pair)] = 1
        self._place = place.reshape(len(pairs), -1)
        fan_in = size * size * np.mean([len(each) for each in self.sources])
        self.kernels = self.add_weight(
            shape=(size, size, len(pairs)),
            initializer=keras.initializers.RandomUniform(-2.4 / fan_in, 2.4 / fan_in),
            name="kernels",
        )
        self.bias = self.add_weight(
            shape=(len(self.sources),), initializer="zeros", name="bias"
        )

    def call(self, inputs: Any) -> Any:
        """Returns the convolved maps."""
        size, channels = self.kernel_size, inputs.shape[-1]
        place = ops.cast(self._place, inputs.dtype)
        kernel = ops.reshape(
            ops.matmul(self.kernels, place), (size, size, channels, len(self.sources))
        )
        return ops.conv(inputs, kernel, padding="valid") + self.bias

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """Returns the shape of the output, known before the layer is built."""
        batch, *sides, _channels = input_shape
        less = self.kernel_size - 1
        smaller = (None if side is None else side - less for side in sides)
        return (batch, *smaller, len(self.sources))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        own = {"kernel_size": self.kernel_size, "sources": self.sources}
        return {**super().get_config(), **own}
