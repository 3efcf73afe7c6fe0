"""Tests that random regions lie inside of images and have the requested sizes."""

import numpy as np
import pytest

from cnnxfer.config import Augment
from cnnxfer.data.augmentation.keyed_random import KeyedRandom
from cnnxfer.data.augmentation.region import choose_region
from cnnxfer.data.images.boxes import square_box

DRAWS = 3000


def regions_of(augment: Augment, width: int, height: int, draws: int = DRAWS):
    boxes = [
        choose_region(
            augment,
            0.875,
            KeyedRandom(str(number)),
            width=width,
            height=height,
            image_size=224,
        )
        for number in range(draws)
    ]
    found = np.array(boxes)
    assert found[:, :2].min() >= 0
    assert found[:, 2].max() <= width + 1e-9
    assert found[:, 3].max() <= height + 1e-9
    return found


def sides_of(boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]


def places_of(boxes: np.ndarray, width: int, height: int) -> np.ndarray:
    """Where they lie in the room that they have: 0 at one edge, 1 at the other."""
    across, down = sides_of(boxes)
    return np.stack([boxes[:, 0] / (width - across), boxes[:, 1] / (height - down)])


def test_without_augmentation_the_region_is_the_central_square():
    found = regions_of(Augment(), 400, 300, 5)
    np.testing.assert_array_equal(found, [square_box(400, 300, 0.875, 0.5, 0.5)] * 5)


def test_crops_are_squares_at_random_positions():
    found = regions_of(Augment(crop=0.8), 400, 300)
    for sides in sides_of(found):
        np.testing.assert_allclose(sides, 240)
    places = places_of(found, 400, 300)
    assert places.min() < 0.01
    assert places.max() > 0.99
    assert np.abs(places.mean(axis=1) - 0.5).max() < 0.02
    assert abs(np.corrcoef(places)[0, 1]) < 0.06


@pytest.mark.parametrize("size", [(400, 300), (300, 400), (300, 300)])
def test_area_and_aspect_ratio_are_within_their_bounds(size):
    width, height = size
    found = regions_of(Augment(area=0.35), width, height)
    across, down = sides_of(found)
    shares, ratios = across * down / (width * height), across / down
    assert 0.349 < shares.min() < 0.36
    assert 0.9 < shares.max() < 1.001
    assert 0.749 < ratios.min() < 0.76
    assert 1.32 < ratios.max() < 1.334
    assert abs(np.log(ratios).mean()) < 0.01  # as often wide as narrow
    centres = (found[:, :2] + found[:, 2:]) / 2 / size
    assert np.abs(centres.mean(axis=0) - 0.5).max() < 0.01
    assert centres.std(axis=0).min() > 0.03


def test_the_widest_aspect_ratio_can_be_set():
    across, down = sides_of(regions_of(Augment(area=0.1, aspect=2), 400, 400))
    assert 0.5 <= (across / down).min() < 0.51
    assert 1.98 < (across / down).max() <= 2.0001
    np.testing.assert_allclose(
        *sides_of(regions_of(Augment(area=0.5, aspect=1), 400, 300))
    )


def test_the_region_of_a_panorama_has_its_full_height():
    found = regions_of(Augment(area=0.9, aspect=1), 3000, 100)
    np.testing.assert_allclose(sides_of(found), 100)


def test_all_lengths_of_the_shorter_side_are_drawn():
    augment = Augment(shorter_side=256, shorter_side_to=512)
    across, down = sides_of(regions_of(augment, 1024, 768))
    np.testing.assert_allclose(across, down)
    lengths = 768 * 224 / across  # of the shorter side, where the square is 224
    np.testing.assert_allclose(lengths, lengths.round())
    assert set(lengths.round()) == set(range(256, 513))
    assert lengths.mean() == pytest.approx(384, abs=4)


def test_a_shorter_side_below_the_view_size_shows_the_whole_side():
    augment = Augment(shorter_side=100, shorter_side_to=100)
    np.testing.assert_allclose(sides_of(regions_of(augment, 300, 200, 20)), 200)
