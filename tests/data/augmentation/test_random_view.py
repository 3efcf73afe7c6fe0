"""Tests that each setting changes random views, and not what other settings draw."""

import io

import numpy as np
import pytest
from PIL import Image

from cnnxfer.config import PRESETS, Augment
from cnnxfer.data.augmentation.keyed_random import KeyedRandom
from cnnxfer.data.augmentation.random_view import RandomView
from cnnxfer.data.images.boxes import square_box
from cnnxfer.data.images.picture import Picture

SIZE = 48
EACH = {
    "crop": 0.7,
    "area": 0.2,
    "shorter_side": 80,
    "padding": 0.3,
    "flip": True,
    "vertical_flip": True,
    "rotation": 40.0,
    "shift": 0.4,
    "shear": 30.0,
    "zoom": 1.0,
    "equalize": 1.0,
    "gamma": 1.0,
    "brightness": 0.5,
    "contrast": 0.5,
    "saturation": 0.9,
    "hue": 90.0,
    "channel_shift": 50.0,
    "pca_noise": 0.4,
    "greyscale": 1.0,
    "median_blur": 3,
    "blur": 3.0,
    "sharpen": 4.0,
    "noise": 40.0,
    "cutout": 0.5,
    "randaugment": 3,
}

REPLACING = {"flip", "crop", "area", "shorter_side", "padding"}  # what is compared with


@pytest.fixture(scope="module")
def picture() -> Picture:
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (9, 12, 3)).astype(np.uint8)
    image = Image.fromarray(small).resize((160, 120), Image.Resampling.BICUBIC)
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return Picture(stream.getvalue())


def augment_of(**settings) -> Augment:
    if "shorter_side" in settings:
        settings["shorter_side_to"] = 2 * settings["shorter_side"]
    return Augment(**settings)


def seen_of(picture, augment, key="a") -> np.ndarray:
    return RandomView(augment, 0.875, KeyedRandom(key)).of(picture, SIZE).pixels


def test_these_tests_cover_every_augmentation_setting():
    mixing = {"mixup", "cutmix"}
    assert set(EACH) | mixing == set(
        Augment(**{**EACH, "mixup": 1.0, "cutmix": 1.0}).operations
    )


def test_without_augmentation_the_central_view_is_returned(picture):
    central = picture.view(square_box(160, 120, 0.875, 0.5, 0.5), SIZE)
    np.testing.assert_array_equal(seen_of(picture, Augment()), central)
    np.testing.assert_array_equal(seen_of(picture, PRESETS["none"]), central)


@pytest.mark.parametrize("name", EACH)
def test_each_setting_changes_the_view_repeatably(picture, name):
    plain = seen_of(picture, Augment()).astype(float)
    augment = augment_of(**{name: EACH[name]})
    found = [seen_of(picture, augment, str(number)) for number in range(12)]
    for pixels in found:
        assert (pixels.dtype, pixels.shape) == (np.uint8, (SIZE, SIZE, 3))
    changed = [np.abs(pixels - plain).mean() > 1 for pixels in found]
    assert sum(changed) >= 3  # a flip, a blur and the like change half of them
    several = len({pixels.tobytes() for pixels in found})
    assert several == 1 if name in ("greyscale", "equalize") else several > 1
    again = [seen_of(picture, augment, str(number)) for number in range(12)]
    np.testing.assert_array_equal(found, again)


@pytest.mark.parametrize("name", sorted(EACH.keys() - REPLACING))
def test_a_setting_does_not_change_what_others_draw(picture, name):
    # The least amount there is, so that the rest can be compared.
    least = {"randaugment": 1} if name == "randaugment" else {name: 1e-6}
    if name == "vertical_flip":
        least = {name: True}
    if name == "randaugment":
        least["magnitude"] = 0.0
    plain, more = Augment(crop=0.7, flip=True), Augment(crop=0.7, flip=True, **least)
    near = [
        np.abs(
            seen_of(picture, plain, str(number)).astype(float)
            - seen_of(picture, more, str(number))
        ).mean()
        < 3
        for number in range(16)
    ]
    assert sum(near) >= (5 if name == "vertical_flip" else 12)


def test_flips_are_exact(picture):
    keys = [str(number) for number in range(40)]
    plain = [seen_of(picture, Augment(crop=0.7), key) for key in keys]
    both = [
        seen_of(picture, Augment(crop=0.7, flip=True, vertical_flip=True), key)
        for key in keys
    ]
    kinds = set()
    for one, other in zip(plain, both, strict=True):
        mirrors = {
            "none": one,
            "left-right": one[:, ::-1],
            "up-down": one[::-1],
            "both": one[::-1, ::-1],
        }
        (kind,) = [name for name, it in mirrors.items() if np.array_equal(it, other)]
        kinds.add(kind)
    assert len(kinds) == 4


def test_a_rotated_view_can_also_be_flipped(picture):
    augment = Augment(flip=True, rotation=1e-3)
    kinds = set()
    plain = seen_of(picture, Augment()).astype(float)
    for number in range(20):
        found = seen_of(picture, augment, str(number))
        same, mirrored = (
            np.abs(found - other).mean() < 3 for other in (plain, plain[:, ::-1])
        )
        assert same != mirrored
        kinds.add(mirrored)
    assert kinds == {True, False}


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("size", [1, 2, SIZE])
def test_pictures_of_one_pixel_can_be_augmented(mode, size):
    stream = io.BytesIO()
    Image.new(mode, (1, 1), "white").save(stream, "PNG")
    everything = Augment(**{**EACH, "crop": "none", "shorter_side": "none"})
    for number in range(20):
        view = RandomView(everything, 0.875, KeyedRandom(str(number)))
        seen = view.of(Picture(stream.getvalue()), size)
        assert (seen.pixels.shape, seen.pixels.dtype) == ((size, size, 3), np.uint8)
