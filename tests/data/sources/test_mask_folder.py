"""Tests of folders with pictures and their masks."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from recording_reporter import RecordingReporter

from cnnxfer.data.dataset import CLASSIFICATION, DETECTION, SEGMENTATION, Dataset
from cnnxfer.data.masks import mask_file, read_facts
from cnnxfer.data.masks.mask_file import MaskFile
from cnnxfer.data.sources import list_dataset
from cnnxfer.data.sources.mask_pairs import find_pairs
from cnnxfer.data.sources.mask_signs import refuse_masks
from cnnxfer.data.sources.suited import suited_to
from cnnxfer.errors import DataError, PassingError
from cnnxfer.reporting import Reporter


@pytest.fixture(autouse=True)
def cache_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "cache"
    monkeypatch.setenv("CNNXFER_CACHE", str(path))
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two pictures with masks of the values 0 to 2, one picture without a mask."""
    root = tmp_path / "set"
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    for name in "abc":
        Image.new("RGB", (4, 3)).save(root / "images" / f"{name}.jpg")
    save(root / "masks" / "a.png", 0, 1)
    save(root / "masks" / "b_mask.png", 1, 2)
    return root


def save(path: Path, *values: int) -> None:
    """Saves a mask of 4 x 3 pixels, in which rows have these values by turns."""
    rows = np.resize(np.array(values, np.uint8), 3)[:, None]
    Image.fromarray(np.repeat(rows, 4, axis=1)).save(path)


def shown(dataset: Dataset) -> dict[str, list[str]]:
    return {
        example.id: [dataset.class_names[label] for label in example.labels]
        for example in dataset.examples
    }


def test_pictures_in_other_folders_are_told(root: Path):
    shutil.copytree(root / "images", root / "more")
    reporter = RecordingReporter()
    list_dataset(str(root), reporter)
    told = "left out 3 pictures of .* outside of folders of images and masks, such as "
    assert any(re.search(told + "more/", text) for text in reporter.warnings)


@pytest.mark.parametrize(
    ("picture", "mask", "split"),
    [
        ("images/a.jpg", "masks/a.png", None),
        ("set/img/a.jpg", "set/labels/a_L.png", None),
        ("JPEGImages/a.jpg", "SegmentationClass/a.png", None),
        ("train/images/a.jpg", "train/masks/a_seg.png", "train"),
        ("images/val2017/a.jpg", "annotations/val2017/a.png", "validation"),
        ("test/a.png", "test_labels/a_L.png", "test"),
        ("train/a.png", "trainannot/a.png", "train"),
        ("images/street/a.jpg", "gt/street/a.png", None),
    ],
)
def test_a_mask_is_found_by_the_name_of_its_picture(picture, mask, split) -> None:
    found = find_pairs([picture, mask, "masks/.hidden.png", "README"])
    (pair,) = found.pairs
    assert (pair.picture, pair.mask, pair.split) == (picture, mask, split)


@pytest.mark.parametrize(
    "names",
    [
        ["rose/1.jpg", "tulip/1.jpg"],
        ["mask/1.jpg", "no_mask/1.jpg"],
        ["images/1.jpg", "labels/1.txt", "labels/2.txt"],
        ["JPEGImages/1.jpg", "SegmentationObject/1.png"],
        ["images/1.jpg", "masks/2.png"],
        ["train/images/1.jpg", "test/masks/1.png"],
    ],
)
def test_other_folders_have_no_masks(names: list[str]) -> None:
    assert find_pairs(names) is None


def test_a_picture_with_two_masks_is_an_error(root: Path) -> None:
    save(root / "masks" / "a_mask.png", 1)
    shutil.copy(root / "masks" / "a.png", root / "masks" / "a.gif")
    with pytest.raises(DataError, match=r"a.jpg has the masks masks/a.gif and masks/a"):
        list_dataset(str(root), Reporter())


def save_classes(root: Path, suffix: str, mode: str) -> None:
    """Saves two folders of noise, called as those of pictures and of masks."""
    noise = np.random.default_rng(0).integers(0, 256, (4, 16, 20, 3), np.uint8)
    for folder in ("photos", "labels"):
        (root / folder).mkdir(parents=True)
        for number, pixels in enumerate(noise):
            picture = Image.fromarray(pixels).convert(mode)
            picture.save(root / folder / f"{number}{suffix}")


