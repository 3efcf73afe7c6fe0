"""The command `cnnxfer check`."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from planted_problems import Planter

import cnnxfer
from cnnxfer.cli.main import run
from cnnxfer.errors import DataError


@pytest.fixture
def sound_dir(photos_dir: Path) -> Path:
    """A folder of images without problems."""
    rng = np.random.default_rng(1)
    for path in sorted(photos_dir.rglob("*.jpg")):
        field = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
        picture = Image.fromarray(field).resize((96, 72), Image.Resampling.BICUBIC)
        picture.save(path)
    return photos_dir


@pytest.fixture
def photos(sound_dir: Path) -> Path:
    """A folder of images with problems."""
    shutil.copy(sound_dir / "red" / "00.jpg", sound_dir / "blue" / "[red].jpg")
    (sound_dir / "red" / "01.jpg").write_bytes(b"no image")
    (sound_dir / "red" / "02.jpg").rename(sound_dir / "red" / "02.png")
    return sound_dir


def test_table(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(photos)]) == 1
    shown = capsys.readouterr()
    lines = [line.rstrip() for line in shown.out.splitlines()]
    assert lines[0].split() == ["found", "count", "such", "as", "cnnxfer"]
    for line, words in zip(
        lines[1:4],
        (
            ("error ", "pictures under several labels", " 1  ", "(blue, red)"),
            ("warning ", "unreadable images", "red/01.jpg (not an image)", "left out"),
            ("note ", "suffixes of another format", "red/02.png (is JPEG)", "read by"),
        ),
        strict=True,
    ):
        assert line.startswith(words[0])
        assert all(word in line for word in words)
    assert "blue/[red].jpg = red/00.jpg" in lines[1]
    assert lines[5].startswith("pictures under several labels  Keep the copy whose")
    assert lines[8] == (
        f"✗ {photos}: 36 of 37 images can be used, 3 classes; "
        "1 error, 1 warning, 1 note"
    )
    assert lines[9].startswith("  exclude  3 images: list them with --write FILE")
    assert shown.err == "reading images\n"


def test_nothing_is_wrong(sound_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(sound_dir), "--strict", "-q"]) == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines() == [
        f"✓ {sound_dir}: 36 images, 3 classes; nothing is wrong",
        f"  next  cnnxfer train {sound_dir}",
    ]
    assert shown.err == ""


def test_what_a_model_must_beat_stands_below(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    planter = Planter(tmp_path)
    planter.sound("boxes", 12)
    rows = [f"{number:03d}.jpg,leaf,0,0,48,72" for number in range(12)]
    header = "path,label,xmin,ymin,xmax,ymax"
    planter.put("boxes/boxes.csv", "\n".join([header, *rows]).encode())
    assert run(["check", str(tmp_path / "boxes" / "boxes.csv"), "-q"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "mean box has a mean IoU of 1.000" in lines[0]
    assert "0% of the objects are small, 100% medium and 0% large" in lines[1]


def test_json(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(photos), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["data"] == str(photos)
    assert (document["images"], document["sound"]) == (37, 36)
    assert [row["name"] for row in document["classes"]] == ["blue", "green", "red"]
    first = document["findings"][0]
    assert first.pop("done")
    assert first.pop("advice")
    assert first == {
        "kind": "contradiction",
        "severity": "error",
        "title": "pictures under several labels",
        "count": 1,
        "items": [
            {
                "ids": ["blue/[red].jpg", "red/00.jpg"],
                "classes": ["blue", "red"],
                "note": "",
                "suggested": None,
            }
        ],
        "quarantine": ["blue/[red].jpg", "red/00.jpg"],
    }


def test_strict(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(photos), "--strict", "--json"]) == 1  # for the error
    assert json.loads(capsys.readouterr().out)["findings"]
    (photos / "blue" / "[red].jpg").unlink()
    assert run(["check", str(photos)]) == 0
    assert run(["check", str(photos), "--strict"]) == 3  # for the warning
    (photos / "red" / "01.jpg").unlink()
    assert run(["check", str(photos), "--strict"]) == 0  # a note is left
    assert "0 errors, 0 warnings, 1 note" in capsys.readouterr().out


def test_one_class(sound_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("blue", "green"):
        shutil.rmtree(sound_dir / name)
    assert run(["check", str(sound_dir)]) == 1
    shown = capsys.readouterr()
    assert "classes to train on, too few to tell apart" in shown.out
    assert "training stops" in shown.out


def test_what_cannot_be_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "damaged.zip").write_bytes(b"PK")
    for name, problem in {
        "empty": "holds no images in class folders",
        "damaged.zip": "damaged archive",
    }.items():
        assert run(["check", str(tmp_path / name)]) == 1
        assert problem in capsys.readouterr().out


def test_the_list_and_the_page(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed, page = tmp_path / "quarantine.txt", tmp_path / "check.html"
    command = ["check", str(photos), "--write", str(listed), "--html", str(page)]
    assert run(command) == 1
    shown = capsys.readouterr()
    assert f"written: {listed}\nwritten: {page}\n" in shown.err
    assert "had better" not in shown.out
    assert "<html" in page.read_text("utf-8")
    assert run(["check", str(photos), "--exclude", str(listed), "--strict"]) == 0
    shown = capsys.readouterr()
    assert f"left out 3 images that {listed} names\n" in shown.err
    assert "34 images, 3 classes" in shown.out


def test_mistakes(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, message in {
        "check": "cnnxfer check needs DATA",
        f"check {photos}x": "no data called",
        f"check {photos} --split half": "--split is 'half'",
        f"check {photos} --exclude none.txt": "--exclude none.txt cannot be read",
        f"check {photos} --write {photos}/red/x.txt": "among the images",
        f"check {photos} --html {photos}/red": "already exists",
    }.items():
        assert run(arguments.split()) == 2
        shown = capsys.readouterr()
        assert message in shown.err
        assert shown.out == ""


def test_from_python(photos: Path, tmp_path: Path) -> None:
    listed = tmp_path / "quarantine.txt"
    report = cnnxfer.check(photos, split="80/10/10", write=listed)
    assert [finding.kind for finding in report.findings] == [
        *("contradiction", "unreadable", "wrong-suffix")
    ]
    assert report.alarming
    (left,) = cnnxfer.check(str(photos), exclude=listed).findings
    assert left.kind == "wrong-suffix"


def test_a_task_that_the_data_does_not_suit_is_refused_as_by_train(photos: Path):
    for task in ("detection", "localization"):
        with pytest.raises(DataError, match=f"has no boxes, and {task} needs"):
            cnnxfer.check(photos, task=task)
    assert cnnxfer.check(photos, task="classification").images
