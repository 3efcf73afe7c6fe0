"""Tests of YOLO's text files, and of the places that its data.yaml names."""

import shutil
from pathlib import Path

import pytest
from annotated_images import boxes_of, objects_of, read, splits_of, write, write_images
from PIL import Image
from recording_reporter import RecordingReporter

from cnnxfer.data.dataset import CLASSIFICATION
from cnnxfer.data.sources.annotations.files import MAX_YAML_BYTES, read_yaml
from cnnxfer.errors import DataError

CAT = "0 0.5 0.5 0.25 0.5\n"  # in 40 x 20 pixels: 15, 5, 25, 15
BOX = ("cat", (15, 5, 25, 15))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two images to train on, of which one is background, and one to test."""
    root = write_images(
        tmp_path / "set",
        *(f"images/{name}.jpg" for name in ("train/1", "train/2", "test/3")),
    )
    write(root / "labels/train/1.txt", f"{CAT}\n1 0.1 0.1 0.2 0.1 0.2 0.4\n")
    write(root / "labels/test/3.txt", CAT)
    parts = "train: images/train\ntest: images/test\nval:\n"
    write(root / "data.yaml", f"path: ../gone\n{parts}names: [cat, dog]\n")
    return root


def test_boxes_and_outlines_are_in_pixels(root: Path):
    dataset = read(root / "data.yaml")
    assert boxes_of(dataset) == {
        "images/train/1.jpg": [BOX, ("dog", (4, 2, 8, 8))],
        "images/train/2.jpg": [],
        "images/test/3.jpg": [BOX],
    }
    assert set(splits_of(dataset).values()) == {"train", "test"}
    first = objects_of(dataset)["images/train/1.jpg"]
    assert (first.width, first.height) == (40, 20)
    assert first.objects[1].polygons == ((4, 2, 8, 2, 8, 8),)
    assert dataset.name == "set"
    assert boxes_of(read(root)) == boxes_of(dataset)


@pytest.mark.parametrize(
    "text",
    [
        "names: {0: cat, 1: dog}\ntrain: [images/train]\ntest: images/test",
        "names: [cat, dog]\ntrain: ../images/train\ntest: ../images/test",
        "names: [cat, dog]\ntrain: /content/set/images/train\ntest: .\\images\\test",
        "names: [cat, dog]\ntrain: train.txt\ntest: [images/test]",
        "names: [cat, dog]\ntrain: images/train\ntest: images/test\nval: images/gone",
    ],
)
def test_places_are_found_as_programs_write_them(root: Path, text: str):
    expected = boxes_of(read(root))
    write(root / "train.txt", "./images/train/1.jpg\n\n/gone/images/train/2.jpg\n")
    write(root / "data.yaml", text)
    reporter = RecordingReporter()
    assert boxes_of(read(root / "data.yaml", reporter)) == expected
    passed = "names val: images/gone, which does not exist. Passed over."
    is_told = any(passed in warning for warning in reporter.warnings)
    assert is_told == ("images/gone" in text)


def test_boxes_are_of_the_upright_image(root: Path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (20, 40)).save(root / "images/test/3.jpg", exif=exif)
    assert boxes_of(read(root))["images/test/3.jpg"] == [BOX]


def test_labels_of_no_image_are_told(root: Path):
    write(root / "labels/train/9.txt", CAT)
    reporter = RecordingReporter()
    read(root, reporter)
    assert (
        "annotations of 1 image that does not exist, such as 9" in reporter.warnings[0]
    )


def test_images_of_two_parts_count_for_the_first(root: Path):
    with (root / "data.yaml").open("a") as stream:
        stream.write("valid: images/train\n")
    reporter = RecordingReporter()
    assert splits_of(read(root, reporter))["images/train/1.jpg"] == "train"
    assert "2 images of valid also lie in another part" in reporter.warnings[0]


@pytest.mark.parametrize("key", ["names", "train"])
def test_lists_of_lists_that_would_never_end_are_refused(root: Path, key: str):
    lists = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 30)]
    parts = {"names": "[cat]", "train": "images/train"} | {key: "*l29"}
    told = [f"{name}: {value}" for name, value in parts.items()]
    write(root / "data.yaml", "\n".join(["l0: &l0 [x]", *lists, *told]))
    with pytest.raises(DataError, match=r"data\.yaml has "):
        read(root / "data.yaml")


def test_merged_mappings_cannot_grow(tmp_path: Path):
    write(tmp_path / "a.yaml", "a: &a {x: 1}\nb: {<<: *a}\n")
    assert "x" not in read_yaml(str(tmp_path / "a.yaml"))["b"]
    write(tmp_path / "a.yaml", "a" * (MAX_YAML_BYTES + 1))
    with pytest.raises(DataError, match=r"annotations may have 100\.0 kB a file"):
        read_yaml(str(tmp_path / "a.yaml"))


def test_key_points_are_not_outlines(root: Path):
    with (root / "data.yaml").open("a") as stream:
        stream.write("kpt_shape: [1, 2]\n")
    write(root / "labels/train/1.txt", "0 0.5 0.5 0.25 0.5 0.4 0.4\n")
    assert boxes_of(read(root))["images/train/1.jpg"] == [BOX]


def test_classes_may_be_listed_in_a_text_file(tmp_path: Path):
    write_images(tmp_path, "images/1.jpg", "images/2.jpg")
    write(tmp_path / "labels/1.txt", CAT)
    write(tmp_path / "classes.txt", "cat\ndog\n")
    write(tmp_path / "notes.json", '{"categories": [], "info": {}}')
    expected = {"images/1.jpg": [BOX], "images/2.jpg": []}
    assert boxes_of(read(tmp_path)) == expected


@pytest.mark.parametrize("packed", [False, True])
def test_captions_are_not_boxes(tmp_path: Path, packed: bool):
    names = ("cat/1.jpg", "dog/2.jpg")
    root = write_images(tmp_path / "set", *names, "dog/3.jpg")
    for name in names:
        write((root / name).with_suffix(".txt"), "a photo of a cat")
    write(root / "classes.txt", "cat\ndog\n")
    if packed:
        root = Path(shutil.make_archive(str(root), "zip", root))
    assert read(root).task == CLASSIFICATION


def test_a_blank_line_would_shift_the_classes(tmp_path: Path):
    write_images(tmp_path, "1.jpg")
    write(tmp_path / "1.txt", CAT)
    write(tmp_path / "classes.txt", "cat\n\ndog\n\n")
    with pytest.raises(DataError, match=r"classes\.txt has no name in line 2"):
        read(tmp_path)


def test_names_are_read_as_written(root: Path):
    text = (root / "data.yaml").read_text()
    write(root / "data.yaml", text.replace("[cat, dog]", "{0: no, 01: 1.10}"))
    assert read(root).class_names == ("1.10", "no")


def test_labels_lie_in_place_of_the_whole_folder_images(tmp_path: Path):
    write_images(tmp_path, "images/raw_images/1.jpg", "images/2.jpg")
    write(tmp_path / "labels/raw_images/1.txt", CAT)
    write(tmp_path / "labels/2.txt", CAT)
    write(tmp_path / "data.yaml", "train: images\nnames: [cat]\n")
    expected = {"images/raw_images/1.jpg": [BOX], "images/2.jpg": [BOX]}
    assert boxes_of(read(tmp_path)) == expected


def test_text_files_may_lie_beside_images(tmp_path: Path):
    write_images(tmp_path, "1.jpg")
    write(tmp_path / "1.txt", CAT)
    write(tmp_path / "classes.txt", "cat")
    assert boxes_of(read(tmp_path)) == {"1.jpg": [BOX]}


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        (
            "labels/train/1.txt",
            "2 0.5 0.5 1 1",
            r"1\.txt, line 1 has the class 2; there are 2 names, which end with 1",
        ),
        (
            "labels/train/1.txt",
            "\n0.5 0.5 0.5 1 1",
            "line 2 has the class 0.5; there are",
        ),
        (
            "labels/train/1.txt",
            "0 0.5 0.5 1",
            "line 1 has 4 numbers; expected class x y",
        ),
        ("labels/train/1.txt", "0 0.5 0.5 1 1 0.9", "line 1 has 6 numbers; expected"),
        ("labels/train/1.txt", "0 0.5 0.5 -1 1", "edges 40, 0, 0, 20; expected left"),
        ("labels/train/1.txt", "cat 0.5 0.5 1 1", "expected class x y width height"),
        ("data.yaml", "a: [", r"data\.yaml is not YAML"),
        ("data.yaml", "!!python/object/apply:os.getcwd []", r"data\.yaml is not YAML"),
        ("data.yaml", "names: [cat]", "has no names with train, val or test"),
        (
            "data.yaml",
            "names: {a: cat}\ntrain: images/train",
            "other names than texts with numb",
        ),
        ("data.yaml", "names: [cat]\ntrain: {a: b}", "has train: {.a.: .b.}; expected"),
        (
            "data.yaml",
            "names: [cat]\ntrain: images/gone",
            "there is no image in the folders",
        ),
        ("data.yaml", "names: [cat]\ntrain: images/none", "no image has a text file"),
    ],
)
def test_errors_say_where(root: Path, file: str, text: str, message: str):
    write_images(root, "images/none/1.jpg")
    write(root / file, text)
    with pytest.raises(DataError, match=message):
        read(root / "data.yaml")
