import random

import numpy as np
import pytest
import tensorflow as tf

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.config import Config
from cnnxfer.data.prepared import Splits
from cnnxfer.reporting import Reporter
from cnnxfer.tasks.catalog import TASKS
from cnnxfer.training.optimization.devices import Devices
from cnnxfer.training.setup import Setup


def weights(seed: int) -> list[np.ndarray]:
    """Returns the first weights of a run whose backbone has random ones too."""
    setup = Setup(
        config=Config(seed=seed, weights="none", image_size=32),
        backbone=BACKBONES.get("mobilenet-0.25"),
        class_names=("a", "b"),
        splits=Splits([], [], []),
        devices=Devices(),
        precision="float32",
        reporter=Reporter(),
        task=TASKS.get("classification"),
    )
    kernels = setup.build_classifier(precision="float32").get_weights()
    return [weight for weight in kernels if weight.ndim > 1]


def test_first_weights_follow_from_the_seed() -> None:
    first, again, other = weights(1), weights(1), weights(2)
    assert len(first) == 28
    for weight, same, different in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(weight, same)
        assert not np.array_equal(weight, different)


@pytest.mark.parametrize(
    "draw",
    [
        random.random,
        np.random.random,
        lambda: float(tf.random.uniform([])),
    ],
    ids=["python", "numpy", "tensorflow"],
)
def test_a_callers_random_numbers_are_left_alone(draw: object) -> None:
    # Somebody who searches for settings at random would find the same ones for ever.
    weights(1)
    before = draw()
    weights(1)
    assert draw() != before
