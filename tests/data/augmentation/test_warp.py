"""Tests that each pixel of a turned, sheared or shifted view is in its place."""

import io
import math

import numpy as np
import pytest
from PIL import Image

from cnnxfer.config import Augment
from cnnxfer.data.augmentation.keyed_random import KeyedRandom
from cnnxfer.data.augmentation.motion import choose_motion, motion
from cnnxfer.data.augmentation.warp import MAX_SPAN_VIEWS, moved, warp
from cnnxfer.data.images.picture import Picture

WIDTH, HEIGHT, SIZE = 240, 200, 80


def picture_of(pixels: np.ndarray) -> Picture:
    stream = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(stream, "PNG")
    return Picture(stream.getvalue())


@pytest.fixture(scope="module")
def ramp() -> Picture:
    """Red is how far to the right a pixel lies, green how far down."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return picture_of(np.stack([columns, rows, 0 * rows], axis=-1))


def seen_of(picture, region, *motions, fill="reflect", fill_value=128, size=SIZE):
    together = motions[0]
    for following in motions[1:]:
        together = together.then(following)
    options = {"fill": fill, "fill_value": fill_value}
    return warp(picture, moved(region, size, together), **options).astype(float)


def grid() -> tuple[np.ndarray, np.ndarray]:
    """Across and down of each pixel of the view, from its middle, in sides."""
    places = (np.arange(SIZE) + 0.5) / SIZE - 0.5
    return np.meshgrid(places, places)


# What lies where a point of the view is, is moved there from...
DEGREES, SLANT = 25, 0.2
COSINE, SINE = math.cos(math.radians(DEGREES)), math.sin(math.radians(DEGREES))
CASES = {
    "rotation": (
        {"degrees": DEGREES},
        lambda x, y: (COSINE * x - SINE * y, SINE * x + COSINE * y),
    ),
    "shear across": ({"shear": (SLANT, 0)}, lambda x, y: (x - SLANT * y, y)),
    "shear down": ({"shear": (0, SLANT)}, lambda x, y: (x, y - SLANT * x)),
    "zoom": ({"scale": (1.5, 1.5)}, lambda x, y: (x / 1.5, y / 1.5)),
    "zoom out": ({"scale": (0.8, 0.8)}, lambda x, y: (x / 0.8, y / 0.8)),
    "shift": ({"shift": (0.2, -0.1)}, lambda x, y: (x - 0.2, y + 0.1)),
    "mirror": ({"scale": (-1, 1)}, lambda x, y: (-x, y)),
    "mirror down": ({"scale": (1, -1)}, lambda x, y: (x, -y)),
}


@pytest.mark.parametrize("region", [(70, 50, 170, 150), (60, 70, 180, 130)])
@pytest.mark.parametrize("case", CASES)
def test_pixels_come_from_the_computed_positions(ramp, case, region):
    options, source = CASES[case]
    seen = seen_of(ramp, region, motion(**options))
    left, top, right, bottom = region
    x, y = source(*grid())
    # A pixel's value is the place of its middle, half a pixel from its edge.
    expected_x = (left + right) / 2 + x * (right - left) - 0.5
    expected_y = (top + bottom) / 2 + y * (bottom - top) - 0.5
    # Rounded once, and cut off the second time: half a level darker on average.
    np.testing.assert_allclose(seen[..., 0], expected_x - 0.5, atol=1.01)
    np.testing.assert_allclose(seen[..., 1], expected_y - 0.5, atol=1.01)


def test_several_motions_are_applied_in_order(ramp):
    region = (70, 50, 170, 150)
    seen = seen_of(
        ramp, region, motion(degrees=90), motion(shift=(0.25, 0)), motion(scale=(-1, 1))
    )
    turned = seen_of(ramp, region, motion(degrees=90))
    expected = np.roll(turned, SIZE // 4, axis=1)[:, ::-1]
    # What was shifted out on the right is seen, mirrored, on the left.
    kept = slice(0, SIZE * 3 // 4)
    np.testing.assert_allclose(seen[:, kept], expected[:, kept], atol=1)


def test_a_rotation_by_90_degrees_is_exact(ramp):
    region = (70, 50, 150, 130)
    plain = ramp.view(region, SIZE).astype(float)
    turned = seen_of(ramp, region, motion(degrees=90))
    np.testing.assert_allclose(turned, np.rot90(plain), atol=1)


def test_upright_views_inside_the_picture_are_resized_once():
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3))
    picture, region = picture_of(noise), (0, 0, 100, 100)
    larger = seen_of(picture, region, motion(scale=(1.01, 1.01)))
    low, high = 50 - 50 / 1.01, 50 + 50 / 1.01  # near the picture's edge
    np.testing.assert_array_equal(larger, picture.view((low, low, high, high), SIZE))
    mirrored = seen_of(picture, region, motion(scale=(-1.01, -1.01)))
    np.testing.assert_array_equal(mirrored, larger[::-1, ::-1])


@pytest.mark.parametrize("degrees", [0.001, 30])
def test_shrinking_is_antialiased(degrees):
    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3))
    seen = seen_of(picture_of(noise), (50, 50, 350, 350), motion(degrees=degrees))
    plain = picture_of(noise).view((50, 50, 350, 350), SIZE)
    # Picking pixels would leave 74, the mean of 14 of them leaves 20.
    assert 1.01 * plain.std() > seen.std() > 0.6 * plain.std()


# By fill mode: what is seen so many pixels inside the picture's edge, or beyond.
FILLED = {
    "nearest": lambda inside: np.clip(inside, 0, WIDTH - 1),
    "reflect": lambda inside: np.where(inside < 0, -inside - 1, inside),
    "wrap": lambda inside: inside % WIDTH,
    "constant": lambda inside: inside,
}


@pytest.mark.parametrize("edge", ["left", "right"])
@pytest.mark.parametrize("fill", FILLED)
def test_missing_pixels_are_filled(ramp, fill, edge):
    # Of a region of 100 pixels at an edge, 30 are left and 70 are missing.
    left = edge == "left"
    region = (0, 60, 100, 160) if left else (WIDTH - 100, 60, WIDTH, 160)
    moved = motion(shift=(0.7 if left else -0.7, 0))
    seen = seen_of(ramp, region, moved, fill=fill, fill_value=77)[..., 0]
    inside = (np.arange(SIZE) + 0.5) / SIZE * 100 - 70 - 0.5
    expected = FILLED[fill](inside)
    if not left:
        inside, expected = inside[::-1], WIDTH - 1 - expected[::-1]
    if fill == "constant":
        expected = np.where(inside < 0, 77, expected)
    clear = np.abs(inside) > 4  # there, the filter doesn't see the edge
    np.testing.assert_allclose(
        seen[:, clear], np.tile(expected[clear], (SIZE, 1)), atol=1.5
    )


def test_pixels_outside_the_region_are_used_before_the_fill(ramp):
    moved = motion(shift=(0.5, 0))
    seen = seen_of(ramp, (100, 60, 200, 160), moved, fill="constant", fill_value=0)
    places = 100 + (np.arange(SIZE) + 0.5) / SIZE * 100 - 50 - 0.5
    np.testing.assert_allclose(seen[..., 0], np.tile(places, (SIZE, 1)), atol=1.01)


@pytest.mark.parametrize("fill", ["nearest", "reflect", "wrap", "constant"])
def test_a_view_far_outside_the_picture_is_filled(ramp, fill):
    far = motion(shift=(1, 1), scale=(0.25, 0.25))
    seen = seen_of(ramp, (0, 0, 40, 40), far, fill=fill)
    assert seen.shape == (SIZE, SIZE, 3)
    assert (seen == 128).mean() > 0.5 if fill == "constant" else seen.std() >= 0


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (20000, 4)])
@pytest.mark.parametrize("fill", ["nearest", "reflect", "wrap", "constant"])
def test_pictures_of_every_shape_are_filled(monkeypatch, size, fill):
    pads = []
    pad = np.pad
    monkeypatch.setattr(
        np,
        "pad",
        lambda shown, *rest, **o: pads.append(shown) or pad(shown, *rest, **o),
    )
    width, height = size
    side = min(size)
    picture = picture_of(np.full((height, width, 3), 200))
    seen = seen_of(picture, (0, 0, side, side), motion(degrees=40), fill=fill, size=24)
    assert seen[12, 12].tolist() == [200, 200, 200]
    assert pads[0].shape[1] <= MAX_SPAN_VIEWS * 24


def test_zoom_and_shift_are_drawn_within_their_bounds():
    settings = {"rotation": 30.0, "shear": 20.0, "zoom": 0.5, "shift": 0.1}
    drawn = [
        choose_motion(Augment(**settings), KeyedRandom(str(number)))
        for number in range(2000)
    ]
    matrices = np.array([found.matrix for found in drawn])
    sizes = np.sqrt(1 / np.abs(np.linalg.det(matrices)))
    assert 1 / 1.5 <= sizes.min() < 0.68
    assert 1.48 < sizes.max() <= 1.5
    assert abs(np.log(sizes).mean()) < 0.02
    shifts = np.array([-np.linalg.solve(found.matrix, found.shift) for found in drawn])
    assert np.abs(shifts).max() == pytest.approx(0.1, abs=0.001)
    assert np.abs(shifts.mean(axis=0)).max() < 0.01


@pytest.mark.parametrize(
    ("setting", "bound", "angle"),
    [
        ("rotation", 30.0, lambda m: math.degrees(math.atan2(m[1, 0], m[0, 0]))),
        ("shear", 20.0, lambda m: math.degrees(math.atan(-m[0, 1]))),
    ],
)
def test_angles_are_drawn_within_their_bounds(setting, bound, angle):
    augment = Augment(**{setting: bound})
    angles = [
        angle(choose_motion(augment, KeyedRandom(str(number))).matrix)
        for number in range(2000)
    ]
    assert -bound <= min(angles) < -0.98 * bound
    assert 0.98 * bound < max(angles) <= bound
    assert abs(np.mean(angles)) < 0.05 * bound


def test_without_motion_settings_there_is_no_motion():
    assert choose_motion(Augment(crop=0.9, flip=True), KeyedRandom("a")) is None
