"""Tests of equalization and gamma."""

import numpy as np
import pytest
from PIL import Image

from cnnxfer.config import Augment
from cnnxfer.data.augmentation.keyed_random import KeyedRandom
from cnnxfer.data.augmentation.tone import change_gamma, change_tones

PIXELS = np.random.default_rng(0).integers(60, 190, (40, 50, 3)).astype(np.uint8)
IMAGE = Image.fromarray(PIXELS)
RAMP = Image.fromarray(np.arange(256, dtype=np.uint8)[:, None, None].repeat(3, -1))


def changed(image: Image.Image, number: int, **settings: float) -> np.ndarray:
    return np.asarray(
        change_tones(image, Augment(**settings), KeyedRandom(str(number)))
    )


def test_without_settings_nothing_changes():
    assert change_tones(IMAGE, Augment(crop=0.9), KeyedRandom("a")) is IMAGE
    np.testing.assert_array_equal(change_gamma(IMAGE, 1), PIXELS)


def test_gamma_raises_fractions_of_255_to_a_power():
    expected = 255 * (PIXELS / 255) ** 1.7
    np.testing.assert_allclose(change_gamma(IMAGE, 1.7), expected, atol=0.51)


@pytest.mark.parametrize("exponent", [0.2, 0.8, 1.5, 5.0])
def test_gamma_keeps_black_white_and_the_order_of_values(exponent):
    levels = np.asarray(change_gamma(RAMP, exponent))[:, 0].astype(int)
    assert (levels == levels[:, :1]).all()  # greys stay grey
    assert (levels[0, 0], levels[-1, 0]) == (0, 255)
    assert (np.diff(levels[:, 0]) >= 0).all()


def test_gamma_is_drawn_evenly_between_darker_and_lighter():
    middle = [changed(RAMP, number, gamma=1.0)[128, 0, 0] for number in range(400)]
    exponents = np.log(np.array(middle) / 255) / np.log(128 / 255)
    assert 0.49 < exponents.min() < 0.52
    assert 1.94 < exponents.max() < 2.03
    assert 0.42 < (exponents < 1).mean() < 0.58


def test_the_set_share_of_views_is_equalized():
    equal = [
        np.array_equal(changed(IMAGE, number, equalize=0.3), PIXELS)
        for number in range(400)
    ]
    assert 0.62 < np.mean(equal) < 0.78


def test_equalized_levels_are_about_equally_frequent():
    dark = Image.fromarray((PIXELS // [1, 2, 4]).astype(np.uint8))
    found = changed(dark, 0, equalize=1.0)
    for channel in found.reshape(-1, 3).T:
        counts, _ = np.histogram(channel, bins=8, range=(0, 256))
        assert counts.min() > 0.7 * len(channel) / 8
    # A picture of one colour has nothing to equalize.
    plain = Image.new("RGB", (9, 9), (40, 90, 200))
    np.testing.assert_array_equal(changed(plain, 0, equalize=1.0), plain)


def test_a_grey_picture_stays_grey():
    grey = Image.fromarray(PIXELS[..., 0]).convert("RGB")
    found = changed(grey, 1, equalize=1.0, gamma=2.0)
    assert (found == found[..., :1]).all()
    assert np.abs(found - np.asarray(grey, float)).mean() > 3
