"""Tests of LabelMe's JSON, a file an image."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from annotated_images import boxes_of, objects_of, read, write, write_images
from PIL import Image
from recording_reporter import RecordingReporter

from cnnxfer.data.masks.polygons import PolygonMask
from cnnxfer.data.objects import Objects
from cnnxfer.errors import DataError


def save(path: Path, *shapes: dict[str, Any], image: str = "a.jpg") -> Path:
    size = {"imageWidth": 40, "imageHeight": 20, "imageData": None}
    content = {"version": "5.4.1", "shapes": shapes, "imagePath": image, **size}
    return write(path, json.dumps(content))


def shape(kind: str, *points: Any, label: Any = "cat") -> dict[str, Any]:
    return {"label": label, "points": points, "shape_type": kind}


def png(*rows: list[int]) -> str:
    stream = io.BytesIO()
    Image.fromarray(np.array(rows, np.uint8)).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


# Of 2 x 3 pixels, since both corners belong to it.
MASK = shape("mask", (1, 1), (2, 3)) | {"mask": png([1, 0], [0, 0], [0, 1])}


def test_shapes_become_boxes(tmp_path: Path):
    write_images(tmp_path, "images/a.jpg", "images/b.jpg")
    triangle = shape("polygon", (1, 2), (5.5, 2), (3, 9), label="dog")
    save(
        tmp_path / "a.json",
        shape("rectangle", (30, 15), (10, 5)),
        triangle,
        shape("circle", (10, 10), (13, 14)),
        MASK,
        shape("linestrip", (1, 1), (2, 2)),
        image="..\\images\\a.jpg",
    )
    save(tmp_path / "b.json", image="gone.jpg")
    reporter = RecordingReporter()
    dataset = read(tmp_path, reporter)
    assert boxes_of(dataset) == {
        "images/a.jpg": [
            ("cat", (10, 5, 30, 15)),
            ("dog", (1, 2, 5.5, 9)),
            ("cat", (5, 5, 15, 15)),
            ("cat", (1, 1, 3, 4)),
        ],
        "images/b.jpg": [],
    }
    rectangle, polygon, circle, mask = objects_of(dataset)["images/a.jpg"].objects
    assert not rectangle.polygons
    assert polygon.polygons == ((1, 2, 5.5, 2, 3, 9),)
    assert len(circle.polygons[0]) == 64
    pixels = np.argwhere(PolygonMask("a", Objects((mask,))).read(40, 20) == 1)
    assert pixels.tolist() == [[1, 1], [3, 2]]
    (lines,) = reporter.warnings
    assert "left out 1 shape of the kind 'linestrip'" in lines


def test_an_image_of_unread_shapes_is_not_background(tmp_path: Path):
    write_images(tmp_path, "a.jpg", "b.jpg")
    save(tmp_path / "a.json", shape("rectangle", (1, 1), (2, 2)))
    save(tmp_path / "b.json", shape("point", (1, 1)), image="b.jpg")
    reporter = RecordingReporter()
    assert list(boxes_of(read(tmp_path, reporter))) == ["a.jpg"]
    told = " ".join(reporter.warnings)
    assert "left out 1 image with nothing but shapes of such kinds" in told
    (tmp_path / "a.json").unlink()
    with pytest.raises(DataError, match=r"nothing that can be read.*kind 'point'"):
        read(tmp_path / "b.json")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (shape("rectangle"), r"a\.json, shape 1 has no points"),
        (shape("rectangle", (1, "x")), r"has \[1, 'x'\]; expected points \[x, y\]"),
        (shape("rectangle", (1, 2, 3)), r"the point \[1, 2, 3\]; expected \[x, y\]"),
        (shape("polygon", (1, 1), (2, 2)), "4 numbers; expected a polygon"),
        (
            shape("rectangle", (1, 1), (2, 2), label=None),
            "object 1 of a.jpg has no class",
        ),
        (MASK | {"points": [(1, 1), (40, 3)]}, "mask of the corners 1.0, 1.0, 40.0, 3"),
        (MASK | {"points": [(1, 1), (9, 3)]}, r"shape \(3, 2\); expected .* \(3, 9\)"),
        (MASK | {"mask": "?"}, "has no mask that can be read"),
        (MASK | {"mask": "AAAA"}, r"has no mask that can be read \(not an image"),
        (shape("mask", (1, 1), (2, 3)), "has no mask that can be read"),
        (5, "shapes, item 1 is 5; expected a table"),
    ],
)
def test_errors_say_where(tmp_path: Path, wrong: Any, message: str):
    write_images(tmp_path, "a.jpg", "b.jpg")
    save(tmp_path / "a.json", wrong)
    save(tmp_path / "b.json", shape("rectangle", (1, 1), (2, 2)), image="b.jpg")
    with pytest.raises(DataError, match=message):
        read(tmp_path)
