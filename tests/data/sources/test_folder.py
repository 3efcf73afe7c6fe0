"""Tests of folders of class folders, with odd names and layouts."""

import os
import re
from collections import Counter
from pathlib import Path

import pytest
from recording_reporter import RecordingReporter

from cnnxfer.data.dataset import Dataset
from cnnxfer.data.sources import folder
from cnnxfer.errors import DataError
from cnnxfer.reporting import Reporter


def load(root: Path) -> Dataset:
    return folder.load(str(root), Reporter())


def fill(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def listed(dataset: Dataset) -> list[tuple[str, str, str | None]]:
    return [
        (example.id, dataset.class_names[example.label], example.split)
        for example in dataset.examples
    ]


def test_classes_and_files_are_sorted(tmp_path: Path):
    fill(tmp_path, "rose/2.jpg", "rose/1.jpg", "daisy/9.png", "README.txt")
    dataset = load(tmp_path)
    assert dataset.class_names == ("daisy", "rose")
    assert dataset.name == tmp_path.name
    assert not dataset.shuffled
    assert listed(dataset) == [
        ("daisy/9.png", "daisy", None),
        ("rose/1.jpg", "rose", None),
        ("rose/2.jpg", "rose", None),
    ]
    assert dataset.examples[1].path == tmp_path / "rose/1.jpg"


def test_names_may_contain_any_characters(tmp_path: Path):
    names = ["a rose", "[b] {c}", "été 玫瑰", "50% & more", "-x"]
    fill(tmp_path, *(f"{name}/{name} 1.jpg" for name in names))
    dataset = load(tmp_path)
    assert dataset.class_names == tuple(sorted(names))
    assert {id for id, *_ in listed(dataset)} == {f"{n}/{n} 1.jpg" for n in names}


def test_names_that_are_not_utf8_can_be_written_and_read(tmp_path: Path):
    root = os.fsencode(tmp_path) + b"/\xff"
    for name in (b"caf\xe9", b"rose"):
        os.makedirs(root + b"/" + name)
        with open(root + b"/" + name + b"/\xe9.jpg", "wb") as stream:
            stream.write(name)
    dataset = load(Path(os.fsdecode(root)))
    assert dataset.name == "\\xff"
    assert dataset.class_names == ("caf\\xe9", "rose")
    assert [id for id, *_ in listed(dataset)] == [
        "caf\\xe9/\\xe9.jpg",
        "rose/\\xe9.jpg",
    ]
    assert dataset.examples[0].read() == b"caf\xe9"


def test_nested_folders_belong_to_their_class(tmp_path: Path):
    fill(tmp_path, "rose/red/b/1.jpg", "rose/red/a/1.jpg", "rose/0.jpg", "daisy/1.jpg")
    assert listed(load(tmp_path)) == [
        ("daisy/1.jpg", "daisy", None),
        ("rose/0.jpg", "rose", None),
        ("rose/red/a/1.jpg", "rose", None),
        ("rose/red/b/1.jpg", "rose", None),
    ]


def test_hidden_and_system_files_are_skipped_and_listed(tmp_path: Path):
    fill(tmp_path, "a/1.jpg", "b/1.jpg", ".git/1", "a/.DS_Store", "a/.thumbs/x/1.jpg")
    fill(tmp_path, "__MACOSX/a/1.jpg", "b/Thumbs.db", "a/desktop.ini", "b/@eaDir/1.jpg")
    dataset = load(tmp_path)
    assert dataset.class_names == ("a", "b")
    assert [id for id, *_ in listed(dataset)] == ["a/1.jpg", "b/1.jpg"]
    assert dataset.hidden == (
        ".git/",
        "__MACOSX/",
        "a/.DS_Store",
        "a/.thumbs/",
        "a/desktop.ini",
        "b/@eaDir/",
        "b/Thumbs.db",
    )


def test_hidden_folders_are_not_searched(tmp_path: Path, monkeypatch):
    listed_folders = []
    scandir = os.scandir

    def recorded(path: str):
        listed_folders.append(os.path.relpath(path, tmp_path))
        return scandir(path)

    fill(tmp_path, "a/1.jpg", "b/1.jpg", ".git/objects/1", "a/@eaDir/1.jpg")
    monkeypatch.setattr(os, "scandir", recorded)
    load(tmp_path)
    assert sorted(listed_folders) == [".", "a", "b"]


def test_images_outside_of_class_folders_are_reported(tmp_path: Path):
    reporter = RecordingReporter()
    fill(tmp_path, "a/1.jpg", "b/1.jpg", "README.md", ".c.jpg")
    folder.load(str(tmp_path), reporter)
    assert reporter.warnings == []
    fill(tmp_path, "c.jpg", "d.JPG")
    assert len(folder.load(str(tmp_path), reporter).examples) == 2
    (warning,) = reporter.warnings
    assert warning == (
        f"left out 2 images of {tmp_path} outside of its class folders, such as c.jpg."
    )
    assert load(tmp_path).outside == ("README.md",)


def test_links_to_files_and_class_folders_are_followed(tmp_path: Path):
    fill(tmp_path, "store/roses/1.jpg", "set/daisy/1.jpg")
    (tmp_path / "set/rose").symlink_to("../store/roses")
    (tmp_path / "set/daisy/2.jpg").symlink_to("../../store/roses/1.jpg")
    (tmp_path / "set/daisy/loop").symlink_to(".")
    (tmp_path / "set/.hidden").symlink_to("../store")
    assert listed(load(tmp_path / "set")) == [
        ("daisy/1.jpg", "daisy", None),
        ("daisy/2.jpg", "daisy", None),
        ("rose/1.jpg", "rose", None),
    ]


def test_links_are_followed_unless_they_lead_around_in_circles(tmp_path: Path):
    fill(tmp_path, "set/daisy/1.jpg", "set/daisy/deep/2.jpg", "set/tulip/3.jpg")
    fill(tmp_path, "store/more/4.jpg", "beside/5.jpg")
    for link, target in {
        "set/daisy/more": "../../store/more",  # in a class
        "set/daisy/deep/around": "../..",
        "set/daisy/deep/outermost": "/",
        "set/daisy/itself": "itself",
        "store/more/back": "../../set",  # a circle through two links
        "store/more/beside": "../../beside",
        "beside/third": "../store",
    }.items():
        (tmp_path / link).symlink_to(target)
    dataset = load(tmp_path / "set")
    assert [id for id, *_ in listed(dataset)] == [
        "daisy/1.jpg",
        "daisy/deep/2.jpg",
        "daisy/itself",  # a file that cannot be read
        "daisy/more/4.jpg",
        "daisy/more/beside/5.jpg",
        "tulip/3.jpg",
    ]
    assert dataset.circular == (
        "daisy/deep/around",
        "daisy/deep/outermost",
        "daisy/more/back",
        "daisy/more/beside/third",
    )


def test_links_to_class_folders_in_splits_are_followed(tmp_path: Path):
    fill(tmp_path, "store/1.jpg", "set/train/daisy/1.jpg", "set/test/daisy/2.jpg")
    (tmp_path / "set/train/rose").symlink_to("../../store")
    (tmp_path / "set/train/daisy/loop").symlink_to("..")
    assert listed(load(tmp_path / "set")) == [
        ("test/daisy/2.jpg", "daisy", "test"),
        ("train/daisy/1.jpg", "daisy", "train"),
        ("train/rose/1.jpg", "rose", "train"),
    ]


def test_circular_and_dangling_links_count_as_files(tmp_path: Path):
    fill(tmp_path, "rose/1.jpg", "daisy/1.jpg")
    (tmp_path / "rose/2.jpg").symlink_to("2.jpg")
    (tmp_path / "rose/3.jpg").symlink_to("nowhere")
    dataset = load(tmp_path)  # the index tells that they can't be read
    assert [id for id, *_ in listed(dataset)][1:] == [
        "rose/1.jpg",
        "rose/2.jpg",
        "rose/3.jpg",
    ]


def test_an_empty_class_folder_is_a_class_without_images(tmp_path: Path):
    fill(tmp_path, "rose/1.jpg", "tulip/1.jpg")
    (tmp_path / "lily").mkdir()
    dataset = load(tmp_path)  # leave_out_untrained names and drops it
    assert dataset.class_names == ("lily", "rose", "tulip")
    assert Counter(example.label for example in dataset.examples) == {1: 1, 2: 1}


@pytest.mark.parametrize(
    "names",
    [
        ("train", "val", "test"),
        ("Train", "VALID", "Test"),
        ("train", "validation", "TEST"),
        ("Training", "val", "Testing"),
    ],
)
def test_split_folders_are_respected_in_any_case(tmp_path: Path, names):
    for name in names:
        fill(tmp_path, f"{name}/rose/1.jpg", f"{name}/daisy/1.jpg")
    fill(tmp_path, f"{names[0]}/tulip/1.jpg", f"{names[1]}/lily/1.jpg")
    dataset = load(tmp_path)
    assert dataset.class_names == ("daisy", "lily", "rose", "tulip")
    parts = ("train", "validation", "test")
    expected = {
        (f"{name}/{label}/1.jpg", label, part)
        for name, part in zip(names, parts, strict=True)
        for label in ("rose", "daisy")
    }
    expected |= {
        (f"{names[0]}/tulip/1.jpg", "tulip", "train"),
        (f"{names[1]}/lily/1.jpg", "lily", "validation"),
    }
    assert set(listed(dataset)) == expected


def test_a_train_folder_alone_is_a_split(tmp_path: Path):
    fill(tmp_path, "train/rose/1.jpg", "train/daisy/1.jpg")
    assert {split for *_, split in listed(load(tmp_path))} == {"train"}


def test_a_class_may_be_called_train(tmp_path: Path):
    fill(tmp_path, "bus/1.jpg", "train/1.jpg")
    assert listed(load(tmp_path)) == [
        ("bus/1.jpg", "bus", None),
        ("train/1.jpg", "train", None),
    ]


def test_a_lone_class_called_train_is_one_class(tmp_path: Path):
    fill(tmp_path, "train/1.jpg")
    assert load(tmp_path).class_names == ("train",)


def test_classes_may_be_called_test_and_val(tmp_path: Path):
    fill(tmp_path, "test/1.jpg", "val/1.jpg")
    assert load(tmp_path).class_names == ("test", "val")


def test_other_folders_beside_splits_are_named(tmp_path: Path):
    fill(tmp_path, "train/rose/1.jpg", "test/rose/1.jpg", "notes/1.jpg")
    with pytest.raises(DataError, match=r"notes lies beside .*train, .*not both"):
        load(tmp_path)


@pytest.mark.parametrize("files", [("test/1.jpg",), ()])
def test_a_split_without_class_folders_is_named(tmp_path: Path, files):
    fill(tmp_path, "train/rose/1.jpg", "train/daisy/1.jpg", *files)
    (tmp_path / "test").mkdir(exist_ok=True)
    with pytest.raises(DataError, match=r"test has no class folders; expected one"):
        load(tmp_path)


def test_splits_of_files_alone_are_not_taken_for_classes(tmp_path: Path):
    fill(tmp_path, "train/1.jpg", "test/1.jpg")
    with pytest.raises(DataError, match="has no class folders"):
        load(tmp_path)


@pytest.mark.parametrize("names", [(), ("1.jpg", "2.jpg"), ("a/.hidden",)])
def test_a_folder_without_class_folders_is_an_error(tmp_path: Path, names):
    fill(tmp_path, *names)
    example = re.escape(str(tmp_path / "rose" / "1.jpg"))
    with pytest.raises(DataError, match=f"holds no images in class.*such as {example}"):
        load(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
@pytest.mark.parametrize("name", [".", "rose", "rose/red"])
def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path, name):
    fill(tmp_path, "set/daisy/1.jpg", "set/rose/red/1.jpg")
    closed = tmp_path / "set" / name
    closed.chmod(0o000)
    try:
        reason = re.escape(f"{closed} cannot be read: permission denied.")
        with pytest.raises(DataError, match=f"^{reason}$"):
            load(tmp_path / "set")
    finally:
        closed.chmod(0o755)
