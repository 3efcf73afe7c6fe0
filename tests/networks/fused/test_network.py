import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops
from keras.src.applications.convnext import ConvNeXt

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.networks.classifier import all_layers, backbone_of, build_classifier
from cnnxfer.networks.cut import model_behind
from cnnxfer.networks.fused.layers import SharedNorm
from cnnxfer.networks.fused.network import fused_network
from cnnxfer.networks.graph import boundaries
from cnnxfer.tasks.task import HEAD

LABELS = np.array([0, 1, 2, 0])
# Two devices that share the processor, and a half of the batch each.
REPLICAS = """
import keras
import numpy as np
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(
    cpu, [tf.config.LogicalDeviceConfiguration()] * 2
)
from test_network import (
    LABELS, fused_network, norms_of, pixels_for, small_classifier
)

strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    model = small_classifier()
    for norm in norms_of(model)[::2]:
        norm.trainable = True
    fused = fused_network(model, "bfloat16")
    fused.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
learning = [variable.value for variable in model.trainable_variables]
before = [value.numpy() for value in learning]
fused.fit(pixels_for(model), LABELS, verbose=0)
for old, value in zip(before, learning):
    one, other = (copy.numpy() for copy in strategy.experimental_local_results(value))
    assert np.array_equal(one, other)
    assert not np.array_equal(old, one)
print(strategy.num_replicas_in_sync, "replicas")
"""


