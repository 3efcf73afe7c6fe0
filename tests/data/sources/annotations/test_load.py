"""Tests of which files in a folder count, and of the places of their images."""

import json
import shutil
from pathlib import Path

import pytest
from annotated_images import CAT, boxes_of, read, voc_xml, write, write_images
from recording_reporter import RecordingReporter

from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import CLASSIFICATION, LOCALIZATION, MULTI_LABEL
from cnnxfer.data.sources import find_source
from cnnxfer.data.sources.annotations.files import read_limited
from cnnxfer.data.sources.annotations.pictures import Pictures
from cnnxfer.data.sources.suited import suited_to
from cnnxfer.errors import DataError
from cnnxfer.reporting import Reporter


def test_class_folders_win_where_annotations_have_no_image(tmp_path: Path):
    write_images(tmp_path, "cat/1.jpg", "dog/2.jpg")
    write(tmp_path / "cat/gone.xml", voc_xml(CAT))
    write(tmp_path / "broken.json", "{")
    write(tmp_path / "classes.json", "{}")
    write(tmp_path / "settings.xml", "<settings/>")
    reporter = RecordingReporter()
    assert read(tmp_path, reporter).task == CLASSIFICATION
    none, broken = reporter.warnings
    assert "annotations of 1 image, and none exists, such as gone" in none
    assert "broken.json cannot be read: not JSON" in broken
    write(tmp_path / "cat/1.xml", voc_xml(CAT))
    assert boxes_of(read(tmp_path)) == {"cat/1.jpg": [("cat", (2, 4, 30, 20))]}


@pytest.mark.parametrize("packed", [False, True])
def test_class_folders_win_if_few_images_are_annotated(tmp_path: Path, packed: bool):
    names = [f"{name}/{number}.jpg" for name in ("cat", "dog") for number in range(3)]
    root = write_images(tmp_path / "set", *names)
    write(root / "cat/0.xml", voc_xml(CAT))
    spec = Path(shutil.make_archive(str(root), "zip", root)) if packed else root
    reporter = RecordingReporter()
    dataset = read(spec, reporter)
    assert dataset.task == CLASSIFICATION
    assert dataset.class_names == ("cat", "dog")
    if not packed:
        assert "1 of the 6 images in class folders have annot" in reporter.infos[0]
        boxes = suited_to(dataset, LOCALIZATION, "none", Reporter())
        assert list(boxes_of(boxes)) == ["cat/0.jpg"]


def test_broken_annotations_of_class_folders_are_an_error_but_for_classes(
    tmp_path: Path,
):
    write_images(tmp_path, "cat/1.jpg", "dog/2.jpg", "dog/3.jpg")
    images = [{"id": n, "file_name": f"{n}.jpg"} for n in (1, 2)]
    wrong = {"image_id": 1, "category_id": 5, "bbox": [1, 1, 9, 9]}
    coco = {"images": images, "annotations": [wrong], "categories": []}
    write(tmp_path / "boxes.json", json.dumps(coco))
    dataset = read(tmp_path)
    with pytest.raises(DataError, match=r"category_id 5.*: task='classification'"):
        suited_to(dataset, "auto", "none", Reporter())
    labelled = suited_to(dataset, CLASSIFICATION, "none", Reporter())
    assert labelled.class_names == ("cat", "dog")
    del images[1]  # of one image of three, it may be left alone
    write(tmp_path / "boxes.json", json.dumps(coco))
    reporter = RecordingReporter()
    assert read(tmp_path, reporter).class_names == ("cat", "dog")
    assert "annotation 1 has the category_id 5" in reporter.warnings[0]


def test_class_folders_are_classes_for_classification(tmp_path: Path):
    names = ("cat/1.jpg", "dog/2.jpg")
    write_images(tmp_path, *names)
    for name in names:
        write((tmp_path / name).with_suffix(".xml"), voc_xml(("head", 1, 1, 9, 9)))
    assert read(tmp_path).task == LOCALIZATION
    dataset = suited_to(read(tmp_path), CLASSIFICATION, "none", Reporter())
    assert dataset.class_names == ("cat", "dog")


def test_images_in_other_folders_are_told(tmp_path: Path):
    write_images(tmp_path, "a/1.jpg", "b/1.jpg", "b/2.jpg", "masks/1.png")
    write(tmp_path / "a/1.xml", voc_xml(CAT))
    write_images(tmp_path, "a/2.jpg")
    write(tmp_path / "a/2.xml", voc_xml(CAT))
    reporter = RecordingReporter()
    read(tmp_path, reporter)
    (warning,) = reporter.warnings
    assert "left out 2 images without annotations, such as " in warning
    assert "b/1.jpg" in warning


def test_hidden_files_are_left_alone(tmp_path: Path):
    write_images(tmp_path, "cat/1.jpg")
    write(tmp_path / "cat/.1.xml", voc_xml(CAT, name="1.jpg"))
    assert read(tmp_path).task == CLASSIFICATION
    write(tmp_path / "cat/1.xml", voc_xml(CAT))
    assert read(tmp_path).hidden == ("cat/.1.xml",)


