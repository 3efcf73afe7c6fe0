"""Tests that each change of colours has its effect, and none for a neutral value."""

import numpy as np
import pytest
from PIL import Image

from cnnxfer.config import Augment
from cnnxfer.data.augmentation import colour as module
from cnnxfer.data.augmentation.colour import (
    EIGENVALUES,
    PRINCIPAL_COLOURS,
    change_colours,
    mean_colour,
    principal_shift,
    recolour,
)
from cnnxfer.data.augmentation.keyed_random import KeyedRandom

PIXELS = np.random.default_rng(0).integers(60, 190, (20, 30, 3)).astype(np.uint8)
IMAGE = Image.fromarray(PIXELS)


def seen(image: Image.Image = IMAGE, **changes: object) -> np.ndarray:
    return np.asarray(recolour(image, **changes), float)


def test_neutral_values_change_nothing():
    np.testing.assert_array_equal(seen(), PIXELS)


def test_brightness_scales_all_values():
    np.testing.assert_allclose(seen(brightness=1.25), PIXELS * 1.25, atol=0.51)


def test_contrast_keeps_the_mean_luma():
    pixels = (PIXELS * [1, 0.7, 0.3]).astype(np.uint8)
    found = seen(Image.fromarray(pixels), contrast=0.6)
    luma = [0.299, 0.587, 0.114]
    assert (found @ luma).mean() == pytest.approx((pixels @ luma).mean(), abs=0.6)
    deviations = pixels.std(axis=(0, 1))
    np.testing.assert_allclose(found.std(axis=(0, 1)), 0.6 * deviations, rtol=0.03)


def test_no_saturation_is_grey_of_the_same_luma():
    luma = PIXELS @ [0.299, 0.587, 0.114]
    np.testing.assert_allclose(
        seen(saturation=0), luma[..., None].repeat(3, -1), atol=0.51
    )


def test_a_hue_of_120_degrees_turns_red_into_green():
    found = seen(hue=120)
    np.testing.assert_allclose(found, np.roll(PIXELS, 1, axis=-1), atol=0.51)


def test_a_change_of_hue_keeps_greys_and_channel_sums():
    grey = np.arange(256, dtype=np.uint8)[:, None, None].repeat(3, -1)
    np.testing.assert_allclose(seen(Image.fromarray(grey), hue=47), grey, atol=1)
    found = seen(hue=47)
    inside = ((found > 0) & (found < 255)).all(axis=-1)
    np.testing.assert_allclose(
        found[inside].sum(axis=-1), PIXELS[inside].astype(float).sum(axis=-1), atol=1.6
    )
    assert np.abs(found - PIXELS).mean() > 10


def test_each_channel_is_shifted_by_its_own_amount():
    found = seen(shift=(10, -20, 30))
    np.testing.assert_allclose(found, PIXELS + np.array([10.0, -20, 30]), atol=0.51)


def test_all_changes_together_equal_one_after_the_other():
    together = seen(
        brightness=0.8, contrast=0.7, saturation=1.3, hue=30, shift=(5, 0, 0)
    )
    image = IMAGE
    for change in (
        {"hue": 30},
        {"saturation": 1.3},
        {"brightness": 0.8},
        {"contrast": 0.7},
        {"shift": (5, 0, 0)},
    ):
        image = recolour(image, **change)
    np.testing.assert_allclose(together, np.asarray(image, float), atol=3)


def test_values_are_clipped_at_255():
    bright = seen(brightness=1.4, contrast=1.4, saturation=1.4)
    assert bright.max() == 255
    assert bright.mean() > PIXELS.mean()


def test_mean_colour_is_the_mean_of_the_pixels():
    np.testing.assert_allclose(mean_colour(IMAGE), PIXELS.mean(axis=(0, 1)))


def drawn(monkeypatch, count: int = 1000, **settings) -> list[dict]:
    amounts: list[dict] = []
    monkeypatch.setattr(
        module, "recolour", lambda image, **given: amounts.append(given) or image
    )
    for number in range(count):
        change_colours(IMAGE, Augment(**settings), KeyedRandom(str(number)))
    return amounts


@pytest.mark.parametrize(
    ("setting", "bound", "middle"),
    [
        ("brightness", 0.4, 1),
        ("contrast", 0.3, 1),
        ("saturation", 0.2, 1),
        ("hue", 18.0, 0),
    ],
)
def test_amounts_are_drawn_between_both_bounds(monkeypatch, setting, bound, middle):
    amounts = drawn(monkeypatch, **{setting: bound})
    values = np.array([given[setting] for given in amounts])
    assert middle - bound <= values.min() < middle - 0.98 * bound
    assert middle + 0.98 * bound < values.max() < middle + bound
    neutral = {"brightness": 1, "contrast": 1, "saturation": 1, "hue": 0}
    assert all(
        given[other] == value
        for given in amounts
        for other, value in neutral.items()
        if other != setting
    )


def test_channel_shifts_are_independent(monkeypatch):
    shifts = np.array(
        [given["shift"] for given in drawn(monkeypatch, channel_shift=20.0)]
    )
    assert np.abs(shifts).max() == pytest.approx(20, abs=0.2)
    assert np.abs(np.corrcoef(shifts.T) - np.eye(3)).max() < 0.1


def test_principal_colours_are_orthonormal():
    product = PRINCIPAL_COLOURS.T @ PRINCIPAL_COLOURS
    np.testing.assert_allclose(product, np.eye(3), atol=2e-3)  # of four decimals


def test_a_principal_shift_is_the_sum_of_the_paper():
    np.testing.assert_allclose(
        principal_shift(np.array([1, 0, 0])),
        255 * 0.2175 * np.array([-0.5675, -0.5808, -0.5836]),
    )
    np.testing.assert_allclose(
        principal_shift(np.array([0, -2, 0])),
        255 * 0.0188 * -2 * np.array([0.7192, -0.0045, -0.6948]),
    )


def test_pca_noise_varies_as_the_colours_of_imagenet_do(monkeypatch):
    shifts = np.array([given["shift"] for given in drawn(monkeypatch, pca_noise=0.1)])
    assert shifts.shape == (1000, 3)
    assert np.abs(shifts.mean(axis=0)).max() < 0.5
    amounts = shifts @ PRINCIPAL_COLOURS
    np.testing.assert_allclose(
        amounts.std(axis=0), 255 * EIGENVALUES * 0.1, rtol=0.1, atol=0.01
    )
    assert np.abs(np.corrcoef(amounts.T) - np.eye(3)).max() < 0.1


def test_pca_noise_is_added_to_the_shift_of_channels(monkeypatch):
    one, other, both = (
        np.array([given["shift"] for given in drawn(monkeypatch, 20, **settings)])
        for settings in (
            {"channel_shift": 20.0},
            {"pca_noise": 0.1},
            {"channel_shift": 20.0, "pca_noise": 0.1},
        )
    )
    np.testing.assert_allclose(both, one + other)


def test_the_set_share_of_images_becomes_grey(monkeypatch):
    amounts = drawn(monkeypatch, greyscale=0.2, saturation=0.1)
    grey = [given["saturation"] == 0 for given in amounts]
    assert 0.15 < np.mean(grey) < 0.25


def test_without_colour_settings_the_image_is_unchanged():
    assert change_colours(IMAGE, Augment(crop=0.9), KeyedRandom("a")) is IMAGE
