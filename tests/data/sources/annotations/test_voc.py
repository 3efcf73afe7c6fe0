"""Tests of Pascal VOC's XML, as LabelImg and others arrange it."""

from pathlib import Path

import pytest
from annotated_images import (
    CAT,
    boxes_of,
    objects_of,
    read,
    splits_of,
    voc_xml,
    write,
    write_images,
)
from recording_reporter import RecordingReporter

from cnnxfer.data.dataset import DETECTION, LOCALIZATION
from cnnxfer.errors import DataError


@pytest.mark.parametrize(
    ("image", "annotation"),
    [
        ("a.jpg", "a.xml"),
        ("JPEGImages/a.jpg", "Annotations/a.xml"),
        ("images/a.jpg", "annotations/xmls/a.xml"),
        ("unzipped/images/a.jpg", "unzipped/annotations/a.xml"),
    ],
)
def test_pixels_count_from_one(tmp_path: Path, image: str, annotation: str):
    write_images(tmp_path, image)
    write(tmp_path / annotation, voc_xml(CAT, name="a.jpg"))
    dataset = read(tmp_path)
    assert boxes_of(dataset) == {image: [("cat", (2, 4, 30, 20))]}
    assert objects_of(dataset)[image].width == 40
    assert objects_of(dataset)[image].height == 20
    assert dataset.task == LOCALIZATION
    assert dataset.name == tmp_path.name


def test_pixels_count_from_zero_where_a_coordinate_is_zero(tmp_path: Path):
    write_images(tmp_path, "a.jpg")
    write(tmp_path / "a.xml", voc_xml(CAT, ("dog", 0, 1.5, 9, 9)))
    expected = [("cat", (3, 5, 30, 20)), ("dog", (0, 1.5, 9, 9))]
    assert boxes_of(read(tmp_path)) == {"a.jpg": expected}


def test_the_name_of_the_file_counts_before_the_name_in_it(tmp_path: Path):
    write_images(tmp_path, "images/a.jpg", "images/b.jpg", "masks/a.png")
    write(tmp_path / "xml/a.xml", voc_xml(CAT, name="b.jpg"))
    write(tmp_path / "xml/c.xml", voc_xml(("dog", 1, 1, 2, 2), name="B.JPG"))
    assert boxes_of(read(tmp_path)) == {
        "images/a.jpg": [("cat", (2, 4, 30, 20))],
        "images/b.jpg": [("dog", (0, 0, 2, 2))],
    }


def test_an_annotation_without_objects_makes_background(tmp_path: Path):
    write_images(tmp_path, "a.jpg", "b.jpg", "c.jpg")
    write(tmp_path / "a.xml", voc_xml(CAT))
    write(tmp_path / "b.xml", voc_xml())
    reporter = RecordingReporter()
    dataset = read(tmp_path, reporter)
    assert list(boxes_of(dataset)) == ["a.jpg", "b.jpg"]
    assert dataset.task == DETECTION
    (told,) = reporter.infos
    assert "Pascal VOC, 1 object of 1 class in 2 images, 1 without one" in told
    assert "the task is detection, unless task says another" in told
    (warning,) = reporter.warnings
    assert "left out 1 image without annotations, such as " in warning
    assert "c.jpg" in warning


