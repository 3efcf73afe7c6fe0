from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest

from cnnxfer.config import FineTune, Phase
from cnnxfer.config.setting import settings_in
from cnnxfer.training.optimization.optimizers import build_optimizer

PLAIN = Phase(optimizer="sgd", momentum=0.0)


def model_of_ones() -> keras.Model:
    """Returns a model whose kernel and bias are all ones."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    for weight in model.weights:
        weight.assign(np.ones(weight.shape))
    return model


def updated(
    settings: Phase,
    gradients: list[float],
    *,
    rate: float = 0.1,
    factors: list[float] | None = None,
    **options: Any,
) -> list[np.ndarray]:
    """Returns kernel and bias, initially ones, after updates with uniform gradients.

    Args:
        settings: of the optimizer.
        gradients: of every number, batch by batch.
        rate: of each update.
        factors: of kernel and bias.
        options: of `build_optimizer`.
    """
    model = model_of_ones()
    paths = [variable.path for variable in model.trainable_variables]
    optimizer = build_optimizer(
        settings,
        model.trainable_variables,
        factors=dict(zip(paths, factors, strict=True)) if factors else None,
        **options,
    )
    optimizer.learning_rate = rate
    for gradient in gradients:
        optimizer.apply(
            [
                keras.ops.full(weight.shape, gradient, dtype="float32")
                for weight in model.trainable_variables
            ]
        )
    return [keras.ops.convert_to_numpy(weight) for weight in model.weights]


def keras_optimizer(name: str) -> keras.optimizers.Optimizer:
    kinds = {
        "sgd": keras.optimizers.SGD(0.1, momentum=0.9),
        "adamw": keras.optimizers.AdamW(0.1, weight_decay=0.01),
        "adam": keras.optimizers.Adam(0.1),
        "lion": keras.optimizers.Lion(0.1, weight_decay=0.01),
        "rmsprop": keras.optimizers.RMSprop(0.1),
    }
    kinds[name].exclude_from_weight_decay(var_names=["bias"])
    return kinds[name]


@pytest.mark.parametrize("name", settings_in(Phase)["optimizer"].words)
def test_updates_are_those_of_keras(name: str) -> None:
    model = model_of_ones()
    optimizer = keras_optimizer(name)
    optimizer.build(model.trainable_variables)
    gradients = [1.0, -0.5, 2.0]
    for gradient in gradients:
        optimizer.apply(
            [
                keras.ops.full(weight.shape, gradient, dtype="float32")
                for weight in model.trainable_variables
            ]
        )
    decay = 0.01 if name in ("adamw", "lion") else 0.0
    found = updated(Phase(optimizer=name, weight_decay=decay), gradients)
    for actual, weight in zip(found, model.weights, strict=True):
        np.testing.assert_allclose(actual, weight, rtol=1e-6)
        assert np.ptp(actual) == 0
        assert actual.flat[0] != 1


@pytest.mark.parametrize("name", settings_in(Phase)["optimizer"].words)
def test_weight_decay_spares_biases(name: str) -> None:
    settings = Phase(optimizer=name, weight_decay=0.5)
    kernel, bias = updated(settings, [0.0])
    np.testing.assert_allclose(kernel, 1 - 0.1 * 0.5, rtol=1e-6)
    np.testing.assert_array_equal(bias, 1)


@pytest.mark.parametrize("name", settings_in(Phase)["optimizer"].words)
def test_without_weight_decay_nothing_moves_by_itself(name: str) -> None:
    for weight in updated(Phase(optimizer=name), [0.0, 0.0]):
        np.testing.assert_array_equal(weight, 1)


def test_weight_decay_spares_depthwise_kernels_and_scales() -> None:
    layers = [
        keras.layers.DepthwiseConv2D(2, use_bias=False, name="depthwise"),
        keras.layers.Conv2D(3, 1, groups=3, use_bias=False, name="grouped"),
        keras.layers.BatchNormalization(name="norm"),
        keras.layers.SeparableConv2D(2, 1, use_bias=False, name="separable"),
        keras.layers.Conv2D(2, 1, use_bias=False, name="plain"),
    ]
    model = keras.Sequential([keras.Input((4, 4, 3)), *layers])
    before = model.get_weights()
    settings = replace(PLAIN, weight_decay=0.5)
    optimizer = build_optimizer(settings, model.trainable_variables)
    optimizer.learning_rate = 1.0
    optimizer.apply([keras.ops.zeros(it.shape) for it in model.trainable_variables])
    moved = {
        weight.path.split("/", 1)[1]
        for weight, first in zip(model.weights, before, strict=True)
        if not np.array_equal(weight, first)
    }
    assert moved == {"separable/pointwise_kernel", "plain/kernel"}


def test_sgd_uses_momentum_and_nesterov() -> None:
    settings = Phase(optimizer="sgd", momentum=0.9)
    plain, _ = updated(settings, [1.0])
    np.testing.assert_allclose(plain, 1 - 0.1, rtol=1e-6)
    twice, _ = updated(settings, [1.0, 1.0])
    np.testing.assert_allclose(twice, 1 - 0.1 - 0.19, rtol=1e-6)
    ahead, _ = updated(replace(settings, nesterov=True), [1.0])
    np.testing.assert_allclose(ahead, 1 - 0.1 * 1.9, rtol=1e-6)


@pytest.mark.parametrize("replicas", [1, 2])
def test_gradients_are_clipped_together(replicas: int) -> None:
    settings = Phase(optimizer="sgd", clip_norm=1.0)
    after = updated(settings, [100.0], rate=1.0, replicas=replicas)
    moved = 1 - np.concatenate([weight.ravel() for weight in after])
    # What the replicas clip is added up.
    assert np.linalg.norm(moved) == pytest.approx(1.0 / replicas)


@pytest.mark.parametrize("name", settings_in(Phase)["optimizer"].words)
def test_a_factor_of_0_changes_nothing(name: str) -> None:
    settings = Phase(optimizer=name, weight_decay=0.5)
    kernel, bias = updated(settings, [1.0, 2.0], factors=[0.0, 1.0])
    np.testing.assert_array_equal(kernel, 1)
    assert (bias != 1).all()
    kernel, _ = updated(settings, [float("nan")], factors=[0.0, 1.0])
    np.testing.assert_array_equal(kernel, 1)


@pytest.mark.parametrize("decay", [0.0, 0.5])
@pytest.mark.parametrize("name", settings_in(Phase)["optimizer"].words)
def test_a_factor_multiplies_the_rate(name: str, decay: float) -> None:
    settings = Phase(optimizer=name, weight_decay=decay)
    gradients = [1.0, 2.0, -1.0]
    half, whole = updated(settings, gradients, factors=[0.5, 1.0])
    lower, _ = updated(settings, gradients, rate=0.05)
    np.testing.assert_allclose(half, lower, rtol=1e-6)
    np.testing.assert_array_equal(whole, updated(settings, gradients)[1])
    assert abs(1 - half).max() < abs(1 - updated(settings, gradients)[0]).max()


def test_half_of_the_rate_moves_weights_half_as_far() -> None:
    half, whole = updated(PLAIN, [1.0], factors=[0.5, 1.0])
    np.testing.assert_allclose(1 - half, 0.05, rtol=1e-6)
    np.testing.assert_allclose(1 - whole, 0.1, rtol=1e-6)
    # Adam's step is that of its rate, whatever the gradient.
    half, _ = updated(Phase(optimizer="adam"), [7.0], factors=[0.5, 1.0])
    np.testing.assert_allclose(1 - half, 0.05, rtol=1e-5)


@pytest.mark.parametrize("name", settings_in(Phase)["optimizer"].words)
def test_accumulated_gradients_make_one_update_of_their_mean(name: str) -> None:
    settings = Phase(optimizer=name, weight_decay=0.1, clip_norm=1.0, ema=0.5)
    kernel, bias = updated(settings, [0.1, 0.3, 1.0, 0.0], accumulate=2)
    for actual, reference in zip(
        (kernel, bias), updated(settings, [0.2, 0.5]), strict=True
    ):
        np.testing.assert_allclose(actual, reference, rtol=1e-6)
    first, _ = updated(settings, [0.1], accumulate=2)
    np.testing.assert_array_equal(first, 1)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_averages_follow_the_weights(accumulate: int) -> None:
    model = model_of_ones()
    settings = replace(PLAIN, ema=0.3)
    optimizer = build_optimizer(
        settings, model.trainable_variables, accumulate=accumulate
    )
    optimizer.learning_rate = 0.1
    expected = value = 1.0
    for update in range(4):
        for _ in range(accumulate):
            optimizer.apply(
                [keras.ops.ones(it.shape) for it in model.trainable_variables]
            )
        kept = min(0.3, (1 + update) / (10 + update))
        value -= 0.1
        expected = kept * expected + (1 - kept) * value
    for variable in model.trainable_variables:
        np.testing.assert_allclose(variable, value, rtol=1e-6)
    optimizer.finalize_variable_values(model.trainable_variables)
    for variable in model.trainable_variables:
        np.testing.assert_allclose(variable, expected, rtol=1e-6)


def test_averages_begin_with_the_weights() -> None:
    model = model_of_ones()
    optimizer = build_optimizer(replace(PLAIN, ema=0.999), model.trainable_variables)
    optimizer.finalize_variable_values(model.trainable_variables)
    for variable in model.trainable_variables:
        np.testing.assert_array_equal(variable, 1)


def test_float16_scales_the_loss() -> None:
    variables = model_of_ones().trainable_variables
    optimizer = build_optimizer(PLAIN, variables, precision="float16")
    assert float(optimizer.scale_loss(1.0)) > 1000
    plain = build_optimizer(PLAIN, variables, precision="bfloat16")
    assert float(plain.scale_loss(1.0)) == 1


def test_float16_has_rates_decay_and_averages_too() -> None:
    settings = replace(PLAIN, weight_decay=0.5)
    scale = 2.0**15
    scaled = updated(
        settings, [scale, scale], precision="float16", factors=[0.5, 0.0], accumulate=2
    )
    plain = updated(settings, [1.0], factors=[0.5, 0.0])
    for actual, reference in zip(scaled, plain, strict=True):
        np.testing.assert_allclose(actual, reference, rtol=1e-6)


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_variables_have_the_same_names_in_every_process(precision: str) -> None:
    settings = FineTune(ema=0.9)
    variables = model_of_ones().trainable_variables
    one, other = (
        build_optimizer(settings, variables, precision=precision, accumulate=2)
        for _ in range(2)
    )
    paths = [variable.path for variable in one.variables]
    assert paths == [variable.path for variable in other.variables]
    assert len(set(paths)) == len(paths)


def test_the_optimizer_works_in_fit() -> None:
    settings = FineTune(optimizer="adamw", ema=0.9, clip_norm=1.0)
    model = model_of_ones()
    factors = {model.trainable_variables[1].path: 0.0}
    optimizer = build_optimizer(
        settings, model.trainable_variables, accumulate=2, factors=factors
    )
    optimizer.learning_rate = 0.01
    model.compile(optimizer, loss="mse", auto_scale_loss=False)
    inputs = np.random.default_rng(0).normal(size=(16, 2)).astype(np.float32)
    losses = model.fit(inputs, inputs, batch_size=4, epochs=8, verbose=0).history
    assert losses["loss"][-1] < losses["loss"][0]
    kernel, bias = model.get_weights()
    assert not np.array_equal(kernel, np.ones((2, 2)))
    np.testing.assert_array_equal(bias, 1)
