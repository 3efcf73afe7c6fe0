"""One reading of every image: what is broken is named, counted and left out."""

import hashlib
import logging
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnxfer.data.dataset import Example, IndexRow
from cnnxfer.data.decode import decode
from cnnxfer.data.index import build_index, leave_out_untrained, report_problems
from cnnxfer.data.sources import folder
from cnnxfer.errors import DataError
from cnnxfer.reporting import Reporter


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.WARNING, "cnnxfer")
    return lambda: [record.getMessage() for record in caplog.records]


def examples(root: Path) -> tuple[Example, ...]:
    return folder.load(str(root), Reporter()).examples


def test_rows_hold_what_the_files_hold(photos_dir: Path):
    upright = Image.Exif()
    upright[0x0112] = 6
    Image.new("RGB", (30, 20)).save(photos_dir / "red" / "99.png", exif=upright)
    rows = build_index(examples(photos_dir), Reporter())
    listed = [replace(row.example, sha256="") for row in rows]
    assert listed == list(examples(photos_dir))
    assert all(row.problem is None for row in rows)
    for row in rows[:-1]:
        content = row.example.path.read_bytes()
        assert row.sha256 == row.example.sha256 == hashlib.sha256(content).hexdigest()
        assert row.format == "JPEG"
        with Image.open(row.example.path) as image:
            assert (row.width, row.height) == image.size
    turned = rows[-1]
    assert (turned.width, turned.height, turned.format) == (20, 30, "PNG")


def test_broken_files_are_named_counted_and_left_out(photos_dir: Path, warnings):
    red = photos_dir / "red"
    jpeg = (red / "00.jpg").read_bytes()
    (red / "a cut.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    (red / "b empty.jpg").touch()
    (red / "c text.jpg").write_text("no picture")
    (red / "d link.jpg").symlink_to("nowhere")
    os.mkfifo(red / "e pipe.jpg")
    rows = report_problems(build_index(examples(photos_dir), Reporter()), Reporter())
    assert len(rows) == 36
    assert all(row.width for row in rows)
    assert warnings() == [
        "left out red/a cut.jpg: truncated JPEG",
        "left out red/b empty.jpg: empty file",
        "left out red/c text.jpg: not an image",
        "left out red/d link.jpg: no such file or directory",
        "left out red/e pipe.jpg: not a file",
        "5 of 41 images could not be read and were left out.",
    ]


def test_the_index_finds_what_decoding_in_full_finds(photos_dir: Path):
    # It decodes JPEGs at an eighth of their size.
    sound = (photos_dir / "red" / "00.jpg").read_bytes()
    rng = np.random.default_rng(0)
    for number in range(40):
        content = bytearray(sound[: rng.integers(1, 2 * len(sound))])
        for position in rng.integers(0, len(content), rng.integers(0, 9)):
            content[position] = rng.integers(0, 256)
        (photos_dir / "red" / f"x{number:02d}.jpg").write_bytes(content)
    verdicts = set()
    for row in build_index(examples(photos_dir), Reporter()):
        try:
            assert decode(row.example.read()).size == (row.width, row.height)
            verdict = None
        except DataError as error:
            verdict = str(error)
        assert row.problem == verdict
        verdicts.add(verdict)
    assert {None, "truncated JPEG", "not an image"} <= verdicts


def test_many_broken_files_do_not_flood_the_terminal(photos_dir: Path, warnings):
    for number in range(40):
        (photos_dir / "red" / f"x{number:02d}.jpg").touch()
    rows = report_problems(build_index(examples(photos_dir), Reporter()), Reporter())
    assert len(rows) == 36
    assert len(warnings()) == 11
    assert warnings()[-1].startswith("40 of 76 images")


def test_a_sound_folder_gives_no_warning(photos_dir: Path, warnings):
    rows = build_index(examples(photos_dir), Reporter())
    assert report_problems(rows, Reporter()) == rows
    assert leave_out_untrained(("blue", "green", "red"), rows, Reporter())[1] == rows
    assert warnings() == []


def rows_of(*labels_and_splits: tuple[int, str | None]) -> list[IndexRow]:
    return [
        IndexRow(Example(str(number), label, split, Path(), sha256=f"{number:064x}"))
        for number, (label, split) in enumerate(labels_and_splits)
    ]


def test_classes_without_an_image_are_named_and_left_out(photos_dir: Path, warnings):
    (photos_dir / "black").mkdir()
    (photos_dir / "white").mkdir()
    (photos_dir / "white" / "1.jpg").touch()
    dataset = folder.load(str(photos_dir), Reporter())
    assert dataset.class_names == ("black", "blue", "green", "red", "white")
    sound = report_problems(build_index(dataset.examples, Reporter()), Reporter())
    kept, rows = leave_out_untrained(dataset.class_names, sound, Reporter())
    assert kept == ("blue", "green", "red")
    assert len(rows) == 36
    for row in rows:
        assert row.example.path.parent.name == kept[row.example.label]
    assert warnings()[-1] == (
        "left out 2 of 5 classes, with no image to train on: black, white."
    )


def test_a_class_that_is_in_the_test_part_only_is_left_out(warnings):
    rows = rows_of((0, "train"), (1, "test"), (1, "validation"), (2, "train"))
    kept, left = leave_out_untrained(("a", "b", "c"), rows, Reporter())
    assert kept == ("a", "c")
    assert [row.example.id for row in left] == ["0", "3"]
    assert left[1] == replace(rows[3], example=replace(rows[3].example, label=1))
    assert "b" in warnings()[0]


@pytest.mark.parametrize("rows", [[], rows_of((1, None)), rows_of((0, "test"))])
def test_one_class_alone_is_an_error(rows):
    with pytest.raises(DataError, match=r"left of .*daisy.* at least two classes"):
        leave_out_untrained(("daisy", "rose"), rows, Reporter())
