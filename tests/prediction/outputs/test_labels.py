"""Objects in the forms of data sets' labels, read by globox and by our own sources."""

import io
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from faster_coco_eval import COCO
from globox import Annotation, AnnotationSet
from PIL import Image
from predicted import with_mask, with_objects

from cnnxfer.data.dataset import SEGMENTATION
from cnnxfer.data.sources import list_dataset
from cnnxfer.data.sources.suited import suited_to
from cnnxfer.errors import ConfigError
from cnnxfer.prediction.outputs.coco import write_coco
from cnnxfer.prediction.outputs.file import choose_writer, write_file
from cnnxfer.prediction.outputs.formats import WRITERS
from cnnxfer.prediction.outputs.label_folder import (
    check_label_folder,
    open_label_folder,
)
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.reporting import Reporter

Boxes = dict[str, list[tuple[str, tuple[float, ...]]]]

NAMES = ("raccoon", "<größe> & \x1b")
PATHS = ("photos/a/1.jpg", "photos/b/1.jpg", "photos/c.png")
EXPECTED: Boxes = {
    "a/1": [("raccoon", (1, 2.5, 30, 40)), (NAMES[1], (0, 0, 320.4, 240))],
    "b/1": [("raccoon", (100.1, 50, 200, 99.9))],
    "c": [],
}


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Prediction]:
    monkeypatch.chdir(tmp_path)
    for path in PATHS:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).touch()
    rows = [
        [(1, 2.5, 30, 40, 0.9, 0), (0, 0, 320.4, 240, 0.5, 1)],
        [(100.1, 50, 200, 99.9, 0.75, 0)],
        [],
    ]
    predictions = [
        with_objects(path, 400, 300, *boxes, class_names=NAMES)
        for path, boxes in zip(PATHS, rows, strict=True)
    ]
    failed = with_objects("photos/bad.jpg", error="empty file", class_names=NAMES)
    return [*predictions[:2], failed, predictions[2]]


def written(name: str, predictions: list[Prediction], out: str = "set") -> Path:
    with open_label_folder(Path(out), ["photos"]) as folder:
        WRITERS.get(name).load_folder()(predictions, folder)
    return Path(out)


def boxes_of(annotation: Annotation, names: Callable[[str], str] = str) -> list:
    return [(names(str(box.label)), box.ltrb) for box in annotation.boxes]


def files(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file()
    )


def check(read: Boxes, expected: Boxes, tolerance: float = 1e-6) -> None:
    assert read.keys() == expected.keys()
    for name, boxes in expected.items():
        assert [label for label, _ in read[name]] == [label for label, _ in boxes]
        for (_, box), (_, other) in zip(read[name], boxes, strict=True):
            assert box == pytest.approx(other, abs=tolerance)


def test_coco_is_read_as_it_was_answered(found: list[Prediction]) -> None:
    Path("out").mkdir()
    write_file(found, WRITERS.get("coco"), Path("out/labels.json"))
    read = AnnotationSet.from_coco("out/labels.json")
    boxes = {
        Path(each.image_id)
        .relative_to("../photos")
        .with_suffix("")
        .as_posix(): boxes_of(each)
        for each in read
    }
    check(boxes, EXPECTED)
    assert {each.image_size for each in read} == {(400, 300)}
    scores = [box.confidence for each in read for box in each.boxes]
    assert scores == [0.9, 0.5, 0.75]
    document = json.loads(Path("out/labels.json").read_text())
    assert [item["name"] for item in document["categories"]] == list(NAMES)
    assert document["annotations"][0]["area"] == pytest.approx(29 * 37.5)


def test_coco_without_images_is_a_document() -> None:
    stream = io.StringIO()
    write_coco([], stream)
    document = json.loads(stream.getvalue())
    assert document == {"images": [], "annotations": [], "categories": []}


def test_yolo_is_read_as_it_was_answered(found: list[Prediction]) -> None:
    folder = written("yolo", found)
    texts = ["labels/a/1.txt", "labels/b/1.txt", "labels/c.txt"]
    assert files(folder) == ["data.yaml", "images.txt", *texts]
    settings = yaml.safe_load((folder / "data.yaml").read_text("utf-8"))
    assert settings["names"] == dict(enumerate(NAMES))
    names = {str(number): name for number, name in settings["names"].items()}
    boxes = {
        text[7:-4]: boxes_of(
            Annotation.from_yolo_v5(folder / text, image_size=(400, 300)),
            names.__getitem__,
        )
        for text in texts
    }
    check(boxes, EXPECTED, 1e-3)


