"""Tests of folders that are splits, or hold splits or classes too deep, by any name."""

import re

import pytest
from recording_reporter import RecordingReporter

from cnnxfer.data.sources.layout import Layout, arrange
from cnnxfer.errors import DataError

CLASSES = ("daisy", "rose")


def tree(*folders: str) -> list[str]:
    """Names of two images in each folder, and the folders above them."""
    files = [f"{folder}/{number}.jpg" for folder in folders for number in (1, 2)]
    above = {
        "/".join(folder.split("/")[:depth]) + "/"
        for folder in folders
        for depth in range(1, folder.count("/") + 2)
    }
    return files + sorted(above)


def in_each(*folders: str) -> list[str]:
    return tree(*(f"{folder}/{name}" for folder in folders for name in CLASSES))


def arranged(names: list[str]) -> tuple[Layout, list[str]]:
    reporter = RecordingReporter()
    return arrange(names, "data", reporter), reporter.lines


def splits_of(layout: Layout) -> dict[str, str | None]:
    return {file.id.split("/")[0]: file.split for file in layout.files}


@pytest.mark.parametrize(
    ("train", "other", "split"),
    [
        ("seg_train", "seg_test", "test"),
        ("X_train", "X_valid", "validation"),
        ("training_set", "test_set", "test"),
        ("train_images", "dev_images", "validation"),
        ("TrainImages", "TestImages", "test"),
        ("train2017", "val2017", "validation"),
        ("trainset", "testset", "test"),
        ("imagenet_train", "val", "validation"),
        ("train", "test-photos", "test"),
    ],
)
def test_splits_are_known_by_a_word_of_their_names_and_told(train, other, split):
    layout, lines = arranged(in_each(train, other))
    assert layout.class_names == CLASSES
    assert splits_of(layout) == {train: "train", other: split}
    told = {f"train in {train}", f"{split} in {other}"}
    assert set(lines[0].removeprefix("data: ").split(", ")) == told


def test_plain_names_of_splits_need_no_line():
    layout, lines = arranged(in_each("Training", "dev", "Testing"))
    assert splits_of(layout) == {
        "Training": "train",
        "dev": "validation",
        "Testing": "test",
    }
    assert lines == []


@pytest.mark.parametrize(
    "tops",
    [
        ("seg_train/seg_train", "seg_test/seg_test"),
        ("train/train", "test"),
        ("train/images", "test/images"),
        ("train/a/b", "val/c/d"),
    ],
)
def test_a_folder_around_the_classes_of_a_split_is_ignored_and_told(tops):
    layout, lines = arranged(in_each(*tops))
    assert layout.class_names == CLASSES
    assert {file.split for file in layout.files} >= {"train"}
    assert len(layout.files) == 8
    assert len(lines) == 1
    for top in tops:
        assert f"in {top}" in lines[0]


def test_a_folder_around_everything_is_ignored_and_told():
    layout, lines = arranged(in_each("flower_photos/all"))
    assert layout.class_names == CLASSES
    assert layout.files[0].id == "daisy/1.jpg"
    assert lines == ["data: all class folders are in flower_photos/all"]
    layout, lines = arranged([*in_each("set/seg_train", "set/seg_test"), "1.jpg", "2"])
    assert splits_of(layout) == {"seg_train": "train", "seg_test": "test"}
    assert lines == [
        "data: all class folders are in set",
        "data/set: test in seg_test, train in seg_train",
        "warning: left out 1 image of data/set outside of its class folders, such as "
        "1.jpg.",
    ]
    assert layout.outside == ("2",)


def test_folders_without_images_are_neither_classes_nor_splits():
    documents = ["docs/license.pdf", "docs/", "labels/train/1.xml", "labels/", "runs/"]
    layout, _ = arranged([*in_each("train", "test"), *documents])
    assert layout.class_names == CLASSES
    assert splits_of(layout) == {"train": "train", "test": "test"}
    assert layout.outside == ("docs/license.pdf", "labels/train/1.xml")
    layout, lines = arranged([*in_each("food/images"), "food/meta/train.txt"])
    assert layout.class_names == CLASSES
    assert layout.outside == ("food/meta/train.txt",)
    assert lines == ["data: all class folders are in food/images"]
    with pytest.raises(DataError, match=r"data/train2014 has no class folders"):
        arranged([*tree("train2014", "val2014"), "annotations/val.json"])


