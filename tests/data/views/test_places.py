"""Boxes and masks go where the pixels go, in every view of every image."""

import io
from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from cnnxfer.config import PRESETS, Augment, Fit
from cnnxfer.data.augmentation import randaugment
from cnnxfer.data.augmentation.keyed_random import KeyedRandom
from cnnxfer.data.augmentation.random_view import RandomView
from cnnxfer.data.class_mask import IGNORED
from cnnxfer.data.geometry import Geometry
from cnnxfer.data.images.picture import Picture
from cnnxfer.data.objects import LabelledBox, Objects
from cnnxfer.data.views.mask_view import mask_view
from cnnxfer.data.views.views import Square, View

FITS: tuple[Fit, ...] = ("crop", "letterbox", "stretch")
OPERATIONS = {
    "none": {},
    "crop": {"crop": 0.8},
    "area": {"area": 0.3},
    "shorter side": {"shorter_side": 60, "shorter_side_to": 90},
    "flips": {"flip": True, "vertical_flip": True},
    "rotation": {"rotation": 90.0},
    "shear": {"shear": 30.0},
    "zoom": {"zoom": 1.0},
    "shift": {"shift": 0.5},
    "randaugment": {"randaugment": 3, "magnitude": 8.0},
    "everything": {
        **{"flip": True, "vertical_flip": True, "rotation": 30.0, "shear": 10.0},
        **{"zoom": 0.5, "shift": 0.1, "randaugment": 1},
    },
    "boxes": {"flip": True, "zoom": 0.5, "shift": 0.1},
}
COLOURS = np.array([(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)], np.uint8)
sides = st.integers(60, 130)
fits = st.sampled_from(FITS)
keys = st.integers(0, 10**6).map(lambda number: KeyedRandom(str(number)))
checked = partial(
    settings,
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.filter_too_much],
)


@pytest.fixture(scope="module", autouse=True)
def _only_motions() -> Iterator[None]:
    """Has RandAugment leave colours as they are, by which the tests find objects."""
    plain = dict.fromkeys(randaugment.RECOLOURINGS, lambda image, strength: image)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(randaugment, "RECOLOURINGS", plain)
        yield


def picture_of(pixels: np.ndarray) -> Picture:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return Picture(stream.getvalue())


def view_of(name: str, fit: Fit, key: KeyedRandom, fill: str = "constant") -> View:
    fraction = 0.875 if fit == "crop" else 1.0
    return RandomView(Augment(**OPERATIONS[name], fill=fill), fraction, key, fit)


def extent_of(where: np.ndarray) -> np.ndarray:
    """Returns the box around all that is True, in pixels."""
    rows, columns = np.nonzero(where)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])


