"""Tests where squares lie in images, and what their views show."""

import numpy as np
import pytest
from PIL import Image

from cnnxfer.data.images.boxes import reduction, square_box, view


def gradient(width: int, height: int) -> Image.Image:
    """Red grows to the right, green downwards."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = np.linspace(0, 255, width)
    pixels[..., 1] = np.linspace(0, 255, height)[:, None]
    return Image.fromarray(pixels)


def test_the_central_box_is_in_the_middle():
    assert square_box(300, 200, 1, 0.5, 0.5) == (50, 0, 250, 200)
    assert square_box(200, 300, 0.5, 0.5, 0.5) == (50, 100, 150, 200)


@pytest.mark.parametrize(
    ("across", "down", "box"),
    [(0, 0, (0, 0, 100, 100)), (1, 1, (200, 100, 300, 200))],
)
def test_boxes_can_reach_the_corners(across, down, box):
    assert square_box(300, 200, 0.5, across, down) == box


def test_boxes_never_leave_the_picture():
    # Pillow refuses a box that leaves the picture by the last bit of a float.
    rng = np.random.default_rng(0)
    for _ in range(300):
        width, height = (int(side) for side in rng.integers(1, 60, 2))
        across, down = rng.choice([0, 1, rng.random()], 2)
        box = square_box(width, height, rng.uniform(0.01, 1), across, down)
        assert view(gradient(width, height), box, 3).shape == (3, 3, 3)


def test_a_view_of_the_same_size_copies_the_pixels():
    image = gradient(40, 30)
    seen = view(image, (5, 7, 25, 27), 20)
    assert seen.dtype == np.uint8
    np.testing.assert_array_equal(seen, np.asarray(image)[7:27, 5:25])


def test_flip_mirrors_left_to_right():
    image = gradient(40, 30)
    box = square_box(40, 30, 0.8, 0.5, 0.5)
    mirrored = view(image, box, 16, flip=True)
    np.testing.assert_array_equal(mirrored, view(image, box, 16)[:, ::-1])
    assert mirrored[0, 0, 0] > mirrored[0, -1, 0]
    assert mirrored[0, 0, 1] < mirrored[-1, 0, 1]


def test_shrinking_is_antialiased():
    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), dtype=np.uint8)
    seen = view(Image.fromarray(noise), (0, 0, 400, 400), 10)
    # Means of 1,600 pixels: 74 / 40 = 1.8; picking pixels would leave 74.
    assert seen.std() < 6
    assert abs(seen.mean() - 127.5) < 2


def test_a_view_can_be_a_rectangle():
    image = gradient(40, 30)
    np.testing.assert_array_equal(view(image, (0, 0, 40, 30), (40, 30)), image)
    assert view(image, (0, 0, 40, 30), (20, 10)).shape == (10, 20, 3)


def test_enough_pixels_are_decoded_for_both_sides_of_a_rectangle():
    assert reduction((0, 0, 1600, 800), (400, 100)) == 2
    assert reduction((0, 0, 800, 1600), (100, 400)) == 2
    assert reduction((0, 0, 1600, 800), (200, 100)) == 4