@pytest.mark.parametrize(
    ("suffix", "mode", "reason"),
    [
        (".jpg", "RGB", "JPEG changes the pixels"),
        (".png", "RGB", "colours that nothing explains"),
        (".png", "L", "values; expected up to 64"),
        (".gif", "P", "values; expected up to 64"),
    ],
)
def test_class_folders_that_are_called_as_masks_are_classes(
    suffix: str, mode: str, reason: str, tmp_path: Path
) -> None:
    root = tmp_path / "classes"
    save_classes(root, suffix, mode)
    (root / "labels" / "0.bmp").write_bytes(
        (root / "labels" / f"0{suffix}").read_bytes()
    )
    reporter = RecordingReporter()
    dataset = list_dataset(str(root), reporter)
    assert (dataset.task, dataset.class_names) == (CLASSIFICATION, ("labels", "photos"))
    assert len(dataset.examples) == 9
    assert [line for line in reporter.warnings if reason in line]
    packed = shutil.make_archive(str(root), "zip", root)
    assert len(list_dataset(packed, Reporter()).examples) == 9


def test_pictures_of_another_size_are_no_masks(root: Path) -> None:
    for path in (root / "images").iterdir():
        Image.new("RGB", (5, 3)).save(path)
    assert list_dataset(str(root), Reporter()).class_names == ("images", "masks")


def test_the_task_brings_back_the_class_folders_of_masks(root: Path) -> None:
    masks = list_dataset(str(root), Reporter())
    classes = suited_to(masks, CLASSIFICATION, "none", Reporter())
    assert (classes.task, classes.class_names) == (CLASSIFICATION, ("images", "masks"))


def test_masks_are_read_and_what_lacks_one_is_told(root: Path) -> None:
    reporter = RecordingReporter()
    dataset = list_dataset(str(root), reporter)
    assert dataset.task == SEGMENTATION
    assert shown(dataset) == {
        "images/a.jpg": ["class 0", "class 1"],
        "images/b.jpg": ["class 1", "class 2"],
    }
    assert [line for line in reporter.warnings if "images/c.jpg" in line]
    mask = dataset.examples[1].annotation
    pixels = mask.reader.read(4, 3)
    assert pixels.tolist() == [[1] * 4, [2] * 4, [1] * 4]


def test_lists_tell_the_splits(root: Path) -> None:
    lists = root / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("b\n")
    reporter = RecordingReporter()
    (example,) = list_dataset(str(root), reporter).examples
    assert (example.id, example.split) == ("images/b.jpg", "train")
    assert [line for line in reporter.warnings if "Segmentation names" in line]
    (lists / "val.txt").write_text("a\n")
    found = list_dataset(str(root), Reporter()).examples
    assert [it.split for it in found] == ["validation", "train"]
    (lists / "train.txt").write_text("x\n")
    (lists / "val.txt").write_text("")
    with pytest.raises(DataError, match="name none of the 2 images with masks"):
        list_dataset(str(root), Reporter())


def test_a_file_names_the_classes(root: Path) -> None:
    (root / "masks" / "classes.txt").write_text("1: road\n2: sky\n9: sea")
    dataset = list_dataset(str(root), Reporter())
    assert dataset.class_names == ("road", "sea", "sky")
    assert shown(dataset) == {"images/a.jpg": ["road"], "images/b.jpg": ["road", "sky"]}


@pytest.mark.parametrize(
    ("classes", "reason"),
    [
        ("7: road\n8: sky", "one of the values 7, 8, and found 0, 1, 2"),
        ("road 9 9 9\nsky 8 8 8", "has one of the 2 colours that are named"),
    ],
)
def test_names_of_nothing_are_an_error(root: Path, classes: str, reason: str) -> None:
    (root / "classes.txt").write_text(classes)
    with pytest.raises(DataError, match=reason):
        list_dataset(str(root), Reporter())


