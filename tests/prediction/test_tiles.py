"""Tiles of large pictures: where they lie, and how their answers become one."""

import itertools

import numpy as np
import pytest

from cnnxfer.prediction.tiles import in_picture, merged_objects, tiles_of


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


def test_answers_are_brought_to_the_picture():
    shown = np.array(
        [(0, 0, 320, 160, 0.5, 3), (160, 40, 320, 80, 0.25, 1)], np.float32
    )
    found = in_picture(shown, (100, 50, 740, 370), (320, 160))
    np.testing.assert_allclose(
        found, [(100, 50, 740, 370, 0.5, 3), (420, 130, 740, 210, 0.25, 1)]
    )


def seen(objects: np.ndarray, tiles: list) -> list[np.ndarray]:
    """What a perfect detector finds in each tile: what it shows of each object."""
    found = []
    for number, (left, top, right, bottom) in enumerate(tiles):
        boxes = objects.astype(float)
        boxes[:, [0, 2]] = boxes[:, [0, 2]].clip(left, right)
        boxes[:, [1, 3]] = boxes[:, [1, 3]].clip(top, bottom)
        boxes[:, 4] -= number / 1000  # so that no two scores are equal
        shown = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
        found.append(boxes[shown])
    return found


def test_what_several_tiles_show_of_an_object_becomes_one():
    tiles = tiles_of((1000, 800), 400)
    objects = np.array(
        [
            (310, 310, 390, 380, 0.9, 0),  # in the overlap of four tiles
            (320, 320, 380, 370, 0.8, 1),  # inside the first, of another class
            (0, 700, 80, 800, 0.7, 0),  # in a corner of the picture
            (640, 20, 730, 90, 0.6, 1),
            (600, 600, 605, 605, 0.5, 0),
        ]
    )
    merged = merged_objects(seen(objects, tiles), tiles, (1000, 800))
    assert len(merged) == len(objects)
    np.testing.assert_allclose(merged[:, :4], objects[:, :4])
    np.testing.assert_array_equal(merged[:, 5], objects[:, 5])


def test_parts_of_a_large_object_belong_to_the_whole_one():
    size = (1000, 800)
    tiles = [*tiles_of(size, 400), (0.0, 0.0, *map(float, size))]
    large = np.array([(100, 100, 900, 700, 0.9, 0)])
    merged = merged_objects(seen(large, tiles), tiles, size)
    np.testing.assert_allclose(merged[:, :4], large[:, :4])
    # Without the whole picture, nothing is dropped: all parts are there.
    parts = merged_objects(seen(large, tiles[:-1]), tiles[:-1], size)
    assert len(parts) > 1


def test_neighbours_of_a_class_stay_apart():
    tiles = tiles_of((1000, 400), 400)
    row = [(x, 100, x + 45, 150, 0.9 - x / 1e4, 0) for x in range(0, 950, 50)]
    merged = merged_objects(seen(np.array(row), tiles), tiles, (1000, 400))
    assert sorted(merged[:, 0].round().tolist()) == [x for x, *_ in row]
    for one, other in itertools.pairwise(merged[:, 4]):
        assert one >= other


def test_nothing_found_is_no_object():
    tiles = tiles_of((1000, 400), 400)
    nothing = [np.zeros((0, 6))] * len(tiles)
    assert merged_objects(nothing, tiles, (1000, 400)).shape == (0, 6)