@pytest.mark.parametrize("name", OPERATIONS)
@checked()
@given(fits, sides, sides, keys, st.tuples(*[st.floats(0, 1)] * 4), st.integers(40, 65))
def test_a_box_agrees_with_the_pixels(name, fit, width, height, key, place, size):
    box_width, box_height = (
        round(12 + share * (side - 12))
        for share, side in zip(place[:2], (width, height), strict=True)
    )
    left = round(place[2] * (width - box_width))
    top = round(place[3] * (height - box_height))
    box = (left, top, left + box_width, top + box_height)
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[box[1] : box[3], box[0] : box[2]] = 255

    seen = view_of(name, fit, key).of(picture_of(pixels), size)
    known = Objects((LabelledBox(0, box),), width, height)
    found = known.through(seen.geometry)
    assert found.objects or name != "none" or fit == "crop"  # all of it is seen
    assume(found.objects)
    (item,) = found.objects
    assume(min(item.box[2] - item.box[0], item.box[3] - item.box[1]) >= 3)
    drawn = extent_of(seen.pixels[..., 0] > 160)
    if seen.geometry.upright:
        np.testing.assert_allclose(item.box, drawn, atol=1)
        return
    # The tips of a turned rectangle are too thin for its pixels, not for finer ones.
    fine = mask_view(pixels[..., 0] // 255, seen.geometry, 16 * size)
    np.testing.assert_allclose(item.box, extent_of(fine == 1) / 16, atol=0.5)
    assert (np.subtract(drawn, item.box) * (1, 1, -1, -1) > -1).all()


@pytest.mark.parametrize("name", OPERATIONS)
@checked()
@given(
    fits,
    sides,
    sides,
    keys,
    st.integers(0, 2**32 - 1),
    st.integers(40, 65),
    st.sampled_from(["constant", "nearest", "reflect"]),
)
def test_a_mask_agrees_with_the_pixels(name, fit, width, height, key, seed, size, fill):
    blocks = np.random.default_rng(seed).integers(0, 4, (3, 3), np.uint8)
    rows = np.arange(height) * 3 // height
    mask = blocks[rows[:, None], np.arange(width) * 3 // width]
    seen = view_of(name, fit, key, fill).of(picture_of(COLOURS[mask]), size)
    carried = mask_view(mask, seen.geometry, size)
    grey = np.full((1, 3), 128)
    far = np.abs(seen.pixels[:, :, None].astype(int) - [*COLOURS, *grey]).sum(axis=-1)
    nearest = far.argmin(axis=-1)
    # Where all around is alike: filters mix what lies two pixels apart.
    windows = np.lib.stride_tricks.sliding_window_view(carried, (5, 5))
    clear = (windows == windows[..., :1, :1]).all(axis=(2, 3))
    found, expected = nearest[2:-2, 2:-2][clear], carried[2:-2, 2:-2][clear]
    inside = expected != IGNORED
    np.testing.assert_array_equal(found[inside], expected[inside])
    if fill == "constant" or fit == "letterbox":
        assert (found[~inside] == 4).all()


@checked(max_examples=60)
@given(st.sampled_from(sorted(OPERATIONS)), fits, sides, sides, keys)
def test_points_of_the_view_and_of_the_image_lead_to_each_other(
    name, fit, width, height, key
):
    geometry = view_of(name, fit, key).geometry(width, height, 50)
    points = np.array([(0, 0), (width, 0), (3.5, height), (width / 2, 7)])
    np.testing.assert_allclose(
        geometry.to_image(geometry.to_view(points)), points, atol=1e-6
    )


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("level", PRESETS)
def test_geometry_needs_no_pixels(level: str, fit: Fit) -> None:
    picture = picture_of(np.zeros((70, 110, 3), np.uint8))
    changes = {"noise": 9.0, "blur": 2.0, "hue": 30.0, "cutout": 0.5, "equalize": 1.0}
    for augment in (PRESETS[level], Augment(**changes, **OPERATIONS["everything"])):
        view = RandomView(augment, 0.875, KeyedRandom("a"), fit)
        assert view.geometry(110, 70, 33) == view.of(picture, 33).geometry


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("corner", [0.0, 0.5, 1.0])
def test_squares_of_the_frame_show_what_their_geometry_says(
    flip: bool, fit: Fit, corner: float
) -> None:
    rows, columns = np.mgrid[:90, :120]
    picture = picture_of(np.stack([columns, rows, 0 * rows], -1).astype(np.uint8))
    seen = Square(0.75, corner, corner, flip, fit).of(picture, 45)
    places = np.stack(np.meshgrid(*[np.arange(45) + 0.5] * 2), axis=-1)
    there = seen.geometry.to_image(places.reshape(-1, 2))
    inside = ((there > 3) & (there < (117, 87))).all(axis=1)
    values = seen.pixels[..., :2].reshape(-1, 2)
    np.testing.assert_allclose(values[inside], there[inside] - 0.5, atol=1)
    outside = ((there < -3) | (there > (123, 93))).any(axis=1)
    assert outside.any() == (fit == "letterbox" and corner != 0.5)
    assert (values[outside] == 128).all()


def test_a_mask_may_be_seen_at_another_size_and_beyond_the_image() -> None:
    mask = np.arange(6, dtype=np.uint8).reshape(2, 3)
    whole = Geometry.of_box((0, 0, 3, 2), 90)
    assert mask_view(mask, whole, 6)[::3, ::2].tolist() == mask.tolist()
    mirrored = Geometry.of_box((0, 0, 3, 2), 90, flip=True, vertical_flip=True)
    assert mask_view(mask, mirrored, 6)[::3, ::2].tolist() == mask[::-1, ::-1].tolist()
    beyond = Geometry.of_box((2, 1, 4, 3), 90)
    assert mask_view(mask, beyond, 2, fill=9).tolist() == [[5, 9], [9, 9]]
    turned = Geometry((1.0, 1.0), (0.0, 2.0), (-2.0, 0.0), 90)  # a quarter
    assert mask_view(mask, turned, 2).tolist() == [[1, 4], [0, 3]]
