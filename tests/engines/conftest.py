import hashlib
from collections.abc import Iterator
from unittest.mock import Mock

import keras
import numpy as np
import pytest
from PIL import Image
from recording_reporter import RecordingReporter

from cnnxfer.engines.engine import Network, Outputs
from cnnxfer.tasks.catalog import TASKS

SIZE = 32


def small_network() -> keras.Model:
    """Builds a network of common layers with logits for five classes."""
    keras.utils.set_random_seed(1)
    pixels = keras.Input((SIZE, SIZE, 3), dtype="float32", name="pixels")
    x = keras.layers.Rescaling(1 / 127.5, -1.0)(pixels)
    x = keras.layers.Conv2D(16, 3, strides=2, padding="same")(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.ReLU(6.0)(x)
    x = keras.layers.DepthwiseConv2D(3, padding="same")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(pixels, keras.layers.Dense(5)(x))


@pytest.fixture
def reporter() -> RecordingReporter:
    return RecordingReporter()


@pytest.fixture(scope="session")
def model() -> keras.Model:
    """A small network, which no test changes."""
    return small_network()


@pytest.fixture
def build(model: keras.Model) -> Mock:
    """Builds the network, and counts how often."""
    return Mock(return_value=model)


@pytest.fixture
def network(build: Mock, request: pytest.FixtureRequest) -> Network:
    """Describes the small network, with a different key for each test."""
    key = hashlib.sha256(request.node.nodeid.encode()).hexdigest()
    return Network(
        key=key,
        image_size=SIZE,
        build=build,
        outputs=Outputs(TASKS.get("classification")),
    )


@pytest.fixture(scope="session")
def photos() -> np.ndarray:
    """32 images of soft blobs, uint8 `(32, 32, 32, 3)`."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (32, 4, 4, 3), np.uint8)
    return np.stack([Image.fromarray(few).resize((SIZE, SIZE)) for few in coarse])


@pytest.fixture(scope="session")
def expected(model: keras.Model, photos: np.ndarray) -> np.ndarray:
    """The answers of Keras to `photos`."""
    answers: np.ndarray = model.predict_on_batch(photos)
    return answers


@pytest.fixture
def batches(photos: np.ndarray) -> Iterator[np.ndarray]:
    """The first 19 of `photos` in batches of 8, 8 and 3."""
    return iter([photos[:8], photos[8:16], photos[16:19]])
