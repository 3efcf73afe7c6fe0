"""Tests that views are shifted by whole pixels, and mirrored exactly."""

import io

import numpy as np
import pytest
from PIL import Image

from cnnxfer.config import PRESETS, Augment
from cnnxfer.data.augmentation.keyed_random import KeyedRandom
from cnnxfer.data.augmentation.random_view import RandomView
from cnnxfer.data.augmentation.rearrange import choose_arrangement, rearranged
from cnnxfer.data.augmentation.warp import PAD_MODES
from cnnxfer.data.images.picture import Picture

SIZE = 32
# The column and the row of each pixel, so that a view tells where it lies.
PLACES = np.stack([*np.mgrid[:SIZE, :SIZE][::-1], np.zeros((SIZE, SIZE))], -1) + 100
PLACES = PLACES.astype(np.uint8)
KEYS = [KeyedRandom(str(number)) for number in range(400)]


def shifts_of(view: np.ndarray) -> tuple[int, int]:
    """Returns how far to the right and down a view that is not mirrored begins."""
    columns, rows, _ = view[SIZE // 2, SIZE // 2].astype(int) - 100 - SIZE // 2
    return columns, rows


def views_of(augment: Augment) -> np.ndarray:
    arrangements = [choose_arrangement(augment, key, SIZE) for key in KEYS]
    return rearranged(np.stack([PLACES] * len(KEYS)), arrangements, augment)


def test_digits_are_shifted_evenly_by_up_to_four_pixels_and_never_mirrored():
    views = views_of(PRESETS["digits"])
    shifts = [shifts_of(view) for view in views]
    assert {across for across, _ in shifts} == set(range(-4, 5))
    assert {down for _, down in shifts} == set(range(-4, 5))
    assert len(set(shifts)) > 70  # of 81
    for view, (across, down) in zip(views, shifts, strict=True):
        columns = (np.arange(SIZE) + across).clip(0, SIZE - 1)
        rows = (np.arange(SIZE) + down).clip(0, SIZE - 1)
        np.testing.assert_array_equal(view, PLACES[rows][:, columns])


def test_a_random_half_of_other_small_pictures_is_mirrored():
    views = views_of(PRESETS["cifar"])
    mirrored = [view[16, 10, 0] > view[16, 20, 0] for view in views]
    assert 160 < sum(mirrored) < 240


@pytest.mark.parametrize("fill", PAD_MODES)
def test_the_border_is_filled(fill: str):
    augment = Augment(padding=0.125, fill=fill, fill_value=7)
    options = {"constant_values": 7} if fill == "constant" else {}
    padded = np.pad(PLACES, ((4, 4), (4, 4), (0, 0)), PAD_MODES[fill], **options)
    for view, key in zip(views_of(augment), KEYS, strict=True):
        how = choose_arrangement(augment, key, SIZE)
        rows, columns = (slice(start, start + SIZE) for start in (how.top, how.left))
        np.testing.assert_array_equal(view, padded[rows, columns])


@pytest.mark.parametrize("crop", [1.0, 0.5])
def test_the_view_that_validation_sees_is_shifted(crop: float):
    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    Image.fromarray(noise).save(stream, "PNG")
    picture = Picture(stream.getvalue())
    central = RandomView(PRESETS["none"], crop, KEYS[0]).of(picture, SIZE).pixels
    augment = Augment(padding=0.125, flip=True, vertical_flip=True)
    for key in KEYS[:20]:
        seen = RandomView(augment, crop, key).of(picture, SIZE).pixels
        how = choose_arrangement(augment, key, SIZE)
        [expected] = rearranged(central[None], [how], augment)
        np.testing.assert_array_equal(seen, expected)
