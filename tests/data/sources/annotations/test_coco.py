"""Tests of COCO's JSON: ids of all kinds, outlines, run lengths and places of files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from annotated_images import boxes_of, objects_of, read, splits_of, write, write_images
from recording_reporter import RecordingReporter

from cnnxfer.data.dataset import DETECTION, LOCALIZATION
from cnnxfer.data.masks.polygons import masks_of
from cnnxfer.errors import DataError

CATEGORIES = [{"id": 7, "name": "dog"}, {"id": 0, "name": "cat"}]
SQUARE = [10, 5, 14, 5, 14, 15, 10, 15]
# The pixels of the box 10, 5, 14, 15 in a picture of 40 x 20 pixels, down the columns.
RUNS = [205, 10, 10, 10, 10, 10, 10, 10, 525]


def item(image: Any = 3, category: Any = 0, **more: Any) -> dict[str, Any]:
    box = {"bbox": [10, 5, 4, 10]}
    return {"image_id": image, "category_id": category, **box, **more}


def document(*items: Any, names: tuple[str, ...] = ("a.jpg",)) -> dict[str, Any]:
    """Returns a document; the ids of its images begin with 3."""
    images = [
        {"id": number, "file_name": name, "width": 40, "height": 20}
        for number, name in enumerate(names, 3)
    ]
    return {"images": images, "annotations": items, "categories": CATEGORIES}


def save(path: Path, *items: Any, **more: Any) -> Path:
    return write(path, json.dumps(document(*items, **more)))


def test_names_are_read_through_ids(tmp_path: Path):
    write_images(tmp_path, "a.jpg", "b.jpg")
    items = (item(), item(category=7, bbox=[0.5, 1, 2, 3]), item(category=7, iscrowd=1))
    path = save(tmp_path / "boxes.json", *items, names=("a.jpg", "b.jpg"))
    dataset = read(path)
    assert dataset.class_names == ("cat", "dog")
    assert dataset.name == "boxes"
    assert dataset.task == DETECTION
    assert boxes_of(dataset) == {
        "a.jpg": [
            ("cat", (10, 5, 14, 15)),
            ("dog", (0.5, 1, 2.5, 4)),
            ("dog", (10, 5, 14, 15)),
        ],
        "b.jpg": [],
    }
    first = objects_of(dataset)["a.jpg"]
    assert [each.crowd for each in first.objects] == [False, False, True]
    assert (first.width, first.height) == (40, 20)
    assert boxes_of(read(tmp_path)) == boxes_of(dataset)


def test_an_image_that_is_listed_twice_is_told(tmp_path: Path):
    write_images(tmp_path, "a.jpg")
    path = save(tmp_path / "boxes.json", item(), item(4), names=("a.jpg", "a.jpg"))
    reporter = RecordingReporter()
    assert len(boxes_of(read(path, reporter))["a.jpg"]) == 2
    (warning,) = reporter.warnings
    assert "boxes.json lists 1 image more than once, such as " in warning


def test_crowds_are_no_objects_to_locate(tmp_path: Path):
    write_images(tmp_path, "a.jpg")
    path = save(tmp_path / "a.json", item(), item(iscrowd=1))
    assert read(path).task == LOCALIZATION


def test_polygons_are_kept(tmp_path: Path):
    write_images(tmp_path, "a.jpg")
    outline = [SQUARE, [20, 1, 22, 1, 22, 3]]
    parts = [*outline, [1, 1, 2, 2]]
    path = save(tmp_path / "a.json", item(segmentation=parts, bbox=[]))
    ((label, box),) = boxes_of(read(path))["a.jpg"]
    assert (label, box) == ("cat", (10, 1, 22, 15))
    (kept,) = objects_of(read(path))["a.jpg"].objects
    assert [list(polygon) for polygon in kept.polygons] == outline


@pytest.mark.parametrize("counts", [RUNS, "]6::00000S`0"])
def test_run_lengths_are_the_pixels_of_their_box(tmp_path: Path, counts: Any):
    write_images(tmp_path, "a.jpg")
    outline = {"size": [20, 40], "counts": counts}
    path = save(tmp_path / "a.json", item(segmentation=outline, bbox=None))
    dataset = read(path)
    assert boxes_of(dataset) == {"a.jpg": [("cat", (10, 5, 14, 15))]}
    (example,) = masks_of(dataset).examples
    pixels = example.annotation.reader.read(40, 20)
    assert np.argwhere(pixels).min(axis=0).tolist() == [5, 10]
    assert np.argwhere(pixels).max(axis=0).tolist() == [14, 13]
    assert np.count_nonzero(pixels) == 40


def test_run_lengths_may_tell_the_size(tmp_path: Path):
    write_images(tmp_path, "a.jpg")
    content = document(item(segmentation={"size": [20, 40], "counts": RUNS}))
    del content["images"][0]["width"], content["images"][0]["height"]
    path = write(tmp_path / "a.json", json.dumps(content))
    found = objects_of(read(path))["a.jpg"]
    assert (found.width, found.height) == (40, 20)


@pytest.mark.parametrize(
    ("file", "images"),
    [
        ("annotations/instances_{}2017.json", "{}2017"),
        ("annotations/instances_{}.json", "images/{}"),
        ("{}/_annotations.coco.json", "{}"),
    ],
)
def test_files_are_splits(tmp_path: Path, file: str, images: str):
    expected = {}
    for word, split in (("train", "train"), ("val", "validation")):
        folder = images.format(word)
        write_images(tmp_path, f"{folder}/1.jpg")
        save(tmp_path / file.format(word), item(), names=("1.jpg",))
        expected[f"{folder}/1.jpg"] = split
        if file.startswith("annotations"):  # as COCO has them
            keypoints = tmp_path / f"annotations/person_keypoints_{word}.json"
            save(keypoints, item(), names=("1.jpg",))
    assert splits_of(read(tmp_path)) == expected


def test_one_file_finds_images_beside_its_folder(tmp_path: Path):
    write_images(tmp_path, "images/train/1.jpg", "images/val/2.jpg")
    names = ("C:\\data\\train\\1.JPG", "/gone/2.jpg")
    path = save(tmp_path / "annotations/all.json", item(), names=names)
    assert splits_of(read(path)) == {
        "../images/train/1.jpg": "train",
        "../images/val/2.jpg": "validation",
    }


def test_images_of_validation_alone_are_divided_anew(tmp_path: Path):
    write_images(tmp_path, "a.jpg")
    path = save(tmp_path / "instances_val2017.json", item())
    reporter = RecordingReporter()
    assert splits_of(read(path, reporter)) == {"a.jpg": None}
    assert "all images are for validation, and are divided anew" in reporter.infos[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"annotations": [item(9)]}, "annotation 1 has the image_id 9, which no entry"),
        (
            {"annotations": [item(category=1)]},
            "the category_id 1, which no entry of cat",
        ),
        ({"annotations": [item(), 5]}, "annotation 2 has the image_id 5"),
        ({"annotations": [item(bbox=[1, 2, -3, 4])]}, "the edges 1, 2, -2, 6"),
        ({"annotations": [item(bbox=[1, 2, 3])]}, r"expected a bbox \[x, y, width, he"),
        ({"annotations": [item(bbox="abcd")]}, "has 'abcd'; expected a bbox"),
        ({"annotations": [item(bbox=None)]}, "neither a bbox nor a segmentation"),
        (
            {"annotations": [item(segmentation=[[1, 2, 3]])]},
            "has 3 numbers; expected a p",
        ),
        ({"annotations": [item(segmentation=True)]}, "has True; expected a segmentati"),
        (
            {"annotations": [item(segmentation={"size": [20, 40], "counts": [9]})]},
            "run lengths of 9 pixels",
        ),
        (
            {"annotations": [item(segmentation={"size": [20, 40], "counts": "x\x00"})]},
            "expected a segmentation: a list of polygons",
        ),
        ({"images": [{"id": 1}]}, "images, item 1 has no file_name"),
        ({"categories": [{"id": 1, "name": 2}]}, "item 1.name is 2; expected a text"),
        (
            {"categories": [*CATEGORIES, *CATEGORIES]},
            "categories have no ids, or the same",
        ),
        (
            {"images": [{"id": 3, "file_name": "gone.jpg"}]},
            r"annotations of 1 image, and none exists, such as gone.jpg",
        ),
        ({"annotations": []}, "has 1 image and no object in them"),
    ],
)
def test_errors_say_where(tmp_path: Path, change: dict[str, Any], message: str):
    write_images(tmp_path, "a.jpg")
    path = write(tmp_path / "a.json", json.dumps(document(item()) | change))
    with pytest.raises(DataError, match=message):
        read(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"a\.json cannot be read: not JSON"),
        ("[" * 100_000, "cannot be read: nested too deep|it is nested"),
        ('{"classes": []}', "JSON of another kind; expected that of COCO, LabelMe"),
    ],
)
def test_other_json_is_refused(tmp_path: Path, content: str, message: str):
    path = write(tmp_path / "a.json", content)
    with pytest.raises(DataError, match=message):
        read(path)
