"""Tests that the index describes images, and that broken ones are left out."""

import hashlib
import io
import logging
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import odd_files
import pytest
from PIL import Image, ImageOps
from recording_reporter import RecordingReporter

from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import Dataset, Example, IndexRow
from cnnxfer.data.images.decode import decode
from cnnxfer.data.objects import LabelledBox, Objects
from cnnxfer.data.preparing.index import (
    build_index,
    leave_out_untrained,
    pass_over_others,
    report_problems,
)
from cnnxfer.data.sample.flowers import draw
from cnnxfer.data.sources import folder
from cnnxfer.errors import DataError
from cnnxfer.reporting import Reporter

ODD_FILES = [
    odd
    for odd in odd_files.odd_files()
    if not odd.skip and not odd.name.startswith("trouble")  # only for another decoder
]


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.WARNING, "cnnxfer")
    return lambda: [record.getMessage() for record in caplog.records]


def examples(root: Path) -> tuple[Example, ...]:
    return folder.load(str(root), Reporter()).examples


def test_rows_describe_the_images(photos_dir: Path):
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
        "5 of 41 images could not be used and were left out.",
    ]


def test_what_is_passed_over_is_counted_in_one_line(photos_dir: Path):
    red = photos_dir / "red"
    (red / "00.jpg").rename(red / "no suffix")
    (red / "01.jpg").rename(red / "wrong.txt")
    (red / "notes.txt").write_text("of the pictures")
    (red / "README").touch()
    (red / "text.jpg").write_text("no picture")
    for name in (".DS_Store", "red/._02.jpg", "red/Thumbs.db", "LICENSE"):
        (photos_dir / name).touch()
    (photos_dir / "blue" / "up").symlink_to("..")
    dataset = folder.load(str(photos_dir), Reporter())
    reporter = RecordingReporter()
    rows = build_index(dataset.examples, Reporter())
    rows = pass_over_others(dataset, rows, reporter)
    assert reporter.infos == [
        "passed over 3 hidden or system files, such as .DS_Store; 1 link in a circle, "
        "such as blue/up; 3 files that are not images, such as LICENSE"
    ]
    assert [row.example.id for row in rows if row.problem] == ["red/text.jpg"]
    assert len(rows) == 37
    pass_over_others(Dataset("sound", (), ()), rows, reporter)
    assert len(reporter.lines) == 1


def test_the_index_finds_the_same_damage_as_full_decoding(photos_dir: Path):
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


@pytest.fixture(scope="module")
def odd_rows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, IndexRow]:
    """The row of each odd file, by its name; all of them are read in one go."""
    folder = tmp_path_factory.mktemp("odd")
    listed = []
    for odd in ODD_FILES:
        path = folder / odd.name
        content = odd.make(path)
        if content is not None:
            path.write_bytes(content)
        listed.append(Example(odd.name, Labels((0,)), None, path))
    return {row.example.id: row for row in build_index(listed, Reporter())}


@pytest.mark.parametrize("odd", ODD_FILES, ids=lambda odd: ascii(odd.name[:40]))
def test_each_odd_file_has_its_expected_row(
    odd: odd_files.OddFile, odd_rows: dict[str, IndexRow]
):
    row = odd_rows[odd.name]
    if isinstance(odd.outcome, str):
        assert row.problem == odd.outcome
    else:
        assert row.problem is None
        assert (row.width, row.height) == odd.outcome.size
        assert row.frames >= max(1, len(odd.frames))
        assert (row.frames > 1) == (len(odd.frames) > 1)
        assert len(row.sha256) == 64
        grey = {len(set(colour)) for colour in odd.outcome.quarters} == {1}
        assert row.grey == grey
        if "turned" in odd.name and row.format in ("JPEG", "PNG", "WEBP", "TIFF"):
            assert row.orientation > 1


