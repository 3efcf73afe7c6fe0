"""Tests of Label Studio's JSON export."""

import json
from pathlib import Path
from typing import Any

import pytest
from annotated_images import boxes_of, objects_of, read, write, write_images
from recording_reporter import RecordingReporter

from cnnxfer.errors import DataError

RECTANGLE = {"x": 25, "y": 25, "width": 50, "height": 50}
BOX = ("cat", (10, 5, 30, 15))


def result(kind: str, size: bool = True, label: str = "cat", **value: Any) -> Any:
    told = {"original_width": 40, "original_height": 20} if size else {}
    return {"type": kind, **told, "value": {**value, kind: [label]}}


def task(*results: Any, image: str = "/data/upload/1/0a1b2c3d-a.jpg") -> dict[str, Any]:
    annotations = [{"result": [], "was_cancelled": True}, {"result": results}]
    return {"id": 1, "data": {"image": image}, "annotations": annotations}


def save(path: Path, *tasks: Any) -> Path:
    return write(path, json.dumps(tasks))


@pytest.mark.parametrize("size", [True, False])
def test_percent_become_pixels(tmp_path: Path, size: bool):
    write_images(tmp_path, "a.jpg", "b c.jpg")
    points = [[0, 0], [50, 0], [50, 100]]
    path = save(
        tmp_path / "project.json",
        task(
            result("rectanglelabels", size, **RECTANGLE),
            result("rectanglelabels", size, rotation=90, **RECTANGLE),
            result("polygonlabels", size, label="dog", points=points),
            result("ellipselabels", size, x=50, y=50, radiusX=25, radiusY=50),
            {"type": "choices", "value": {"choices": ["good"]}},
        ),
        task(image="s3://bucket/photos/b%20c.jpg"),
        {"data": {"image": "a.jpg"}, "annotations": []},
    )
    reporter = RecordingReporter()
    dataset = read(path, reporter)
    assert boxes_of(dataset) == {
        "a.jpg": [
            BOX,
            ("cat", (0, 5, 10, 25)),
            ("dog", (0, 0, 20, 20)),
            ("cat", (10, 0, 30, 20)),
        ],
        "b c.jpg": [],
    }
    first = objects_of(dataset)["a.jpg"]
    assert (first.width, first.height) == (40, 20)
    assert [bool(each.polygons) for each in first.objects] == [False, True, True, True]
    warnings = " ".join(reporter.warnings)
    assert "left out 1 result of the kind 'choices'" in warnings
    assert "left out 1 task without an annotation" in warnings


def test_an_image_of_unread_shapes_is_not_background(tmp_path: Path):
    write_images(tmp_path, "a.jpg", "b.jpg", "c.jpg")
    choice = {"type": "choices", "value": {"choices": ["none"]}}
    save(
        tmp_path / "project.json",
        task(result("rectanglelabels", **RECTANGLE)),
        task(result("brushlabels", rle=[1, 2]), image="b.jpg"),
        task(choice, image="c.jpg"),
    )
    reporter = RecordingReporter()
    assert boxes_of(read(tmp_path, reporter)) == {"a.jpg": [BOX], "c.jpg": []}
    told = " ".join(reporter.warnings)
    assert "left out 1 image with nothing but shapes of such kinds" in told


def test_local_files_and_plain_names_are_found(tmp_path: Path):
    write_images(tmp_path, "photos/a.jpg", "photos/12345678-b.jpg")
    found = result("rectanglelabels", **RECTANGLE)
    save(
        tmp_path / "project.json",
        task(found, image="/data/local-files/?d=home%2Fme%2Fphotos%2Fa.jpg"),
        task(found, image="http://localhost:8080/data/upload/12345678-b.jpg"),
    )
    expected = {"photos/a.jpg": [BOX], "photos/12345678-b.jpg": [BOX]}
    assert boxes_of(read(tmp_path)) == expected


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ("/data/upload/1/1a1b2c3d-a.jpg", "names 1a1b2c3d-a.jpg, and 0a1b2c3d-a.jpg"),
        ("/data/upload/1/0a1b2c3d-a.jpg", "task 2 and task 1 are about the same image"),
    ],
)
def test_two_tasks_are_never_one_image(tmp_path: Path, image: str, message: str):
    write_images(tmp_path, "a.jpg")
    found = result("rectanglelabels", **RECTANGLE)
    save(tmp_path / "project.json", task(found), task(found, image=image))
    with pytest.raises(DataError, match=message):
        read(tmp_path)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            task(result("rectanglelabels", x=1)),
            "task 1 has .*expected the numbers x, y",
        ),
        (
            task(result("polygonlabels", points=[1])),
            "task 1 has a polygon without points",
        ),
        (
            {"data": {"text": "hello"}, "annotations": [{"result": []}]},
            "names no image",
        ),
        (
            {"data": {}, "annotations": 5},
            "annotations is 5.*Export the project anew as",
        ),
    ],
)
def test_errors_say_where(tmp_path: Path, wrong: Any, message: str):
    write_images(tmp_path, "a.jpg")
    path = save(tmp_path / "project.json", wrong)
    with pytest.raises(DataError, match=message):
        read(path)
