import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from cnnxfer.networks.fused.norm import normalize_batch


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((3, 4, 5, 6), {}),
        ((3, 4, 5, 6), {"scale": False, "momentum": 0.9}),
        ((3, 4, 5, 6), {"center": False, "epsilon": 1e-5}),
        ((3, 1, 1, 6), {}),
        ((1, 1, 1, 6), {}),
        ((3, 4, 5, 6), {"axis": 1}),
        ((3, 4, 5, 6), {"synchronized": True}),
        ((8, 6), {}),
    ],
)
def test_outputs_gradients_and_statistics_match_keras(
    shape: tuple[int, ...], options: dict[str, object], dtype: str
) -> None:
    random = np.random.default_rng(0)
    x = tf.cast(random.normal(3, 2, shape), "bfloat16")
    weights = random.normal(size=shape)

    def results(fast: bool, dtype: str) -> list[np.ndarray]:
        norm = layers.BatchNormalization(**options)
        norm.build(shape)
        for number, variable in enumerate(norm.weights):
            variable.assign(variable + 0.1 * number)
        mine = tf.cast(x, dtype)
        learning = [variable.value for variable in norm.trainable_variables]
        with tf.GradientTape() as tape:
            tape.watch(mine)
            y = normalize_batch(mine, norm) if fast else norm(mine, training=True)
            loss = tf.reduce_sum(tf.cast(y, "float32") * weights)
        assert y.dtype == dtype
        gradients = tape.gradient(loss, [mine, *learning])
        return [
            np.asarray(keras.ops.cast(value, "float32"))
            for value in (y, *gradients, *norm.weights)
        ]

    tolerance = 1e-4 if dtype == "float32" else 0.02
    pairs = zip(results(True, dtype), results(False, "float32"), strict=True)
    for found, expected in pairs:
        near = tolerance * max(np.abs(expected).max(), 1)
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=near)