def encoded(image: Image.Image, form: str, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def read(folder: Path, content: bytes) -> IndexRow:
    path = folder / "image"
    path.write_bytes(content)
    [row] = build_index([Example("image", Labels((0,)), None, path)], Reporter())
    return row


@pytest.mark.parametrize(
    ("mode", "form"),
    [
        *(("RGB", "JPEG"), ("L", "JPEG"), ("CMYK", "JPEG"), ("P", "PNG")),
        *(("RGBA", "PNG"), ("LA", "PNG"), ("RGBA", "WEBP"), ("1", "TIFF")),
    ],
)
def test_the_mode_is_the_one_stored_in_the_file(tmp_path: Path, mode, form):
    image = draw("rose", 0).resize((60, 40)).convert(mode)
    if "A" in mode:
        image.putalpha(100)
    row = read(tmp_path, encoded(image, form))
    assert row.mode == mode
    assert row.format == form
    assert row.grey == (mode in ("L", "LA", "1"))


def test_grey_images_stored_as_rgb_are_recognized(tmp_path: Path):
    grey = draw("rose", 0).convert("L").convert("RGB")
    assert read(tmp_path, encoded(grey, "JPEG", quality=40)).grey
    assert read(tmp_path, encoded(grey, "PNG")).grey
    tint = np.random.default_rng(0).integers(0, 6, (*grey.size[::-1], 3))
    tinted = Image.fromarray((np.asarray(grey) // 2 + tint).astype(np.uint8))
    assert read(tmp_path, encoded(tinted, "PNG")).grey
    grey.paste((150, 60, 60), (100, 100, 130, 130))
    assert not read(tmp_path, encoded(grey, "JPEG", quality=40)).grey
    sepia = ImageOps.colorize(grey.convert("L"), (0, 0, 0), (255, 230, 180))
    assert not read(tmp_path, encoded(sepia, "PNG")).grey


@pytest.mark.parametrize("orientation", [0, 9, 77])
def test_an_invalid_orientation_counts_as_upright(tmp_path: Path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    row = read(tmp_path, encoded(draw("rose", 0), "JPEG", exif=exif))
    assert row.orientation == 1


def test_damaged_later_frames_are_not_a_problem(tmp_path: Path):
    frames = [draw("rose", number).resize((60, 40)) for number in range(3)]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert read(tmp_path, content).frames == 3
    cut = read(tmp_path, content[: len(content) * 2 // 3])
    assert cut.problem is None
    assert cut.frames in (1, 2)


def test_the_perceptual_hash_is_computed_on_the_upright_picture(tmp_path: Path):
    exif = Image.Exif()
    exif[0x0112] = 6
    image = draw("tulip", 0)
    upright = read(tmp_path, encoded(image, "PNG"))
    stored = image.transpose(Image.Transpose.ROTATE_90)
    turned = read(tmp_path, encoded(stored, "PNG", exif=exif))
    assert turned.phash == upright.phash != ""
    assert turned.sha256 != upright.sha256
    assert read(tmp_path, encoded(stored, "PNG")).phash != upright.phash


def test_pictures_of_fewer_pixels_than_the_hash_samples_have_none(tmp_path: Path):
    (tmp_path / "a").mkdir()
    for width, height in ((32, 32), (100, 31), (28, 28)):
        photo = draw("tulip", 0).resize((width, height), Image.Resampling.BICUBIC)
        photo.save(tmp_path / "a" / f"{width}.png")
    hashes = [row.phash for row in build_index(examples(tmp_path), Reporter())]
    assert [bool(phash) for phash in hashes] == [False, False, True]


def test_the_number_of_warnings_of_broken_files_is_limited(photos_dir: Path, warnings):
    for number in range(40):
        (photos_dir / "red" / f"x{number:02d}.jpg").touch()
    rows = report_problems(build_index(examples(photos_dir), Reporter()), Reporter())
    assert len(rows) == 36
    assert len(warnings()) == 11
    assert warnings()[-1].startswith("40 of 76 images")


def test_a_folder_without_problems_gives_no_warning(photos_dir: Path, warnings):
    rows = build_index(examples(photos_dir), Reporter())
    assert report_problems(rows, Reporter()) == rows
    assert leave_out_untrained(("blue", "green", "red"), rows, Reporter())[1] == rows
    assert warnings() == []


def rows_of(*labels_and_splits: tuple[int, str | None]) -> list[IndexRow]:
    return [
        IndexRow(
            Example(
                str(number), Labels((label,)), split, Path(), sha256=f"{number:064x}"
            )
        )
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
    assert left[1] == replace(
        rows[3], example=replace(rows[3].example, annotation=Labels((1,)))
    )
    assert "b" in warnings()[0]


def test_untrained_labels_are_removed_from_multi_label_images(warnings):
    # Several labels: 1 is in no image to train on.
    labels = [
        ((0, 1), "test"),
        ((2, 0), None),
        ((), None),
        ((1,), "test"),
        ((2,), None),
    ]
    rows = [
        IndexRow(
            Example(str(number), Labels(those), split, Path(), sha256=f"{number:064x}")
        )
        for number, (those, split) in enumerate(labels)
    ]
    kept, left = leave_out_untrained(("a", "b", "c"), rows, Reporter())
    assert kept == ("a", "c")
    assert [(row.example.id, row.example.labels) for row in left] == [
        ("0", (0,)),
        ("1", (0, 1)),
        ("2", ()),
        ("4", (1,)),
    ]
    assert warnings() == ["left out 1 of 3 classes, with no image to train on: b."]


def test_one_class_is_enough_if_some_images_lack_it(warnings):
    having = rows_of((0, None), (0, None))
    lacking = replace(
        having[1], example=replace(having[1].example, annotation=Labels(()))
    )
    rows = [having[0], lacking]
    assert leave_out_untrained(("rose",), rows, Reporter()) == (("rose",), rows)
    assert warnings() == []
    with pytest.raises(DataError, match=r"is of class rose; .* at least two classes"):
        leave_out_untrained(("rose",), having, Reporter())


@pytest.mark.parametrize("rows", [[], rows_of((1, None)), rows_of((0, "test"))])
def test_one_class_alone_is_an_error(rows):
    with pytest.raises(DataError, match=r"left of .*daisy.* at least two classes"):
        leave_out_untrained(("daisy", "rose"), rows, Reporter())


def test_one_class_is_enough_where_there_are_boxes(warnings):
    boxes = Objects((LabelledBox(0, (0.0, 0.0, 9.0, 9.0)),), 20, 20)
    row = rows_of((0, None))[0]
    rows = [replace(row, example=replace(row.example, annotation=boxes))]
    assert leave_out_untrained(("raccoon",), rows, Reporter()) == (("raccoon",), rows)
    assert warnings() == []


def test_pictures_without_objects_remain_where_a_class_is_left_out(warnings):
    box = (0.0, 0.0, 9.0, 9.0)
    rows = [
        replace(row, example=replace(row.example, annotation=Objects(objects)))
        for row, objects in zip(
            rows_of((0, "train"), (0, "train"), (0, "test"), (0, "test")),
            [
                (LabelledBox(1, box),),
                (),
                (LabelledBox(0, box),),
                (LabelledBox(0, box), LabelledBox(1, box)),
            ],
            strict=True,
        )
    ]
    names, kept = leave_out_untrained(("cat", "dog"), rows, Reporter())
    assert names == ("dog",)
    assert [(row.example.id, row.example.labels) for row in kept] == [
        ("0", (0,)),
        ("1", ()),
        ("3", (0,)),
    ]
    assert warnings() == ["left out 1 of 2 classes, with no image to train on: cat."]
