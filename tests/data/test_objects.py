"""Tests of what a view shows of objects: enough of them, as they are seen."""

import math

import pytest

from cnnxfer.data.geometry import Geometry, area_of, part_in_square
from cnnxfer.data.objects import LabelledBox, Objects

WHOLE = Geometry.of_box((0, 0, 100, 100), 50)  # half as large


def boxes_in(geometry: Geometry, *boxes: tuple[float, ...]) -> list[tuple[float, ...]]:
    objects = Objects(tuple(LabelledBox(0, box) for box in boxes), 100, 100)
    seen = objects.through(geometry)
    assert (seen.width, seen.height) == (geometry.size, geometry.size)
    return [item.box for item in seen.objects]


def test_an_object_is_kept_as_what_is_seen_of_it_if_that_is_enough() -> None:
    enough, too_little = (90, 0, 120, 10), (92, 20, 120, 30)
    assert boxes_in(WHOLE, (10, 20, 30, 40), enough, too_little) == [
        pytest.approx((5, 10, 15, 20)),
        pytest.approx((45, 0, 50, 5)),
    ]
    assert boxes_in(WHOLE, (-50, -50, -10, -10), (5, 5, 5, 5), (0, 0, 50, 1.5)) == []


def test_a_mirrored_object_has_its_edges_in_order() -> None:
    mirrored = Geometry.of_box((0, 0, 100, 100), 50, flip=True, vertical_flip=True)
    assert boxes_in(mirrored, (10, 20, 30, 44)) == [pytest.approx((35, 28, 45, 40))]


def test_of_a_turned_object_the_box_around_what_is_seen_remains() -> None:
    # By 45 degrees: the view shows the middle of the image, on its tip.
    way = 100 / math.sqrt(2)
    turned = Geometry((50.0, 50.0), (way, way), (-way, way), 100)
    (corner,) = boxes_in(turned, (0, 0, 50, 50))
    # The square's corner at (0, 0) is seen at the left, outside of the view.
    half = 50 / math.sqrt(2)
    assert corner == pytest.approx((0, 50 - half, 50, 50 + half))


def test_a_part_of_a_polygon_keeps_its_area() -> None:
    triangle = [(-5.0, 0.0), (15.0, 0.0), (5.0, 10.0)]
    part = part_in_square(triangle, 10)
    assert area_of(triangle) == 100
    assert area_of(part) == 75
    assert len(part) == 5
    assert part_in_square([(11.0, 0), (12, 0), (12, 5)], 10) == []