def test_black_and_white_are_background_and_object(root: Path) -> None:
    save(root / "masks" / "a.png", 0, 255)
    save(root / "masks" / "b_mask.png", 0)
    dataset = list_dataset(str(root), Reporter())
    assert dataset.class_names == ("background", "object")


def test_soft_edges_are_no_classes(root: Path) -> None:
    soft = np.arange(252, dtype=np.uint8).reshape(12, 21)
    Image.fromarray(soft).save(root / "masks" / "a.png")
    with pytest.raises(DataError, match="have 252 values, and nothing names them"):
        list_dataset(str(root), Reporter())


def test_255_is_no_class_among_others(root: Path) -> None:
    save(root / "masks" / "a.png", 0, 255)
    assert list_dataset(str(root), Reporter()).class_names == (
        *("class 0", "class 1", "class 2"),
    )


def test_a_mask_is_read_again_only_when_it_has_changed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    original = read_facts._read
    monkeypatch.setattr(
        read_facts, "_read", lambda mask: read.append(mask.name) or original(mask)
    )
    first = list_dataset(str(root), Reporter())
    assert sorted(read) == ["masks/a.png", "masks/b_mask.png"]
    read.clear()
    assert list_dataset(str(root), Reporter()) == first
    assert not read
    save(root / "masks" / "a.png", 0, 2, 1)
    changed = list_dataset(str(root), Reporter())
    assert read == ["masks/a.png"]
    assert changed.examples[0].labels == (0, 1, 2)


def test_a_mask_that_cannot_be_read_now_is_read_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*place: object) -> bytes:
        raise PassingError("permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(mask_file, "read_bytes", refuse)
        with pytest.raises(DataError, match=r"masks/a\.png: permission denied"):
            list_dataset(str(root), Reporter())
    assert len(list_dataset(str(root), Reporter()).class_names) == 3


def test_masks_that_cannot_be_read_are_told(root: Path) -> None:
    (root / "masks" / "a.png").write_bytes(b"broken")
    dataset = list_dataset(str(root), Reporter())
    broken, sound = (example.annotation for example in dataset.examples)
    assert (broken.labels, broken.reader.facts.problem) == ((), "not an image")
    assert sound.labels == (0, 1)
    (root / "masks" / "b_mask.png").write_bytes(b"broken")
    with pytest.raises(DataError, match=r"none of the 2 masks .* masks/a.png: not an"):
        suited_to(list_dataset(str(root), Reporter()), SEGMENTATION, "none", Reporter())


def test_masks_of_flowers_are_read(shared: Path) -> None:
    dataset = list_dataset(str(shared / "data" / "masks" / "flowers17"), Reporter())
    assert dataset.class_names == tuple(f"class {value}" for value in range(6))
    assert len(dataset.examples) == 846
    strays = [example for example in dataset.examples if 5 in example.labels]
    assert sum(it.annotation.reader.facts.counts[5] for it in strays) == 30


def test_a_set_of_boxes_with_masks_is_read_by_its_masks_when_asked(
    shared: Path,
) -> None:
    boxes = list_dataset(str(shared / "data" / "boxes" / "coco128"), Reporter())
    assert boxes.task == DETECTION
    masks = suited_to(boxes, SEGMENTATION, "unlabeled", Reporter())
    assert (masks.task, len(masks.examples)) == (SEGMENTATION, 100)
    assert "rug-merged" in masks.class_names
    assert "unlabeled" not in masks.class_names
    assert list(masks.class_names) == sorted(masks.class_names)


def test_an_archive_of_masks_is_read_as_the_folder(root: Path) -> None:
    packed = shutil.make_archive(str(root), "zip", root)
    assert shown(list_dataset(packed, Reporter())) == shown(
        list_dataset(str(root), Reporter())
    )


def test_masks_in_a_bucket_are_to_be_copied(root: Path) -> None:
    names = ["images/a.jpg", "masks/a.png"]
    with pytest.raises(DataError, match=r"s3://set holds masks of images.* Copy it"):
        refuse_masks(
            names, lambda name: MaskFile(name, root / name), "s3://set", Reporter()
        )
