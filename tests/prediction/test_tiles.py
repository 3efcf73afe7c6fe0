"""Tiles of large pictures: where they lie."""

import numpy as np
import pytest

from cnnxfer.prediction.tiles import tiles_of


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
