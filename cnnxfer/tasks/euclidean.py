"""The output layer of LeNet-5: how far features are from a centre of each class."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("cnnxfer")
class EuclideanDistances(keras.layers.Layer):
    """Returns the squared distance to each class's centre, negative, as its logit.

    `-sum((x - centre) ** 2) / temperature`, of LeCun et al., 1998, section II.B,
    http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf. There the centres stay what they
    are, pictures of the characters in -1 and 1, for the 84 features of F6. As is usual
    today, the centres learn here, and so does the temperature, which suits them to
    features of any number and size. Softmax and cross-entropy of these logits are the
    paper's loss (equation 9) without its constant for rubbish.

    The input is `(..., channels)`, the output `(..., units)`.

    Args:
        units: the number of classes.
        centre_initializer: of the first centres, `(channels, units)`.
        options: those of `keras.layers.Layer`.
    """

    def __init__(
        self,
        units: int,
        centre_initializer: Any = "glorot_uniform",
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.units = units
        self.centre_initializer = keras.initializers.get(centre_initializer)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes a centre for each class, and the temperature, which begins with 1."""
        self.centres = self.add_weight(
            shape=(input_shape[-1], self.units),
            initializer=self.centre_initializer,
            name="centres",
        )
        self.log_temperature = self.add_weight(
            shape=(1,), initializer="zeros", name="log_temperature"
        )

    def call(self, inputs: Any) -> Any:
        """Returns the logits, at most 0."""
        # What all centres have in common would cost digits in the squares.
        middle = ops.mean(self.centres, axis=1)
        x, centres = inputs - middle, self.centres - middle[:, None]
        distances = (
            ops.sum(ops.square(x), axis=-1, keepdims=True)
            - 2 * ops.matmul(x, centres)
            + ops.sum(ops.square(centres), axis=0)
        )
        return -distances * ops.exp(-self.log_temperature)

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """Returns the shape of the output, known before the layer is built."""
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        centre = keras.initializers.serialize(self.centre_initializer)
        own = {"units": self.units, "centre_initializer": centre}
        return {**super().get_config(), **own}