def test_lists_tell_the_splits(tmp_path: Path):
    names = ("a", "b", "c", "d")
    write_images(tmp_path, *(f"JPEGImages/{name}.jpg" for name in names))
    for name in names:
        write(tmp_path / f"Annotations/{name}.xml", voc_xml(CAT))
    lists = tmp_path / "ImageSets/Main"
    for word, listed in {
        "train": "a",
        "val": "b",
        "trainval": "a\nb",
        "test": "c",
    }.items():
        write(lists / f"{word}.txt", f"{listed}\n")
    write(lists / "cat_train.txt", "d 1\n")
    reporter = RecordingReporter()
    assert splits_of(read(tmp_path, reporter)) == {
        "JPEGImages/a.jpg": "train",
        "JPEGImages/b.jpg": "validation",
        "JPEGImages/c.jpg": "test",
    }
    assert (
        "left out 1 image that no list in ImageSets/Main names" in reporter.warnings[0]
    )
    (lists / "train.txt").unlink()
    (lists / "val.txt").unlink()
    assert splits_of(read(tmp_path))["JPEGImages/b.jpg"] == "train"
    write(lists / "test.txt", "c\na\n")
    write(lists / "train.txt", "a\n")
    with pytest.raises(DataError, match=r"test.txt names a, and so does train.txt"):
        read(tmp_path)


def test_names_in_lists_may_have_spaces(tmp_path: Path):
    for name in ("my 1", "my 2", "b"):
        write_images(tmp_path, f"JPEGImages/{name}.jpg")
        write(tmp_path / f"Annotations/{name}.xml", voc_xml(CAT))
    lists = tmp_path / "ImageSets/Main"
    write(lists / "train.txt", "my 1\nb -1\n")
    write(lists / "val.txt", "my 2\n")
    assert splits_of(read(tmp_path)) == {
        "JPEGImages/b.jpg": "train",
        "JPEGImages/my 1.jpg": "train",
        "JPEGImages/my 2.jpg": "validation",
    }


def test_folders_tell_the_splits(tmp_path: Path):
    for folder in ("train", "valid"):
        write_images(tmp_path, f"{folder}/1.jpg")
        write(tmp_path / folder / "1.xml", voc_xml(CAT))
    splits = {"train/1.jpg": "train", "valid/1.jpg": "validation"}
    assert splits_of(read(tmp_path)) == splits


def test_images_that_are_missing_are_told(tmp_path: Path):
    write_images(tmp_path, "a.jpg")
    for name in "abc":
        write(tmp_path / f"{name}.xml", voc_xml(CAT, name=f"{name}.jpg"))
    reporter = RecordingReporter()
    assert list(boxes_of(read(tmp_path, reporter))) == ["a.jpg"]
    (warning,) = reporter.warnings
    assert "annotations of 2 images that do not exist, such as b.jpg, c.jpg" in warning


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<annotation><object>", r"b\.xml is not XML \(no element found"),
        (
            '<!DOCTYPE a [<!ENTITY x "lol">]><annotation>&x;</annotation>',
            "declares entities",
        ),
        (voc_xml(("cat", 30, 5, 3, 20)), r"edges 29, 4, 3, 20; expected left, top"),
        (voc_xml(("", 3, 5, 30, 20)), "object 1 of b.jpg has no class"),
        (
            voc_xml(("cat", "x", 5, 30, 20)),
            r"object 1 has \['x', .*expected numbers as",
        ),
        (voc_xml(("cat", "nan", 5, 30, 20)), "expected numbers as xmin, ymin, xmax"),
    ],
)
def test_errors_say_where(tmp_path: Path, content: str, message: str):
    write_images(tmp_path, "a.jpg", "b.jpg")
    write(tmp_path / "a.xml", voc_xml(CAT))
    write(tmp_path / "b.xml", content)
    with pytest.raises(DataError, match=message):
        read(tmp_path)


def test_several_broken_files_are_counted(tmp_path: Path):
    write_images(tmp_path, "a.jpg")
    write(tmp_path / "a.xml", voc_xml(CAT))
    for name in "bcd":
        write(tmp_path / f"{name}.xml", "")
    with pytest.raises(DataError, match=r"b\.xml is not XML.* 2 times more"):
        read(tmp_path)


def test_data_without_an_object_is_an_error(tmp_path: Path):
    write_images(tmp_path, "a.jpg")
    write(tmp_path / "a.xml", voc_xml())
    with pytest.raises(DataError, match="has 1 image and no object in them"):
        read(tmp_path)
