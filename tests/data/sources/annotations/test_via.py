"""Tests of the JSON of VGG Image Annotator, versions 1 and 2."""

import json
from pathlib import Path
from typing import Any

import pytest
from annotated_images import boxes_of, objects_of, read, splits_of, write, write_images
from recording_reporter import RecordingReporter

from cnnxfer.errors import DataError

RECT = {"name": "rect", "x": 10, "y": 5, "width": 20, "height": 10}
BOX = ("cat", (10, 5, 30, 15))


def region(shape: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    return {"shape_attributes": shape, "region_attributes": attributes}


def save(path: Path, *regions: Any, version: int = 2) -> Path:
    """Writes an export of a.jpg with these regions and b.jpg without any."""
    numbered = {str(number): each for number, each in enumerate(regions)}
    entries = {
        f"{name}123": {"filename": name, "size": 123, "regions": found}
        for name, found in (
            ("a.jpg", numbered if version == 1 else list(regions)),
            ("b.jpg", {} if version == 1 else []),
        )
    }
    project = {"_via_settings": {}, "_via_img_metadata": entries, "_via_attributes": {}}
    return write(path, json.dumps(project if version == 0 else entries))


def test_an_image_of_unread_regions_is_not_background(tmp_path: Path):
    write_images(tmp_path, "a.jpg", "b.jpg")
    path = save(tmp_path / "via.json", region({"name": "point", "cx": 1, "cy": 1}))
    with pytest.raises(DataError, match="has 1 image and no object in them"):
        read(path)


@pytest.mark.parametrize("version", [0, 1, 2])
def test_regions_become_boxes(tmp_path: Path, version: int):
    write_images(tmp_path, "a.jpg", "b.jpg")
    corners = {"all_points_x": [1, 5, 3], "all_points_y": [2, 2, 9]}
    path = save(
        tmp_path / "via.json",
        region(RECT, colour="red", Label="cat"),
        region({"name": "polygon", **corners}, Label={"dog": True, "cat": False}),
        region({"name": "circle", "cx": 10, "cy": 10, "r": 4}, Label="cat"),
        region({"name": "ellipse", "cx": 9, "cy": 9, "rx": 4, "ry": 2}, Label="cat"),
        region({"name": "point", "cx": 10, "cy": 10}, Label="cat"),
        version=version,
    )
    reporter = RecordingReporter()
    dataset = read(path, reporter)
    assert boxes_of(dataset) == {
        "a.jpg": [
            BOX,
            ("dog", (1, 2, 5, 9)),
            ("cat", (6, 6, 14, 14)),
            ("cat", (5, 7, 13, 11)),
        ],
        "b.jpg": [],
    }
    assert objects_of(dataset)["a.jpg"].objects[1].polygons == ((1, 2, 5, 2, 3, 9),)
    assert "left out 1 region of the kind 'point'" in reporter.warnings[0]


def test_regions_without_attributes_are_of_one_class(tmp_path: Path):
    for word in ("train", "val"):
        write_images(tmp_path, f"{word}/a.jpg", f"{word}/b.jpg")
        save(tmp_path / word / "via_region_data.json", region(RECT))
    dataset = read(tmp_path)
    assert dataset.class_names == ("object",)
    assert splits_of(dataset)["val/b.jpg"] == "validation"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([region(RECT, a="x", b="y")], "the attributes a and b. Call the one that is"),
        ([region(RECT, a="x"), region(RECT)], "object 2 of a.jpg has no class"),
        ([region(RECT, a={"x": True, "y": True})], "region 1 is x and y; expected one"),
        ([region({"name": "rect", "x": 1}, a="x")], "expected x, y, width and height"),
        (
            [region({"name": "polygon"}, a="x")],
            "no lists all_points_x and all_points_y",
        ),
        ([5], r"a.jpg123.regions, item 1 is 5; expected a table"),
    ],
)
def test_errors_say_where(tmp_path: Path, wrong: list[Any], message: str):
    write_images(tmp_path, "a.jpg", "b.jpg")
    path = save(tmp_path / "via.json", *wrong)
    with pytest.raises(DataError, match=message):
        read(path)
