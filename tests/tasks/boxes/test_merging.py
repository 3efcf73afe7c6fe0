"""What several views show of an object becomes one."""

import itertools

import numpy as np
import pytest

from cnnxfer.data.geometry import Geometry
from cnnxfer.tasks.boxes.merging import in_picture, merged_objects

SIZE = (1000, 800)
# Squares of 400 pixels that overlap by a quarter at least.
TILES = [
    (x, y, x + 400, y + 400) for y in (0.0, 200.0, 400.0) for x in (0.0, 300.0, 600.0)
]


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("box", [(100, 50, 740, 690), (-60, -60, 1060, 1060)])
def test_objects_of_a_view_are_brought_to_the_picture(box, flip):
    place = Geometry.of_box(box, 320, flip=flip)
    objects = np.array([(110, 60, 400, 300, 0.5, 3), (700, 500, 740, 690, 0.25, 1)])
    corners = place.to_view(objects[:, :4].reshape(-1, 2)).reshape(-1, 2, 2)
    seen = objects.copy()
    seen[:, :2], seen[:, 2:4] = corners.min(axis=1), corners.max(axis=1)
    np.testing.assert_allclose(
        in_picture(seen.astype(np.float32), place, SIZE), objects, atol=1e-3
    )


def test_objects_end_at_the_edges_of_the_picture():
    place = Geometry.of_box((-100, -200, 1100, 1000), 600)
    seen = np.array([(0, 0, 100, 200, 0.9, 0), (0, 0, 600, 90, 0.8, 1)])
    np.testing.assert_allclose(
        in_picture(seen, place, SIZE), [(0, 0, 100, 200, 0.9, 0)]
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
    objects = np.array(
        [
            (310, 310, 390, 380, 0.9, 0),  # in the overlap of four tiles
            (320, 320, 380, 370, 0.8, 1),  # inside the first, of another class
            (0, 700, 80, 800, 0.7, 0),  # in a corner of the picture
            (640, 20, 730, 90, 0.6, 1),
            (600, 600, 605, 605, 0.5, 0),
        ]
    )
    merged = merged_objects(seen(objects, TILES), TILES, SIZE)
    assert len(merged) == len(objects)
    np.testing.assert_allclose(merged[:, :4], objects[:, :4])
    np.testing.assert_array_equal(merged[:, 5], objects[:, 5])


def test_parts_of_a_large_object_belong_to_the_whole_one():
    whole = (0.0, 0.0, 1000.0, 800.0)
    views = [*TILES, whole]
    large = np.array([(100, 100, 900, 700, 0.9, 0)])
    merged = merged_objects(seen(large, views), views, SIZE)
    np.testing.assert_allclose(merged[:, :4], large[:, :4])
    # Without the whole picture, nothing is dropped: all parts are there.
    parts = merged_objects(seen(large, TILES), TILES, SIZE)
    assert len(parts) > 1


def test_neighbours_of_a_class_stay_apart():
    row = [(x, 100, x + 45, 150, 0.9 - x / 1e4, 0) for x in range(0, 950, 50)]
    merged = merged_objects(seen(np.array(row), TILES), TILES, SIZE)
    assert sorted(merged[:, 0].round().tolist()) == [x for x, *_ in row]
    for one, other in itertools.pairwise(merged[:, 4]):
        assert one >= other


def test_nothing_found_is_no_object():
    nothing = [np.zeros((0, 6))] * len(TILES)
    assert merged_objects(nothing, TILES, SIZE).shape == (0, 6)


def test_an_unsure_whole_does_not_take_a_sure_part_away():
    """The part ends at the right edge of its view, inside the picture."""
    part = np.array([(100, 100, 400, 300, 0.9, 0)])
    for score, left in ((0.02, [0.9, 0.02]), (0.6, [0.6])):
        whole = np.array([(90, 90, 700, 310, score, 0)])
        regions = [(0.0, 0.0, 400.0, 400.0), (0.0, 0.0, 1000.0, 800.0)]
        found = merged_objects([part, whole], regions, SIZE)
        assert found[:, 4].tolist() == left
