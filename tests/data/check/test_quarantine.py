"""Tests what the list of `check --write` contains, and that `--exclude` reads it."""

from pathlib import Path

import pytest

import cnnxfer
from cnnxfer.data.check.quarantine import LIST_MARK
from cnnxfer.data.preparing.exclude import read_list
from cnnxfer.errors import ConfigError


@pytest.fixture
def data(planter, tmp_path: Path) -> Path:
    for split in ("train", "test"):
        for name in ("iris", "rose"):
            planter.sound(f"data/{split}/{name}", 12)
    for copy, original in {
        "train/rose/spare.jpg": "train/rose/000.jpg",
        "train/rose/seen.jpg": "test/rose/001.jpg",
        "train/iris/wrong.jpg": "train/rose/002.jpg",
        "train/iris/leaking.jpg": "test/rose/003.jpg",
    }.items():
        content = (tmp_path / "data" / original).read_bytes()
        planter.put(f"data/{copy}", content)
    planter.put("data/train/iris/# broken \n.jpg", b"broken")
    planter.put("data/train/iris/notes.txt", b"text")
    return tmp_path / "data"


def test_a_check_that_excludes_the_list_no_longer_finds_the_problems(
    data: Path, tmp_path: Path
) -> None:
    path = tmp_path / "quarantine.txt"
    report = cnnxfer.check(str(data), write=path)
    assert {finding.kind for finding in report.findings} == {
        *("leak", "contradiction", "copies", "unreadable", "other-file")
    }
    text = path.read_text()
    assert text.startswith(LIST_MARK)
    listed = read_list(path)
    assert len(listed) == len(set(listed))
    assert set(listed) == {
        "train/rose/spare.jpg",
        "train/rose/seen.jpg",
        "train/iris/wrong.jpg",
        "train/rose/002.jpg",
        "train/iris/leaking.jpg",
        "test/rose/003.jpg",
        "train/iris/# broken \n.jpg",
        "train/iris/notes.txt",
    }
    again = cnnxfer.check(str(data), exclude=str(path))
    assert again.findings == ()
    assert again.images == report.images - 7  # the notes are no image


def test_without_problems_an_empty_list_is_written(planter, tmp_path: Path) -> None:
    planter.sound("data/iris", 12)
    planter.sound("data/rose", 12)
    path = tmp_path / "quarantine.txt"
    cnnxfer.check(str(tmp_path / "data"), write=path)
    assert read_list(path) == []


@pytest.mark.parametrize("option", ["write", "html"])
def test_files_that_the_check_did_not_write_are_not_overwritten(
    option: str, data: Path, tmp_path: Path
) -> None:
    path = tmp_path / "notes"
    path.write_text("mine")
    with pytest.raises(ConfigError, match=f"{option} .*notes already exists"):
        cnnxfer.check(str(data), **{option: path})
    assert path.read_text() == "mine"
    path.unlink()
    for _ in range(2):  # its own is written anew
        cnnxfer.check(str(data), **{option: path})
        assert path.stat().st_size > 100


@pytest.mark.parametrize("option", ["write", "html"])
def test_output_files_among_the_images_are_refused(
    option: str, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="among the images"):
        cnnxfer.check(str(data), **{option: data / "train" / "iris" / "x"})
    with pytest.raises(ConfigError, match="there is no folder"):
        cnnxfer.check(str(data), **{option: tmp_path / "no" / "x"})
    with pytest.raises(ConfigError, match="already exists"):
        cnnxfer.check(str(data), **{option: tmp_path})
    cnnxfer.check(str(data), **{option: data / "x"})
    assert (data / "x").is_file()


def test_output_files_in_a_prepared_data_set_are_refused(tmp_path: Path) -> None:
    prepared = tmp_path / "1.0.0"
    prepared.mkdir()
    for name in ("dataset_info.json", "features.json"):
        (prepared / name).touch()
    with pytest.raises(ConfigError, match="among the images"):
        cnnxfer.check(str(prepared), write=prepared / "x")


def test_list_and_page_must_be_different_files(data: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.symlink_to(tmp_path)
    with pytest.raises(ConfigError, match="write and html are both"):
        cnnxfer.check(str(data), write=tmp_path / "x", html=there / "x")
    assert not (tmp_path / "x").exists()
