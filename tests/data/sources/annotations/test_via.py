"""Tests of the JSON and CSV of VGG Image Annotator, versions 1 and 2."""

import csv
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


def save_table(path: Path, *rows: tuple[Any, Any, Any], mark: str = "") -> Path:
    """Writes an export with a row for each name, shape and attributes."""
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        names = "filename,file_size,file_attributes,region_count,region_id"
        names += ",region_shape_attributes,region_attributes"
        stream.write(f"{mark}{names}\n")
        for name, *values in rows:
            texts = [it if isinstance(it, str) else json.dumps(it) for it in values]
            writer.writerow([name, 123, "{}", 1, 0, *texts])
    return path


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


@pytest.mark.parametrize("mark", ["#", ""])
@pytest.mark.parametrize("in_folder", [False, True])
def test_a_table_says_the_same(tmp_path: Path, mark: str, in_folder: bool):
    write_images(tmp_path, "a.jpg", "b.jpg")
    corners = {"all_points_x": [1, 5, 3], "all_points_y": [2, 2, 9]}
    path = save_table(
        tmp_path / "via.csv",
        ("a.jpg", RECT, {"Label": "cat", "note": 'a "red" one, here'}),
        ("b.jpg", {}, {}),
        ("a.jpg", {"name": "polygon", **corners}, {"Label": "dog"}),
        mark=mark,
    )
    dataset = read(tmp_path if in_folder else path)
    assert boxes_of(dataset) == {"a.jpg": [BOX, ("dog", (1, 2, 5, 9))], "b.jpg": []}
    assert objects_of(dataset)["a.jpg"].objects[1].polygons == ((1, 2, 5, 2, 3, 9),)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("a.jpg", "{", {}), "row 1 has '{' as region_shape_attributes; expected JSON"),
        (("a.jpg", RECT, "x"), "row 1 has 'x' as region_attributes; expected JSON"),
        (("a.jpg", [1], {}), "item 1.shape_attributes is .*; expected a table"),
        (("a.jpg", {"name": "rect"}, {}), "region 1 has .*; expected x, y, width and"),
    ],
)
def test_errors_of_tables_say_where(tmp_path: Path, row: Any, message: str):
    write_images(tmp_path, "a.jpg")
    with pytest.raises(DataError, match=message):
        read(save_table(tmp_path / "via.csv", row))


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
        (
            [region({"name": "polygon", "all_points_x": [1], "all_points_y": []})],
            "has 1 numbers in all_points_x and 0 in all_points_y; expected as many",
        ),
        ([5], r"a.jpg123.regions, item 1 is 5; expected a table"),
    ],
)
def test_errors_say_where(tmp_path: Path, wrong: list[Any], message: str):
    write_images(tmp_path, "a.jpg", "b.jpg")
    path = save(tmp_path / "via.json", *wrong)
    with pytest.raises(DataError, match=message):
        read(path)