def small_classifier(network: keras.Model | None = None) -> keras.Model:
    """Builds a classifier around a network, by default one with all kinds of layers."""
    keras.utils.set_random_seed(0)
    pixels = keras.Input((32, 32, 3), name="pixels")
    x = layers.Rescaling(1 / 127.5, -1.0)(pixels)
    x = (network or small_network())(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dropout(0.5, seed=3, name="dropout")(x)
    return with_fitted_statistics(
        keras.Model(pixels, layers.Dense(3, name="logits")(x))
    )


def small_network() -> keras.Model:
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(8, 3, 2, "same", use_bias=True)(inputs)
    x = short = layers.BatchNormalization()(x)
    x = layers.ReLU(6.0)(x)
    x = layers.DepthwiseConv2D(5, 1, "same", use_bias=False)(x)
    x = layers.BatchNormalization(scale=False)(x)
    x = layers.Activation("swish")(x)
    x = layers.SeparableConv2D(8, 3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(center=False)(x)
    x = layers.Add()([x, short])
    x = layers.BatchNormalization()(x)  # nothing to fold it into
    x = layers.DepthwiseConv2D(5, 2, "same")(x)
    x = layers.Conv2D(12, 1, activation="tanh")(x)  # tanh comes before
    x = layers.BatchNormalization()(x)
    x = both = layers.Conv2D(12, 3, padding="same", dilation_rate=2)(x)
    x = layers.BatchNormalization()(x)
    x = layers.Concatenate()([x, both])  # which reads the convolution too
    x = layers.Conv2D(24, 3, padding="same", groups=24)(x)
    x = layers.Conv2D(12, 3, padding="same", groups=4)(x)
    x = layers.DepthwiseConv2D(3, depth_multiplier=2)(x)
    return keras.Model(inputs, x, name="backbone")


def with_fitted_statistics(model: keras.Model) -> keras.Model:
    """Gives BatchNormalization much what it sees as statistics, and freezes it.

    With fresh ones, hardly a signal gets through random weights.
    """
    norms = norms_of(model)
    for norm in norms:
        norm.trainable, norm.momentum = True, 0.0
    model(pixels_for(model), training=True)
    random = np.random.default_rng(0)
    for norm in norms:
        for weight in norm.weights:
            weight.assign(weight + random.uniform(0.0, 0.2, weight.shape))
        norm.trainable = False
    return model


def norms_of(model: keras.Model) -> list[layers.BatchNormalization]:
    found = all_layers(model)
    return [layer for layer in found if isinstance(layer, layers.BatchNormalization)]


def pixels_for(model: keras.Model) -> np.ndarray:
    shape = (len(LABELS), *model.input_shape[1:])
    return np.random.default_rng(1).uniform(0, 255, shape).astype(np.float32)


def logits_and_gradients(
    model: keras.Model, variables: list[keras.Variable]
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Returns the logits and the gradient of each variable, as in training."""
    for layer in all_layers(model):
        if hasattr(layer, "seed_generator"):
            layer.seed_generator.state.assign([0, 0])
    with tf.GradientTape() as tape:
        logits = model(pixels_for(model), training=True)
        loss = ops.mean(
            ops.sparse_categorical_crossentropy(LABELS, logits, from_logits=True)
        )
    gradients = tape.gradient(loss, [variable.value for variable in variables])
    return np.asarray(logits), [np.asarray(gradient) for gradient in gradients]


def relative_distance(found: np.ndarray, expected: np.ndarray) -> float:
    """Returns the L2 distance of two arrays, relative to the norm of `expected`."""
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def cosine_similarity(found: list[np.ndarray], expected: list[np.ndarray]) -> float:
    """Returns the cosine similarity of two lists of arrays."""
    mine, other = (
        np.concatenate([x.ravel() for x in row]) for row in (found, expected)
    )
    return float(mine @ other / np.linalg.norm(mine) / np.linalg.norm(other))


def assert_same(model: keras.Model) -> None:
    """Asserts that fused networks answer and learn as `model` does."""
    variables = model.trainable_variables
    logits, gradients = logits_and_gradients(model, variables)
    length = np.linalg.norm(np.concatenate([x.ravel() for x in gradients]))
    for precision in ("float32", "bfloat16"):
        fused = fused_network(model, precision)
        assert ids(fused.variables) == ids(model.variables)
        assert ids(fused.trainable_variables) == ids(variables)
        found, slopes = logits_and_gradients(fused, variables)
        assert found.dtype == np.float32
        if precision == "float32":
            assert relative_distance(found, logits) < 1e-4
            for mine, other in zip(slopes, gradients, strict=True):
                # Some are zero but for rounding: a bias before a normalization.
                near = 1e-3 * np.linalg.norm(other) + 1e-5 * length
                assert np.linalg.norm(mine - other) < near
        else:
            assert cosine_similarity([found], [logits]) > 0.99
            assert cosine_similarity(slopes, gradients) > 0.9


def ids(variables: list[keras.Variable]) -> list[int]:
    return sorted(id(variable) for variable in variables)


def test_outputs_and_gradients_match_for_all_kinds_of_layers() -> None:
    assert_same(small_classifier())


@pytest.mark.parametrize("name", ["efficientnet-lite0", "mobilenetv3small"])
def test_outputs_and_gradients_match_for_other_families(name: str) -> None:
    keras.utils.set_random_seed(0)
    entry = BACKBONES.get(name)
    assert_same(
        with_fitted_statistics(
            build_classifier(entry, image_size=64, num_classes=3, dropout=0.2)
        )
    )


def test_outputs_and_gradients_match_for_convnext() -> None:
    keras.utils.set_random_seed(0)
    widths = {"depths": [1, 1, 1, 1], "projection_dims": [8, 12, 16, 24]}
    network = ConvNeXt(
        **widths, input_shape=(32, 32, 3), include_top=False, weights=None
    )
    network.name = "backbone"
    assert_same(small_classifier(network))


def test_trainable_batch_normalization_is_trained_in_the_fused_network() -> None:
    model = small_classifier()
    for norm in norms_of(model)[::2]:
        norm.trainable = True
    statistics = [norm.moving_mean for norm in norms_of(model)]
    before = [np.array(values) for values in statistics]
    variables = model.trainable_variables
    logits, gradients = logits_and_gradients(model, variables)
    expected = [np.array(values) for values in statistics]
    for values, old in zip(statistics, before, strict=True):
        values.assign(old)
    found, slopes = logits_and_gradients(fused_network(model, "float32"), variables)
    assert relative_distance(found, logits) < 1e-4
    assert cosine_similarity(slopes, gradients) > 0.99999
    for index, values in enumerate(statistics):
        np.testing.assert_allclose(values, expected[index], rtol=1e-4, atol=1e-6)
        assert np.array_equal(values, before[index]) == bool(index % 2)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_training_the_fused_network_trains_the_model(precision: str) -> None:
    model = small_classifier()
    first = backbone_of(model).layers[1]
    first.trainable = False
    fused = fused_network(model, precision)
    fused.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    inputs = pixels_for(model)
    before = model.predict(inputs, verbose=0)
    frozen, learning = (
        [np.array(x) for x in variables]
        for variables in (model.non_trainable_weights, model.trainable_weights)
    )
    fused.fit(inputs, LABELS, verbose=0)
    for old, new in zip(learning, model.trainable_weights, strict=True):
        assert not np.array_equal(old, new)
    for old, new in zip(frozen, model.non_trainable_weights, strict=True):
        assert np.array_equal(old, new)
    after = model.predict(inputs, verbose=0)
    assert relative_distance(before, after) > 0.01
    tolerance = 1e-4 if precision == "float32" else 0.05
    assert relative_distance(fused.predict(inputs, verbose=0), after) < tolerance


def test_layer_names_and_dropout_are_those_of_the_model() -> None:
    model = small_classifier()
    fused = fused_network(model, "float32")
    mine, others = (
        [x.name for x in all_layers(it) if not isinstance(x, layers.InputLayer)]
        for it in (fused, model)
    )
    assert mine == others
    dropout = fused.get_layer("dropout")
    assert dropout.seed_generator is model.get_layer("dropout").seed_generator
    assert not hasattr(fused.get_layer("logits"), "seed_generator")


def test_pixels_and_head_stay_in_float32() -> None:
    fused = fused_network(small_classifier(), "bfloat16")
    assert backbone_of(fused)(np.zeros((1, 32, 32, 3))).dtype == "bfloat16"
    outer = [layer for layer in fused.layers if layer.name != "backbone"]
    assert {layer.compute_dtype for layer in outer} == {"float32"}
    inside = small_classifier(
        keras.Sequential(
            [layers.Rescaling(0.5), layers.Conv2D(4, 3), layers.ReLU()], name="backbone"
        )
    )
    rescaling, *others = backbone_of(fused_network(inside, "bfloat16")).layers
    assert rescaling.compute_dtype == "float32"
    assert rescaling(np.full((1, 2, 2, 1), 255.0)).numpy().max() == 127.5
    assert others[-1].compute_dtype == "bfloat16"


def test_only_hidden_convolutions_of_a_head_on_maps_leave_float32() -> None:
    maps = keras.Input((4, 4, 3))
    hidden = layers.SeparableConv2D(6, 3, activation="relu", name="hidden")(maps)
    answers = layers.Conv2D(2, 1, name="answers")(layers.Dropout(0.1)(hidden))
    head = keras.Model(maps, answers, name=HEAD)
    fused = fused_network(keras.Model(maps, head(maps)), "bfloat16").get_layer(HEAD)
    assert fused.get_layer("hidden")(np.ones((1, 4, 4, 3))).dtype == "bfloat16"
    assert fused(np.ones((1, 4, 4, 3))).dtype == "float32"
    assert fused.get_layer("answers").precision == "float32"


def test_the_part_behind_a_cut_can_be_fused() -> None:
    model = small_classifier()
    for cut in (boundaries(backbone_of(model))[9], "pool"):
        part = model_behind(model, cut)
        fused = fused_network(part, "bfloat16")
        inputs = pixels_for(part) / 255
        assert (
            relative_distance(np.asarray(fused(inputs)), np.asarray(part(inputs)))
            < 0.05
        )
        assert ids(fused.variables) == ids(part.variables)


def test_batch_normalization_is_folded_where_possible() -> None:
    inner = backbone_of(fused_network(small_classifier(), "float32")).layers
    assert sum(isinstance(layer, layers.Identity) for layer in inner) == 3
    assert sum(isinstance(layer, SharedNorm) for layer in inner) == 3


def test_the_fused_network_can_be_trained_on_several_replicas() -> None:
    """Runs in its own process, since TensorFlow's devices cannot be changed later."""
    command = [sys.executable, "-c", REPLICAS]
    done = subprocess.run(
        command, cwd=Path(__file__).parent, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("2 replicas\n")


def test_variables_have_the_same_paths_as_in_the_model() -> None:
    model = small_classifier()
    fused = fused_network(model, "bfloat16")
    paths = {variable.path for variable in model.trainable_variables}
    assert {variable.path for variable in fused.trainable_variables} == paths


@pytest.mark.parametrize("name", ["lenet5", "alexnet", "depth-pooling"])
def test_outputs_and_gradients_match_for_layers_of_our_own(name: str) -> None:
    keras.utils.set_random_seed(0)
    entry = BACKBONES.get(name)
    size = entry.min_size
    assert_same(build_classifier(entry, image_size=size, num_classes=3, dropout=0.2))
