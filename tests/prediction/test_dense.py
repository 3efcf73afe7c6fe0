"""The whole picture: at which size it is shown, and what engines make of it."""

import hashlib
import io
import pickle
from dataclasses import replace

import keras
import numpy as np
import pytest
from PIL import Image

from cnnxfer.data.images.boxes import square_box
from cnnxfer.data.images.picture import Picture
from cnnxfer.engines.choice import choose_engine
from cnnxfer.engines.engine import Network, Outputs
from cnnxfer.prediction.dense import DenseView, cell_network, dense_network
from cnnxfer.reporting import Reporter
from cnnxfer.tasks.catalog import TASKS

SIZE = 64


def picture(width: int, height: int, kind: str = "PNG", **options: int) -> Picture:
    """Returns an image whose red increases to the right and its green downwards."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = np.linspace(0, 255, width)
    pixels[..., 1] = np.linspace(0, 255, height)[:, None]
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return Picture(stream.getvalue())


@pytest.mark.parametrize(
    ("crop", "size", "shown"),
    [
        (0.875, (500, 375), (352, 256)),
        (0.875, (375, 500), (256, 352)),
        (0.875, (20, 20), (256, 256)),
        (1.0, (224, 224), (224, 224)),
        (1.0, (640, 480), (288, 224)),
        (0.7, (1000, 1000), (320, 320)),
    ],
)
def test_pictures_are_shown_at_the_scale_of_the_plain_view(crop, size, shown):
    assert DenseView(crop, 224).shown_size(*size) == shown


@pytest.mark.parametrize("image_size", [100, 224, 299])
@pytest.mark.parametrize("crop", [0.6, 0.875, 1.0])
def test_sizes_differ_from_the_native_size_by_multiples_of_32(image_size, crop):
    for width, height in np.random.default_rng(0).integers(100, 800, (50, 2)):
        shown = DenseView(crop, image_size).shown_size(width, height)
        scale = image_size / crop / min(width, height)
        for side, now in zip((width, height), shown, strict=True):
            assert now >= image_size
            assert (now - image_size) % 32 == 0
            assert abs(now - side * scale) <= 16


@pytest.mark.parametrize("size", [(1, 3000), (3000, 1), (9000, 3)])
def test_the_size_of_long_images_is_limited(size):
    width, height = DenseView(0.875, 224).shown_size(*size)
    assert sorted([width, height]) == [256, 224 + 57 * 32]  # 8 times as long
    assert (width > height) == (size[0] > size[1])
    assert DenseView(0.875, 224)(picture(*size)).shape == (1, height, width, 3)


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("JPEG", {"quality": 95})])
def test_nothing_is_cropped(kind, options):
    # A JPEG of this size is decoded at a quarter of it.
    seen = DenseView(0.875, SIZE)(picture(1200, 800, kind, **options))
    assert seen.dtype == np.uint8
    assert seen.shape == (1, 64, 96, 3)
    red, green = seen[0, ..., 0], seen[0, ..., 1]
    ramp = (np.arange(96) + 0.5) / 96 * 255
    assert abs(red.mean(axis=0) - ramp).max() < 3
    ramp = (np.arange(64) + 0.5) / 64 * 255
    assert abs(green.mean(axis=1) - ramp).max() < 3


def test_a_picture_of_the_native_size_is_shown_as_it_is():
    original = picture(SIZE, SIZE)
    plain = original.view(square_box(SIZE, SIZE, 1.0, 0.5, 0.5), SIZE)
    np.testing.assert_array_equal(DenseView(1.0, SIZE)(original), plain[None])


def test_the_view_can_be_sent_to_another_process():
    view = DenseView(0.875, SIZE)
    assert pickle.loads(pickle.dumps(view)) == view


def build() -> keras.Model:
    """Builds a network of common layers with logits for five classes."""
    keras.utils.set_random_seed(1)
    x = pixels = keras.Input((SIZE, SIZE, 3), dtype="float32", name="pixels")
    x = keras.layers.Rescaling(1 / 127.5, -1.0)(x)
    for filters in (8, 8, 16, 16, 16):
        x = keras.layers.Conv2D(filters, 3, strides=2, padding="same")(x)
        x = keras.layers.ReLU()(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(pixels, keras.layers.Dense(5)(x))


@pytest.fixture
def network(request: pytest.FixtureRequest) -> Network:
    key = hashlib.sha256(request.node.nodeid.encode()).hexdigest()
    return Network(
        key=key,
        image_size=SIZE,
        build=build,
        outputs=Outputs(TASKS.get("classification")),
    )


def test_engines_give_close_outputs_for_images_of_any_size(network):
    random = np.random.default_rng(0)
    samples = random.integers(0, 256, (32, SIZE, SIZE, 3), np.uint8)
    shapes = [(1, 64, 96), (2, 64, 64), (1, 96, 64), (1, 64, 96), (1, 64, 512)]
    batches = [random.integers(0, 256, (*shape, 3), np.uint8) for shape in shapes]
    for derived in (dense_network(network), cell_network(network)):
        answers = {}
        for name in ("keras", "openvino"):
            engine = choose_engine(
                derived,
                engine=name,
                precision="float32",
                samples=lambda: samples,
                reporter=Reporter(),
            )
            answers[name] = list(engine.run(iter(batches)))
        for ours, theirs in zip(*answers.values(), strict=True):
            assert ours.dtype == np.float32
            np.testing.assert_allclose(ours, theirs, atol=1e-4)
            np.testing.assert_allclose(ours.sum(axis=-1), 1, atol=1e-4)
        [first, *_] = answers["openvino"]
        assert first.shape == ((1, 5) if derived.outputs.task else (1, 2, 3, 5))


def test_multi_label_outputs_stay_multi_label(network):
    several = replace(network, outputs=Outputs(TASKS.get("multi-label")))
    dense = dense_network(several)
    assert dense.outputs == replace(several.outputs, activated=True)
    assert dense_network(dense).outputs == dense.outputs
    pixels = np.random.default_rng(0).integers(0, 256, (2, SIZE, SIZE, 3), np.uint8)
    expected = TASKS.get("multi-label").probabilities(build().predict_on_batch(pixels))
    for derived in (dense, cell_network(several)):
        answers = derived.build().predict_on_batch(pixels).reshape(2, -1, 5)
        assert answers.sum(axis=-1).max() > 1.5  # they do not exclude one another
        if derived is dense:
            np.testing.assert_allclose(answers[:, 0], expected, atol=1e-5)


def test_derived_networks_have_their_own_keys(network):
    dense, cells = dense_network(network), cell_network(network)
    assert len({network.key, dense.key, cells.key}) == 3
    assert dense_network(network).key == dense.key
    assert {len(dense.key), len(cells.key)} == {64}
    assert dense.image_size == SIZE
