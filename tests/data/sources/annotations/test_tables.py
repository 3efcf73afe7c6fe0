"""Tests of tables with a row an object."""

from pathlib import Path

import pytest
from annotated_images import boxes_of, objects_of, read, splits_of, write, write_images
from recording_reporter import RecordingReporter

from cnnxfer.data.annotation import Labels
from cnnxfer.data.check.run_checks import check_data
from cnnxfer.data.dataset import (
    CLASSIFICATION,
    DETECTION,
    LOCALIZATION,
    MULTI_LABEL,
)
from cnnxfer.data.sources.suited import suited_to
from cnnxfer.errors import DataError
from cnnxfer.reporting import Reporter

BOX = ("cat", (10, 5, 30, 15))


@pytest.mark.parametrize(
    ("columns", "cells", "size"),
    [
        ("path,label,xmin,ymin,xmax,ymax", "cat,10,5,30,15", (0, 0)),
        ("filename,class,x0,y0,x1,y1", "cat,10,5,30,15", (0, 0)),
        ("image,category,x1,y1,x2,y2", "cat,10.0,5.0,30.0,15.0", (0, 0)),
        ("file,name,left,top,right,bottom", "cat,10,5,30,15", (0, 0)),
        ("path,label,x,y,w,h", "cat,10,5,20,10", (0, 0)),
        ("path,label,x,y,width,height", "cat,10,5,20,10", (0, 0)),
        (
            "path,label,bbox_x,bbox_y,bbox_w,bbox_h,width,height",
            "cat,10,5,20,10,40,20",
            (40, 20),
        ),
        (
            "path,label,x_min,y_min,x_max,y_max,image_width,image_height",
            "cat,10,5,30,15,40,20",
            (40, 20),
        ),
        (
            "filename,width,height,class,xmin,ymin,xmax,ymax",
            "40,20,cat,10,5,30,15",
            (40, 20),
        ),
    ],
)
def test_columns_may_have_other_names(
    tmp_path: Path, columns: str, cells: str, size: tuple[int, int]
):
    write_images(tmp_path, "a.jpg")
    reporter = RecordingReporter()
    dataset = read(write(tmp_path / "t.csv", f"{columns}\na.jpg,{cells}\n"), reporter)
    assert boxes_of(dataset) == {"a.jpg": [BOX]}
    found = objects_of(dataset)["a.jpg"]
    assert (found.width, found.height) == size
    assert dataset.task == LOCALIZATION
    assert not reporter.warnings


def test_rows_of_an_image_are_its_objects(tmp_path: Path):
    write_images(tmp_path, "a.jpg", "b.jpg", "c.jpg")
    rows = (
        "a.jpg,cat,10,5,30,15,train,1",
        "./b.jpg,dog,1,2,3.5,4,val,2",
        "a.jpg,dog,1,2,3.5,4,train,3",
        "c.jpg,,,,,,test,4",
    )
    header = "path,label,xmin,ymin,xmax,ymax,split,camera"
    dataset = read(write(tmp_path / "t.csv", "\n".join((header, *rows))))
    dog = ("dog", (1, 2, 3.5, 4))
    assert boxes_of(dataset) == {"a.jpg": [BOX, dog], "b.jpg": [dog], "c.jpg": []}
    assert list(splits_of(dataset).values()) == ["train", "validation", "test"]
    assert dataset.columns == {"camera": ("1", "2", "4")}
    assert dataset.task == DETECTION


def test_a_table_without_names_is_that_of_retinanet(tmp_path: Path):
    for name in ("cat", "dog"):
        write_images(tmp_path, f"images/{name}/1.jpg", f"images/{name}/2.jpg")
        rows = f"1.jpg,10,5,30,15,{name}\n2.jpg,,,,,\n"
        write(tmp_path / f"annotations/{name}.csv", rows)
    expected = {
        "images/cat/1.jpg": [BOX],
        "images/cat/2.jpg": [],
        "images/dog/1.jpg": [("dog", BOX[1])],
        "images/dog/2.jpg": [],
    }
    assert boxes_of(read(tmp_path)) == expected
    one = read(tmp_path / "annotations/cat.csv")
    assert list(boxes_of(one)) == ["../images/cat/1.jpg", "../images/cat/2.jpg"]


def test_tables_are_splits_by_their_names(tmp_path: Path):
    write_images(tmp_path, "images/1.jpg", "images/2.jpg")
    header = "path,label,xmin,ymin,xmax,ymax"
    for word, names in {"train": "1", "test": "2", "all": "12"}.items():
        rows = [f"{name}.jpg,cat,10,5,30,15" for name in names]
        write(tmp_path / f"data/{word}_labels.csv", "\n".join((header, *rows)))
    splits = {"images/1.jpg": "train", "images/2.jpg": "test"}
    assert splits_of(read(tmp_path)) == splits


def test_a_table_of_labels_beside_class_folders_is_left_alone(tmp_path: Path):
    write_images(tmp_path, "cat/1.jpg", "dog/2.jpg")
    write(tmp_path / "labels.csv", "path,label\ncat/1.jpg,cat\n")
    assert read(tmp_path).task == CLASSIFICATION


