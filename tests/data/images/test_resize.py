"""Images are resized to Pillow's pixels."""

import numpy as np
import pytest
from PIL import Image

from cnnxfer.data.images import resize as resize_module
from cnnxfer.data.images.resize import resize
from cnnxfer.data.sample.flowers import draw

# Lower and wider, and narrower: Pillow resizes one across first, the other down.
SIZES = [(500, 375), (375, 500), (220, 530), (90, 70)]


@pytest.fixture(params=SIZES, ids=str)
def picture(request) -> Image.Image:
    """A flower with sharp edges, where resizing overshoots and is cut off."""
    flower = draw("rose", 1).resize(request.param)
    pixels = np.array(flower)
    rng = np.random.default_rng(0)
    for _ in range(40):
        x, y = (int(rng.integers(0, side)) for side in flower.size)
        pixels[y : y + 9, x : x + 9] = rng.choice([0, 255], 3)
    return Image.fromarray(pixels)


@pytest.fixture
def fast():
    pytest.importorskip("cykooz_resizer", reason="there is no wheel for this machine")
    assert resize_module.resizer().startswith("cykooz-resizer")


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("size", [(224, 224), (32, 32), (96, 60), (300, 640)], ids=str)
def test_pixels_are_those_of_pillow(picture, size, mode):
    image = picture.convert(mode)
    width, height = image.size
    for box in (
        (0, 0, width, height),
        (0.03 * width, 0.2 * height, 0.8 * width, 0.9 * height),
        (width / 3, 0, width, height / 3),
    ):
        found = np.asarray(resize(image, size, box), int)
        expected = image.resize(size, Image.Resampling.BICUBIC, box=box)
        difference = np.abs(found - np.asarray(expected, int))

        assert difference.max() <= 2
        assert np.mean(difference > 1) < 1e-4
        assert np.mean(difference > 0) < 0.01


@pytest.mark.usefixtures("fast")
def test_a_box_that_exceeds_the_image_by_a_rounding_error_is_cut(picture):
    width, height = picture.size
    whole = np.asarray(resize(picture, (64, 64), (0, 0, width, height)))

    for box in (
        (0, 0, width + 1e-13, height * (1 + 1e-15)),
        (0.1 * 3, 1 / 3, width * (1 + 1e-15), height + 1e-13),
    ):
        resized = np.asarray(resize(picture, (64, 64), box))
        assert resized.shape == whole.shape


def test_pillow_resizes_where_its_memory_is_unknown(picture, monkeypatch):
    monkeypatch.setattr(resize_module, "KNOWN_PILLOWS", range(0))
    resize_module.resizer.cache_clear()
    box = (1, 2, 60, 50)
    try:
        assert resize_module.resizer().startswith("Pillow")
        found = resize(picture, (32, 32), box)
    finally:
        resize_module.resizer.cache_clear()

    assert found == picture.resize((32, 32), Image.Resampling.BICUBIC, box=box)