def test_objects_can_be_labels(tmp_path: Path):
    write_images(tmp_path, "1.jpg", "2.jpg")
    write(tmp_path / "1.xml", voc_xml(CAT, ("dog", 1, 1, 9, 9)))
    write(tmp_path / "2.xml", voc_xml(CAT, CAT))
    labelled = suited_to(read(tmp_path), MULTI_LABEL, "none", Reporter())
    assert [example.labels for example in labelled.examples] == [(0, 1), (0,)]
    assert labelled.task == MULTI_LABEL
    assert CLASSIFICATION not in read(tmp_path).others
    write(tmp_path / "1.xml", voc_xml(("dog", 1, 1, 9, 9)))
    labelled = suited_to(read(tmp_path), CLASSIFICATION, "none", Reporter())
    assert [example.annotation for example in labelled.examples] == [
        Labels((1,)),
        Labels((0,)),
    ]


def test_a_broken_image_is_listed(tmp_path: Path):
    write(tmp_path / "1.jpg", "no picture")
    write(tmp_path / "1.xml", voc_xml(CAT))
    assert read(tmp_path).task == LOCALIZATION


@pytest.mark.parametrize("name", ["a.json", "data.yaml", "A.YML"])
def test_a_file_is_known_by_its_name(tmp_path: Path, name: str):
    assert find_source(str(write(tmp_path / name, ""))).name == "annotations"


def test_two_files_about_an_image_are_refused(tmp_path: Path):
    write_images(tmp_path, "images/1.jpg")
    for folder in "ab":
        write(tmp_path / folder / "1.xml", voc_xml(CAT))
    with pytest.raises(
        DataError, match=r"1\.jpg is annotated in two files, .*a/1\.xml"
    ):
        read(tmp_path)


def test_of_images_with_one_name_the_nearest_is_meant(tmp_path: Path):
    names = ("a/1.jpg", "b/1.jpg", "b/masks/1.jpg", "c/images/1.jpg", "c/drawn/1.jpg")
    pictures = Pictures(str(tmp_path), names)

    def found(written: str, file: str, *hints: str) -> str | None:
        path = pictures.find([written], str(tmp_path / file), hints)
        return path and pictures.relative(path)

    assert found("a\\1.jpg", "boxes.json") == "a/1.jpg"
    assert found("/gone/b/1.JPG", "boxes.json") == "b/1.jpg"
    assert found("1.jpg", "boxes.csv", "a") == "a/1.jpg"
    assert found("1", "c/xml/1.xml") == "c/images/1.jpg"
    assert found("2.jpg", "boxes.json") is None
    with pytest.raises(DataError, match=r"may mean a/1\.jpg or b/1\.jpg"):
        Pictures(str(tmp_path), names[:2]).find(["1.jpg"], str(tmp_path / "b.json"))


def test_folders_of_the_same_name_belong_together(tmp_path: Path):
    for folder in "ab":
        write_images(tmp_path, f"JPEGImages/{folder}/0.jpg")
        write(tmp_path / f"Annotations/{folder}/0.xml", voc_xml((folder, 1, 1, 9, 9)))
    assert boxes_of(read(tmp_path)) == {
        "JPEGImages/a/0.jpg": [("a", (0, 0, 9, 9))],
        "JPEGImages/b/0.jpg": [("b", (0, 0, 9, 9))],
    }


def test_broken_annotations_of_many_images_are_an_error(tmp_path: Path):
    for number in range(3):
        write_images(tmp_path, f"one/{number}.jpg", f"two/{number}.jpg")
        write(tmp_path / f"xml/{number}.xml", voc_xml(CAT))
    with pytest.raises(DataError, match=r"may mean one/0\.jpg or two/0\.jpg"):
        suited_to(read(tmp_path), "auto", "none", Reporter())


def test_a_folder_that_exists_has_no_images_of_another(tmp_path: Path):
    names = ("a/1.jpg", "a/2.jpg", "b/1.jpg", "photos/deep/3.jpg")
    pictures = Pictures(str(tmp_path), names)
    file = str(tmp_path / "boxes.json")
    assert pictures.find(["b/2.jpg"], file) is None
    assert pictures.find(["photos/3.jpg"], file) == str(tmp_path / names[3])
    assert pictures.find(["gone/2.jpg"], file) == str(tmp_path / names[1])


def test_two_names_are_never_one_image(tmp_path: Path):
    write_images(tmp_path, "images/0.jpg")
    rows = "x/0.jpg,cat,1,1,9,9\ny/0.jpg,cat,2,2,9,9\n"
    write(tmp_path / "t.csv", f"path,label,xmin,ymin,xmax,ymax\n{rows}")
    with pytest.raises(DataError, match=r"names y/0.jpg, and x/0.jpg is named, too"):
        read(tmp_path)


def test_large_files_are_refused(tmp_path: Path):
    path = write(tmp_path / "a.xml", "12345")
    assert read_limited(str(path), 5) == b"12345"
    with pytest.raises(DataError, match=r"has 5 B; annotations may have 4 B a file"):
        read_limited(str(path), 4)
    with pytest.raises(DataError, match="is not a file"):
        read_limited(str(tmp_path))
    with pytest.raises(DataError, match="cannot be read: no such file"):
        read_limited(str(tmp_path / "gone"))