def test_voc_is_read_as_it_was_answered(found: list[Prediction]) -> None:
    folder = written("voc", found)
    assert files(folder) == ["a/1.xml", "b/1.xml", "c.xml"]
    read = {
        name: Annotation.from_pascal_voc(folder / f"{name}.xml") for name in EXPECTED
    }
    expected = {
        # VOC counts pixels from 1, and control characters are no XML.
        name: [
            (label.replace("\x1b", "\\x1b"), (box[0] + 1, box[1] + 1, *box[2:]))
            for label, box in boxes
        ]
        for name, boxes in EXPECTED.items()
    }
    check({name: boxes_of(each) for name, each in read.items()}, expected)
    assert {each.image_size for each in read.values()} == {(400, 300)}
    assert "<path>../../photos/a/1.jpg<" in (folder / "a/1.xml").read_text("utf-8")


def test_labelme_is_read_as_it_was_answered(found: list[Prediction]) -> None:
    folder = written("labelme", found)
    assert files(folder) == ["a/1.json", "b/1.json", "c.json"]
    read = {name: Annotation.from_labelme(folder / f"{name}.json") for name in EXPECTED}
    check({name: boxes_of(each) for name, each in read.items()}, EXPECTED)
    for name, annotation in read.items():
        image = (folder / name).parent / annotation.image_id
        assert os.path.samefile(image, next(p for p in PATHS if f"/{name}." in p))
        assert annotation.image_size == (400, 300)


@pytest.mark.parametrize("name", ["coco", "yolo", "voc", "labelme", "csv", "parquet"])
def test_answers_become_a_data_set_again(found: list[Prediction], name: str) -> None:
    for path in PATHS:
        Image.new("RGB", (400, 300)).save(path)
    spec = {"coco": "set.json", "csv": "set.csv", "parquet": "set.parquet"}.get(name)
    if spec:
        write_file(found, WRITERS.get(name), Path(spec))
    else:
        written(name, found)
    if name == "yolo":
        Path("set/images").symlink_to(Path("photos").absolute())
    dataset = list_dataset(spec or "set", Reporter())
    read = {
        Path(os.path.relpath(os.path.realpath(each.path), "photos")): each.annotation
        for each in dataset.examples
    }
    boxes = {
        path.with_suffix("").as_posix(): [
            (dataset.class_names[item.label], item.box) for item in each.objects
        ]
        for path, each in read.items()
    }
    expected = {
        key: [
            (label.replace("\x1b", "\\x1b" if name in ("voc", "csv") else "\x1b"), box)
            for label, box in each
        ]
        for key, each in EXPECTED.items()
    }
    check(boxes, expected, 1e-3)


@pytest.mark.parametrize("names", [("sky", "background", "rose"), ("sky", "a", "rose")])
@pytest.mark.parametrize("name", ["coco", "labelme"])
def test_masks_become_a_data_set_again(
    name: str, names: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    masks = np.random.default_rng(0).integers(0, 3, (2, 5, 7), dtype=np.uint8)
    masks[1, 1:4] = 1  # without the class of a value in part of the image
    predictions = []
    for number, mask in enumerate(masks):
        Image.new("RGB", (7, 5)).save(f"{number}.png")
        predictions.append(with_mask(f"{number}.png", mask, names))
    predictions.insert(1, with_mask("gone.png", error="empty file"))
    if name == "coco":
        write_file(predictions, WRITERS.get(name), Path("set.json"))
    else:
        with open_label_folder(Path("set"), ["."]) as folder:
            WRITERS.get(name).load_folder()(predictions, folder)
    listed = list_dataset("set.json" if name == "coco" else "set", Reporter())
    dataset = suited_to(listed, SEGMENTATION, "none", Reporter())
    order = [dataset.class_names.index(each) for each in names]
    for example, mask in zip(dataset.examples, masks, strict=True):
        annotation = replace(example.annotation, width=7, height=5)
        assert np.array_equal(annotation.pixels(), np.take(order, mask))
    if name == "coco":  # and by COCO's own library
        document = COCO("set.json")
        for item in document.loadAnns(document.getAnnIds(imgIds=[1])):
            pixels = document.annToMask(item) == 1
            assert np.array_equal(pixels, masks[0] == item["category_id"] - 1)


def test_a_folder_is_whole_or_absent(found: list[Prediction]) -> None:
    def broken() -> list[Prediction]:
        yield found[0]
        raise KeyboardInterrupt

    before = sorted(os.listdir())
    with pytest.raises(KeyboardInterrupt):
        written("voc", broken())
    assert sorted(os.listdir()) == before


def test_what_is_there_is_kept(found: list[Prediction]) -> None:
    Path("set").mkdir()
    check_label_folder(Path("set"))
    written("voc", found)  # the empty folder is filled
    with pytest.raises(ConfigError, match="out set already exists; labels are written"):
        check_label_folder(Path("set"))
    with pytest.raises(ConfigError, match="there is no folder no"):
        check_label_folder(Path("no/set"))
    assert files(Path("set")) == ["a/1.xml", "b/1.xml", "c.xml"]


@pytest.mark.parametrize("name", ["yolo", "voc", "labelme"])
def test_a_folder_cannot_be_printed(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is a folder .* Add: out='FOLDER'"):
        choose_writer(name, None)
