"""Tests of blur, sharpening, noise and cutout."""

import numpy as np
import pytest
from PIL import Image

from cnnxfer.config import Augment
from cnnxfer.data.augmentation.keyed_random import KeyedRandom
from cnnxfer.data.augmentation.texture import (
    add_noise,
    blur,
    cut_out,
    median_blur,
    sharpen,
)

SIZE = 40
PIXELS = np.random.default_rng(0).integers(60, 190, (SIZE, SIZE, 3)).astype(np.uint8)
GREY = np.full((SIZE, SIZE, 3), 100, np.uint8)


def test_neutral_values_change_nothing():
    image, random = Image.fromarray(PIXELS), KeyedRandom("a")
    for change in (median_blur, blur, sharpen):
        assert change(image, Augment(), random) is image
    assert add_noise(PIXELS, Augment(), random) is PIXELS
    assert cut_out(PIXELS, Augment(), random) is PIXELS


def test_half_of_the_views_are_blurred_in_varying_strength():
    image = Image.fromarray(PIXELS)
    deviations = np.array(
        [
            np.asarray(blur(image, Augment(blur=2.0), KeyedRandom(str(number)))).std()
            for number in range(300)
        ]
    )
    sharp = deviations == PIXELS.std()
    assert 0.4 < sharp.mean() < 0.6
    assert deviations.min() < 0.2 * PIXELS.std()
    assert np.unique(deviations[~sharp]).size > 100


def test_half_of_the_views_are_filtered_by_medians_of_each_radius():
    image = Image.fromarray(PIXELS)
    medians = {0: PIXELS.tobytes()}
    for radius in (1, 2, 3):
        padded = np.pad(PIXELS, [(radius, radius)] * 2 + [(0, 0)], "edge")
        side = 2 * radius + 1
        windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), (0, 1))
        medians[radius] = np.median(windows, (-2, -1)).astype(np.uint8).tobytes()
    found = [
        np.asarray(median_blur(image, Augment(median_blur=3), KeyedRandom(str(n))))
        for n in range(200)
    ]
    shares = {
        radius: np.mean([pixels.tobytes() == expected for pixels in found])
        for radius, expected in medians.items()
    }
    assert sum(shares.values()) == pytest.approx(1)
    assert 0.4 < shares[0] < 0.6
    assert min(shares.values()) > 0.09


def test_medians_take_lone_pixels_away():
    lone = GREY.copy()
    lone[20, 20] = 255
    random = next(
        random
        for random in map(KeyedRandom, "abcdefghij")
        if random.within(1, "median_blur") > 0
    )
    image = Image.fromarray(lone)
    np.testing.assert_array_equal(
        median_blur(image, Augment(median_blur=1), random), GREY
    )


def test_half_of_the_views_are_sharpened_in_varying_strength():
    image = Image.fromarray(PIXELS)
    contrasts = np.array(
        [
            np.abs(
                np.diff(
                    np.asarray(
                        sharpen(image, Augment(sharpen=1.0), KeyedRandom(str(number))),
                        float,
                    ),
                    axis=0,
                )
            ).mean()
            for number in range(300)
        ]
    )
    plain = np.abs(np.diff(PIXELS.astype(float), axis=0)).mean()
    assert 0.4 < (contrasts == plain).mean() < 0.6
    assert contrasts.min() == plain
    assert contrasts.max() > 1.3 * plain
    assert np.unique(contrasts).size > 100


def test_an_even_area_cannot_be_sharper():
    for number in range(9):
        random = KeyedRandom(str(number))
        found = sharpen(Image.fromarray(GREY), Augment(sharpen=10.0), random)
        np.testing.assert_array_equal(found, GREY)


def test_half_of_the_views_get_noise_in_varying_strength():
    noisy = [
        add_noise(GREY, Augment(noise=20.0), KeyedRandom(str(number)))
        for number in range(300)
    ]
    deviations = np.array([pixels.std() for pixels in noisy])
    assert 0.4 < (deviations == 0).mean() < 0.6
    assert deviations.max() == pytest.approx(20, abs=1)
    assert np.unique(deviations).size > 100
    loudest = noisy[deviations.argmax()]
    assert loudest.mean() == pytest.approx(100, abs=1)
    assert loudest.dtype == np.uint8
    channels = np.corrcoef(loudest.reshape(-1, 3).T)
    assert np.abs(channels - np.eye(3)).max() < 0.1


def test_noise_does_not_overflow():
    # The same values as bytes that overflow would be the other end of the scale.
    random = next(
        random
        for random in map(KeyedRandom, "abcdefghij")
        if add_noise(GREY, Augment(noise=20.0), random).std() > 5
    )
    black = add_noise(np.zeros_like(GREY), Augment(noise=20.0), random)
    assert black.max() < 128
    assert (black == 0).mean() > 0.4


def test_cutout_fills_a_square():
    augment = Augment(cutout=0.5, fill_value=7)
    corners, areas = set(), []
    for number in range(300):
        seen = cut_out(GREY, augment, KeyedRandom(str(number)))
        covered = (seen == 7).all(axis=-1)
        assert (seen[~covered] == 100).all()
        rows, columns = (
            np.flatnonzero(covered.any(axis=1)),
            np.flatnonzero(covered.any(axis=0)),
        )
        assert covered[np.ix_(rows, columns)].all()
        assert max(rows.size, columns.size) <= SIZE // 2
        corners.add((rows[0], columns[0]))
        areas.append(covered.mean())
    assert len(corners) > 100
    assert max(areas) == 0.25
    assert min(areas) < 0.1  # its middle may lie at the edge
    assert (GREY == 100).all()
