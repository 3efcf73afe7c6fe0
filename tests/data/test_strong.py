"""Strong augmentation: rectangles inside the picture, colours around its own."""

import numpy as np
import pytest

from cnnxfer.data.strong import jitter, rectangle

PIXELS = np.random.default_rng(0).integers(60, 190, (20, 30, 3)).astype(np.uint8)


@pytest.mark.parametrize("size", [(400, 300), (300, 400), (300, 300)])
def test_rectangles_have_their_area_and_shape(size):
    width, height = size
    rng = np.random.default_rng(0)
    areas, ratios, centres = [], [], []
    for chances in rng.random((3000, 4)):
        left, top, right, bottom = rectangle(width, height, *chances)
        assert 0 <= left < right <= width + 1e-9
        assert 0 <= top < bottom <= height + 1e-9
        areas.append((right - left) * (bottom - top) / (width * height))
        ratios.append((right - left) / (bottom - top))
        centres.append([(left + right) / 2 / width, (top + bottom) / 2 / height])
    assert 0.349 < min(areas) < 0.36
    assert 0.9 < max(areas) < 1.001
    assert 0.749 < min(ratios) < 0.76
    assert 1.32 < max(ratios) < 1.334
    assert abs(np.log(ratios).mean()) < 0.01  # as often wide as narrow
    assert np.abs(np.mean(centres, axis=0) - 0.5).max() < 0.01
    assert np.std(centres, axis=0).min() > 0.03


def test_a_panorama_is_seen_in_full_height():
    left, top, right, bottom = rectangle(3000, 100, 0.9, 0.5, 0.5, 0.5)
    assert (top, bottom) == (0, pytest.approx(100))
    assert (left, right) == (pytest.approx(1450), pytest.approx(1550))


def test_factors_of_one_change_nothing():
    np.testing.assert_array_equal(jitter(PIXELS, 1, 1, 1), PIXELS)


def test_brightness_scales_all_values():
    found = jitter(PIXELS, 1.25, 1, 1)
    np.testing.assert_allclose(found, PIXELS * 1.25, atol=0.51)


def test_contrast_keeps_the_mean():
    found = jitter(PIXELS, 1, 0.6, 1).astype(float)
    assert found.mean() == pytest.approx(PIXELS.mean(), abs=0.6)
    assert found.std() == pytest.approx(0.6 * PIXELS.std(), rel=0.01)


def test_no_saturation_is_grey_of_the_same_luma():
    found = jitter(PIXELS, 1, 1, 0).astype(float)
    luma = PIXELS @ [0.299, 0.587, 0.114]
    np.testing.assert_allclose(found, luma[..., None].repeat(3, -1), atol=0.51)


def test_all_three_are_the_one_after_the_other():
    together = jitter(PIXELS, 0.8, 0.7, 1.3).astype(float)
    apart = jitter(jitter(jitter(PIXELS, 0.8, 1, 1), 1, 0.7, 1), 1, 1, 1.3)
    np.testing.assert_allclose(together, apart, atol=2)


def test_values_stay_within_bytes():
    bright = jitter(PIXELS, 1.4, 1.4, 1.4)
    assert bright.max() == 255
    assert bright.mean() > PIXELS.mean()
