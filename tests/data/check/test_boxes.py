"""Tests of checks of boxes, and of what a model of boxes must beat."""

from pathlib import Path

import pytest

from cnnxfer.data.check import boxes
from cnnxfer.data.check.baselines import baselines
from cnnxfer.data.check.inspected import InspectedData
from cnnxfer.data.dataset import Example, IndexRow
from cnnxfer.data.objects import LabelledBox, Objects

BOX = (10.0, 10.0, 60.0, 60.0)


def inspected(*pictures: list[tuple[float, ...]], splits=()) -> InspectedData:
    """Returns pictures of 100 x 100 pixels with these boxes of one class."""
    rows = []
    for number, found in enumerate(pictures):
        objects = Objects(tuple(LabelledBox(0, box) for box in found), 100, 100)
        example = Example(f"{number}.jpg", objects, None, Path(f"{number}.jpg"))
        rows.append(IndexRow(example, 100, 100))
    return InspectedData(("cell",), rows, splits or ["train"] * len(rows))


def test_a_box_that_a_picture_has_twice_is_found() -> None:
    again = tuple(edge + 0.2 for edge in BOX)
    (finding,) = boxes.same_boxes(inspected([BOX, again, BOX, (0, 0, 9, 9)], [BOX]))
    (item,) = finding.items
    assert (finding.count, item.ids) == (2, ("0.jpg",))
    assert item.note == "10, 10, 60, 60"


def test_pictures_of_more_objects_than_are_learned_are_found() -> None:
    (finding,) = boxes.many_boxes(inspected([BOX] * 100, [BOX] * 101, []))
    assert [(item.ids, item.note) for item in finding.items] == [(("1.jpg",), "101")]


def test_boxes_that_a_network_hardly_sees_are_counted() -> None:
    tiny, small = (0, 0, 3, 50), (0, 0, 4, 50)  # 6.7 and 9 pixels of 224
    (finding,) = boxes.tiny_boxes(inspected([BOX, tiny], [small], [tiny, tiny]))
    assert finding.count == 3
    assert [item.note for item in finding.items] == ["1 of 2", "2 of 2"]


@pytest.mark.parametrize(
    ("edges", "count"), [([1] * 5, 5), ([1] * 4, 0), ([1] * 9 + [0], 0), ([7] * 9, 0)]
)
def test_boxes_that_begin_at_pixel_1_and_never_at_0_are_found(edges, count) -> None:
    found = list(boxes.one_based(inspected(*([(edge, 9, 50, 50)] for edge in edges))))
    assert [finding.count for finding in found] == [count] * bool(count)


def test_the_mean_box_is_what_localization_must_beat() -> None:
    data = inspected(
        [(0, 0, 40, 100)], [(0, 0, 60, 100)], [(0, 0, 100, 50)], [(0, 0, 50, 100)]
    )
    splits = ["train", "train", "test", "test"]
    data = InspectedData(data.class_names, data.rows, splits)
    iou, sizes = baselines(data)
    # The mean is the left half: a third of the upper half is shared, and all of itself.
    assert (iou.name, iou.value) == ("mean-box-iou", pytest.approx((1 / 3 + 1) / 2))
    assert "mean IoU of 0.667 on test" in iou.text
    assert "0% of the objects are small, 100% medium and 0% large" in sizes.text


def test_pictures_of_several_objects_have_their_number_and_sizes() -> None:
    data = inspected([(0, 0, 32, 33), (0, 0, 31, 31)], [], [(0, 0, 97, 97)])
    objects, sizes = baselines(data)
    assert objects.text.startswith("1.0 objects a picture, none in 1 of 3;")
    assert "33% of the objects are small, 33% medium and 33% large" in sizes.text
