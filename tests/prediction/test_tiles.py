"""Tiles of large pictures: where they lie, and what they show."""

import io

import numpy as np
import pytest
from PIL import Image

from cnnxfer.data.images.picture import Picture
from cnnxfer.errors import DataError
from cnnxfer.prediction.tiles import TileViews, tiles_of
from cnnxfer.prediction.tta import tta_views


@pytest.mark.parametrize(
    ("size", "side", "tiles"),
    [
        ((300, 200), 400, [(0, 0, 300, 200)]),
        ((400, 400), 400, [(0, 0, 400, 400)]),
        ((700, 300), 400, [(0, 0, 400, 300), (300, 0, 700, 300)]),
        ((701, 300), 400, [(x, 0, x + 400, 300) for x in (0, 150.5, 301)]),
        (
            (500, 500),
            400,
            [(x, y, x + 400, y + 400) for y in (0, 100) for x in (0, 100)],
        ),
    ],
)
def test_tiles_cover_a_picture_evenly(size, side, tiles):
    assert tiles_of(size, side) == tiles


def test_an_object_smaller_than_the_overlap_is_whole_in_a_tile():
    rng = np.random.default_rng(0)
    for _ in range(50):
        size = tuple(rng.integers(100, 3000, 2).tolist())
        side, overlap = rng.uniform(80, 700), rng.uniform(0, 0.6)
        tiles = np.array(tiles_of(size, side, overlap))
        assert tiles.min() == 0
        assert tuple(tiles[:, 2:].max(axis=0)) == size
        most = np.minimum(overlap * side, size)
        for _ in range(20):
            low = rng.uniform(0, size - most)
            high = low + most * rng.uniform(0, 1, 2) * (1 - 1e-9)
            whole = (tiles[:, :2] <= low) & (tiles[:, 2:] >= high)
            assert whole.all(axis=1).any()


def picture(pixels: np.ndarray) -> Picture:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return Picture(stream.getvalue())


def test_tiles_show_the_pixels_where_they_say_that_they_lie():
    pixels = np.zeros((150, 250, 3), np.uint8)
    pixels[..., 0], pixels[..., 1] = np.arange(250), np.arange(150)[:, None]
    usual = tta_views("none", 1.0, 100, "letterbox")
    views = TileViews(usual, 100)
    seen, places = views(picture(pixels)), views.geometries(250, 150)
    assert len(seen) == len(places) == 1 + 3 * 2
    np.testing.assert_array_equal(seen[:1], usual(picture(pixels)))
    for view, place in zip(seen[1:], places[1:], strict=True):
        left, top, _, _ = place.region
        assert np.abs(view[50, :, 0] - (left + np.arange(100))).max() <= 1
        assert np.abs(view[:, 50, 1] - (top + np.arange(100))).max() <= 1


def test_a_picture_no_larger_than_a_tile_has_none():
    usual = tta_views("none", 1.0, 64, "letterbox")
    views = TileViews(usual, 100)
    assert views.geometries(100, 80) == usual.geometries(100, 80)
    assert len(views.geometries(101, 80)) == 3  # narrower than a tile, it is on grey


def test_too_many_tiles_are_refused():
    views = TileViews(tta_views("none", 1.0, 64), 32)
    with pytest.raises(
        DataError, match=r"^1,764 tiles of 32 pixels, over 500, the limit"
    ):
        views(picture(np.zeros((1000, 1000, 3), np.uint8)))