@pytest.mark.parametrize(
    ("columns", "cells"),
    [
        ("label,x,y,width,height", "cat,12.5,47.3,40,20"),  # a place and the image
        ("label,x,y,w,h", "cat,,,,"),
        ("label,x1,y1,x2,y2", "cat,0.1,0.2,0.5,0.6"),
        ("labels,xmin,ymin,xmax,ymax", "cat|dog,1,1,5,5"),
        ("label,left,top,right,bottom", "cat,yes,no,no,no"),
    ],
)
def test_columns_of_something_else_are_not_boxes(
    tmp_path: Path, columns: str, cells: str
):
    write_images(tmp_path, "a.jpg", "b.jpg")
    rows = f"path,{columns}\na.jpg,{cells}\nb.jpg,{cells}\n"
    path = write(tmp_path / "t.csv", rows)
    reporter = RecordingReporter()
    dataset = read(path, reporter)
    assert dataset.task == (MULTI_LABEL if "|" in cells else CLASSIFICATION)
    assert list(dataset.columns) == columns.split(",")[1:]
    assert "so it is read as a table of classes" in reporter.infos[0]


@pytest.mark.parametrize("task", [CLASSIFICATION, MULTI_LABEL])
def test_a_table_of_boxes_is_one_of_classes_for_classification(
    tmp_path: Path, task: str
):
    write_images(tmp_path, "a.jpg", "b.jpg")
    rows = "a.jpg,cat,10,5,30,15\nb.jpg,dog,10,5,30,15\n"
    path = write(tmp_path / "t.csv", f"path,label,x,y,w,h\n{rows}")
    dataset = suited_to(read(path), task, "none", Reporter())
    assert [example.annotation for example in dataset.examples] == [
        Labels((0,)),
        Labels((1,)),
    ]
    assert list(dataset.columns) == list("xywh")


def test_broken_boxes_are_no_error_where_classes_are_learned(tmp_path: Path):
    write_images(tmp_path, "a.jpg", "b.jpg")
    rows = "a.jpg,cat,10,5,3,15\nb.jpg,dog,10,5,30,15\n"
    path = write(tmp_path / "t.csv", f"path,label,x1,y1,x2,y2\n{rows}")
    dataset = read(path)
    for task in (CLASSIFICATION, MULTI_LABEL):
        labelled = suited_to(dataset, task, "none", Reporter())
        assert [example.labels for example in labelled.examples] == [(0,), (1,)]
    with pytest.raises(DataError, match=r"edges 10, 5, 3, 15;.* task='classification'"):
        suited_to(dataset, "auto", "none", Reporter())
    report, _ = check_data(str(path), Reporter())
    (finding,) = report.findings
    assert "edges 10, 5, 3, 15" in finding.items[0].note


def test_a_table_with_a_broken_box_leaves_class_folders_alone(tmp_path: Path):
    names = [f"{name}/{number}.jpg" for name in ("cat", "dog") for number in range(3)]
    write_images(tmp_path, *names)
    rows = "cat/0.jpg,a,1,1,9,9\ncat/1.jpg,a,?,1,9,9\n"
    write(tmp_path / "t.csv", f"path,label,x1,y1,x2,y2\n{rows}")
    reporter = RecordingReporter()
    assert read(tmp_path, reporter).task == CLASSIFICATION
    assert "row 2 has ('?'" in reporter.warnings[0]


def test_the_size_of_the_box_is_not_that_of_the_image(tmp_path: Path):
    write_images(tmp_path, "a.jpg", "b.jpg")
    columns = "path,label,xmin,ymin,xmax,ymax,width,height"
    rows = "a.jpg,cat,10,5,30,15,20,10\nb.jpg,cat,0,0,9,9,9,9\n"
    found = objects_of(read(write(tmp_path / "t.csv", f"{columns}\n{rows}")))
    assert {(each.width, each.height) for each in found.values()} == {(0, 0)}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a.jpg,cat,10,5,3,15", "edges 10, 5, 3, 15; expected left, top"),
        ("a.jpg,cat,10,5,3,x", "row 1 has .*; expected xmin, ymin, xmax and ymax"),
        ("a.jpg,cat,10,5,,15", "row 1 has .*; expected xmin, ymin, xmax and ymax"),
        (
            "a.jpg,cat,,,,",
            "row 1 is about cat and has no box. Fill it in; or leave out",
        ),
        ("a.jpg,,10,5,30,15", "object 1 of a.jpg has no class"),
        ("a.jpg,cat|dog,10,5,30,15", "is about cat and dog; expected a row for each"),
        ("a.jpg,cat,0.1,0.2,0.3,0.9", "boxes between 0.1 and 0.9; expected pixels"),
        ("gone.jpg,cat,10,5,30,15", "annotations of 1 image, and none exists"),
        ("a.jpg,,,,,", "has 1 image and no object in them"),
    ],
)
def test_errors_say_where(tmp_path: Path, row: str, message: str):
    write_images(tmp_path, "a.jpg")
    path = write(tmp_path / "t.csv", f"path,label,xmin,ymin,xmax,ymax\n{row}\n")
    with pytest.raises(DataError, match=message):
        suited_to(read(path), DETECTION, "none", Reporter())