def test_a_table_beside_a_single_class_is_named():
    _, lines = arranged([*tree("images"), "labels.csv"])
    assert lines == [
        "warning: data holds one class, images. To read labels.csv itself, give it: "
        "data/labels.csv"
    ]
    assert arranged([*tree("rose", "tulip"), "labels.csv"])[1] == []


def test_files_without_a_suffix_may_be_images():
    names = [name.removesuffix(".jpg") for name in in_each("train", "test")]
    layout, _ = arranged(names)
    assert splits_of(layout) == {"train": "train", "test": "test"}
    layout, _ = arranged([*names, *in_each("val")])
    assert set(splits_of(layout)) == {"train", "test", "val"}


def test_a_test_folder_alone_is_a_folder_around_everything():
    layout, lines = arranged(in_each("test"))
    assert splits_of(layout) == {"daisy": None, "rose": None}
    assert lines == ["data: all class folders are in test"]


@pytest.mark.parametrize(
    "classes",
    [
        ("bus", "car", "train"),
        ("bus", "test"),
        ("bus_station", "test_tube", "train_station"),
        ("test_tube", "train_station"),
        ("train_journey", "bus_journey"),
        ("exam", "test", "val"),
    ],
)
def test_classes_may_have_such_names(classes):
    layout, lines = arranged(tree(*classes))
    assert set(layout.class_names) == set(classes)
    assert splits_of(layout) == dict.fromkeys(classes)
    assert lines == []


def test_a_class_called_train_may_hold_folders_beside_no_class():
    layout, _ = arranged(tree("old/train", "old/bus", "new/train", "new/bus"))
    assert layout.class_names == ("new", "old")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            tree("dogs_train", "dogs_test", "cats_train", "cats_test"),
            "data holds the splits of several sets: cats_test and cats_train; dogs_test"
            " and dogs_train; expected those of one, such as data/train and data/test "
            "with the class folders in them.",
        ),
        (
            tree("X_train", "X_test"),
            "data/X_test has no class folders; expected one folder a class",
        ),
        (
            [*tree("train_images", "test_images"), "train.csv"],
            "move test_images away. To read train.csv itself, give it: data/train.csv",
        ),
        (
            [*in_each("asl_train/asl_train"), *tree("asl_test/asl_test")],
            "data/asl_test has no class folders; expected one folder a class",
        ),
        (
            [*in_each("seg_train/seg_train", "seg_test"), *tree("seg_pred")],
            "data/seg_pred lies beside data/seg_train, which is taken for a split",
        ),
        (
            in_each("val", "test"),
            "data holds test and val, and no folder to train on; expected data/train "
            "beside them. Rename one of them to train, or give one alone: data/test",
        ),
        (
            tree("daisy/train", "daisy/test", "rose/train", "rose/test"),
            "data/daisy would be a class, and holds test and train; expected them "
            "outside and the classes in them. Move the images: those of "
            "data/daisy/test to data/test/daisy, and so on.",
        ),
        (
            in_each("fold1/train", "fold1/val", "fold2/train", "fold2/val"),
            "data/fold1 would be a class, and holds train and val; expected such "
            "folders outermost. Give the folder that holds them: data/fold1",
        ),
        (
            ["README", "1.jpg", "Flowers.ZIP", "labels.csv"],
            "such as data/rose/1.jpg. To read Flowers.ZIP itself, give it: "
            "data/Flowers.ZIP",
        ),
        (
            [*in_each("set/my_train", "set/my_test"), *tree("docs")],
            "Give the folder that holds them: data/set",
        ),
    ],
)
def test_what_is_not_clear_is_refused_with_what_to_give(names, message):
    with pytest.raises(DataError, match=re.escape(message)):
        arranged(names)


def test_classes_that_hold_the_same_folders_are_warned_of():
    layout, lines = arranged(in_each("siteA", "siteB", "siteC"))
    assert layout.class_names == ("siteA", "siteB", "siteC")
    assert lines == [
        "warning: the classes of data are siteA, siteB, siteC, and each of them holds "
        "the same folders: daisy, rose. If these are the classes, list the images in a "
        "table with the columns path and label."
    ]
    _, lines = arranged(tree("daisy/left", "daisy/right", "rose/left", "rose/up"))
    assert lines == []
    _, lines = arranged(tree("daisy/all", "rose/all"))
    assert lines == []
