import math
from dataclasses import replace

import keras
import numpy as np
import pytest

from cnnxfer.config import FineTune, Phase
from cnnxfer.training.optimizers import Schedule, build_optimizer


def rates(settings: Phase, steps: list[int], steps_per_epoch: int = 10) -> list[float]:
    schedule = Schedule(settings, steps_per_epoch)
    return [float(schedule(step)) for step in steps]


def test_constant() -> None:
    settings = Phase(learning_rate=0.1, schedule="constant")
    assert rates(settings, [0, 5, 99, 1000]) == pytest.approx([0.1] * 4)


def test_cosine_falls_from_the_highest_rate_to_zero() -> None:
    settings = Phase(epochs=10, learning_rate=0.1, schedule="cosine")
    assert rates(settings, [0, 25, 50, 100, 200]) == pytest.approx(
        [0.1, 0.05 * (1 + math.cos(math.pi / 4)), 0.05, 0.0, 0.0], abs=1e-8
    )


def test_inverse_time_is_the_textbooks() -> None:
    settings = Phase(learning_rate=0.2, schedule="inverse-time", decay=0.01)
    steps = [0, 1, 100, 1000]
    expected = [0.2 / (1 + 0.01 * step) for step in steps]
    assert rates(settings, steps) == pytest.approx(expected)


@pytest.mark.parametrize("schedule", ["constant", "cosine", "inverse-time"])
def test_warm_up_climbs_evenly_and_then_the_schedule_begins(schedule: str) -> None:
    settings = Phase(learning_rate=0.1, schedule=schedule, warmup_epochs=0.5)
    climbing = rates(settings, [0, 1, 2, 3, 4, 5])
    assert climbing == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.1, 0.1])
    assert (rates(settings, [20])[0] < 0.1) == (schedule != "constant")


def one_step(settings: Phase, gradient: float, replicas: int = 1) -> list[np.ndarray]:
    """Returns a kernel and a bias, once all ones, after one step."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    for weight in model.weights:
        weight.assign(np.ones(weight.shape))
    optimizer = build_optimizer(
        settings, Schedule(settings, 1), model, replicas=replicas
    )
    optimizer.build(model.trainable_variables)
    gradients = [
        np.full(weight.shape, gradient, np.float32) for weight in model.weights
    ]
    optimizer.apply([keras.ops.convert_to_tensor(value) for value in gradients])
    return [np.asarray(weight) for weight in model.weights]


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_weight_decay_spares_biases(name: str) -> None:
    settings = Phase(
        optimizer=name, learning_rate=0.1, weight_decay=0.5, schedule="constant"
    )
    kernel, bias = one_step(settings, gradient=0.0)
    np.testing.assert_allclose(kernel, 1 - 0.1 * 0.5, rtol=1e-6)
    np.testing.assert_array_equal(bias, 1)
    kernel, _ = one_step(replace(settings, weight_decay=0.0), gradient=0.0)
    np.testing.assert_array_equal(kernel, 1)


def test_sgd_takes_its_momentum_and_nesterovs_form() -> None:
    settings = Phase(
        optimizer="sgd", learning_rate=0.1, momentum=0.9, schedule="constant"
    )
    plain, _ = one_step(settings, gradient=1.0)
    np.testing.assert_allclose(plain, 1 - 0.1, rtol=1e-6)
    ahead, _ = one_step(replace(settings, nesterov=True), gradient=1.0)
    np.testing.assert_allclose(ahead, 1 - 0.1 * 1.9, rtol=1e-6)


@pytest.mark.parametrize("replicas", [1, 2])
def test_gradients_are_clipped_together(replicas: int) -> None:
    settings = FineTune(
        learning_rate=1.0, clip_norm=1.0, nesterov=False, warmup_epochs=0.0
    )
    after = one_step(settings, gradient=100.0, replicas=replicas)
    moved = 1 - np.concatenate([weight.ravel() for weight in after])
    # What the replicas clip is added up.
    assert np.linalg.norm(moved) == pytest.approx(1.0 / replicas)


def test_float16_scales_the_loss() -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    settings = Phase(learning_rate=0.1, schedule="constant")
    schedule = Schedule(settings, 1)
    optimizer = build_optimizer(settings, schedule, model, precision="float16")
    assert float(optimizer.scale_loss(1.0)) > 1000
    plain = build_optimizer(settings, schedule, model, precision="bfloat16")
    assert float(plain.scale_loss(1.0)) == 1
