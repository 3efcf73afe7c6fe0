"""Tests that previews show what the network sees, and overwrite no other files."""

import dataclasses
import hashlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnxfer.config import PRESETS, Augment, Config
from cnnxfer.data.annotation import Labels
from cnnxfer.data.augmentation.keyed_random import KeyedRandom
from cnnxfer.data.augmentation.mixing import mix
from cnnxfer.data.class_mask import ClassMask
from cnnxfer.data.dataset import Dataset, Example
from cnnxfer.data.images.drawing import colour_of
from cnnxfer.data.objects import LabelledBox, Objects
from cnnxfer.data.preparing.index import build_index
from cnnxfer.data.sources import folder
from cnnxfer.data.views import preview as module
from cnnxfer.data.views.preview import (
    GAP,
    LINE_HEIGHT,
    Preview,
    check_counts,
    check_preview_path,
    write_preview,
)
from cnnxfer.data.views.views import (
    CentralViews,
    Views,
    central_views,
    pixel_batches,
    training_views,
)
from cnnxfer.errors import ConfigError, DataError
from cnnxfer.reporting import Reporter

SIZE, VIEWS = 40, 3
TILE = 120  # three times as large, since views of 40 pixels are small
CONFIG = Config(augment=PRESETS["strong"], seed=5)
MIXED = dataclasses.replace(CONFIG, augment=Augment(crop=0.9, mixup=1.0, cutmix=1.0))


@pytest.fixture
def dataset(photos_dir: Path) -> Dataset:
    return folder.load(str(photos_dir), Reporter())


def drawn(path: Path, dataset: Dataset, config: Config = CONFIG, images: int = 4):
    return write_preview(
        path,
        dataset,
        config,
        image_size=SIZE,
        images=images,
        views=VIEWS,
        reporter=Reporter(),
    )


def tiles_of(preview: Preview) -> np.ndarray:
    """Returns what a preview shows, `(columns, rows, size, size, 3)`."""
    sheet = np.asarray(Image.open(preview.path))
    top = GAP + 2 * LINE_HEIGHT
    return np.array(
        [
            [
                sheet[y + 1 : y + TILE : 3, x + 1 : x + TILE : 3]
                for y in (
                    top + row * (TILE + LINE_HEIGHT + GAP)
                    for row in range(len(preview.images))
                )
            ]
            for x in (GAP + column * (TILE + GAP) for column in range(1 + VIEWS))
        ]
    )


def seen_of(dataset: Dataset, preview: Preview, views: Views) -> np.ndarray:
    """Returns what training sees of the same images."""
    found = {
        row.example.id: row.example for row in build_index(dataset.examples, Reporter())
    }
    examples = [found[id_] for id_ in preview.images]
    (pixels,) = pixel_batches(
        examples, [views], image_size=SIZE, batch_size=len(examples)
    )
    return pixels


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_each_row_has_the_central_view_and_training_views(tmp_path: Path, dataset):
    preview = drawn(tmp_path / "a.png", dataset)
    tiles = tiles_of(preview)
    central = CentralViews(CONFIG.central_crop)
    np.testing.assert_array_equal(tiles[0], seen_of(dataset, preview, central))
    for epoch in range(VIEWS):
        expected = seen_of(dataset, preview, training_views(CONFIG, epoch))
        np.testing.assert_array_equal(tiles[1 + epoch], expected)


@pytest.mark.parametrize(("size", "tile"), [(32, 96), (95, 190), (96, 96), (100, 100)])
def test_small_views_are_enlarged(tmp_path: Path, dataset, size: int, tile: int):
    write_preview(
        tmp_path / "a.png",
        dataset,
        CONFIG,
        image_size=size,
        images=1,
        views=1,
        reporter=Reporter(),
    )
    with Image.open(tmp_path / "a.png") as sheet:
        assert sheet.width == GAP + 2 * (tile + GAP)


def test_columns_are_mixed_like_training_batches(tmp_path: Path, dataset):
    preview = drawn(tmp_path / "a.png", dataset, MIXED)
    tiles = tiles_of(preview)
    for epoch in range(VIEWS):
        pixels = seen_of(dataset, preview, training_views(MIXED, epoch))
        random = KeyedRandom(f"5 {epoch} 0")  # as of the epoch's first step
        mixed, _ = mix(pixels, np.eye(4, dtype=np.float32), MIXED.augment, random)
        np.testing.assert_array_equal(tiles[1 + epoch], mixed)
        assert (mixed != pixels).any()


def test_mixed_images_are_labelled_with_their_shares(
    tmp_path: Path, dataset, monkeypatch
):
    written = []
    write = module._write
    monkeypatch.setattr(
        module,
        "_write",
        lambda draw, corner, text, *rest: (
            written.append(text) or write(draw, corner, text, *rest)
        ),
    )
    drawn(tmp_path / "a.png", dataset, MIXED, images=3)
    heading, *words = written
    assert heading.startswith("photos, augmentation none, seed 5: ")
    assert words[:3] == ["blue", "green", "red"]
    shares = [
        [int(part.rsplit(" ", 1)[1][:-1]) for part in text.split(", ")]
        for text in words[3:]
        if text
    ]
    assert len(shares) > VIEWS
    assert all(sum(found) in (99, 100, 101) for found in shares)
    written.clear()
    drawn(tmp_path / "a.png", dataset, images=3)
    assert written[4:] == [""] * 3 * VIEWS


def test_classes_alternate_and_the_seed_chooses_the_images(tmp_path: Path, dataset):
    one = drawn(tmp_path / "a.png", dataset, images=7)
    assert one.labels == ("blue", "green", "red") * 2 + ("blue",)
    assert len(set(one.images)) == 7
    assert [id_.partition("/")[0] for id_ in one.images] == list(one.labels)
    other = drawn(tmp_path / "b.png", dataset, dataclasses.replace(CONFIG, seed=6))
    assert other.images != one.images[:4]


def test_the_same_preview_is_the_same_file(tmp_path: Path, dataset):
    one, again = (drawn(tmp_path / name, dataset, MIXED) for name in ("a.png", "b.png"))
    assert one.path.read_bytes() == again.path.read_bytes()
    assert one.images == again.images


def test_no_more_images_are_shown_than_the_data_has(tmp_path: Path, dataset):
    preview = drawn(tmp_path / "a.png", dataset, images=50)
    assert len(preview.images) == len(set(preview.images)) == 36


def test_only_training_images_are_shown(tmp_path: Path, dataset):
    examples = tuple(
        dataclasses.replace(example, split=("test", "train", None)[number % 3])
        for number, example in enumerate(dataset.examples)
    )
    dataset = dataclasses.replace(dataset, examples=examples)
    preview = drawn(tmp_path / "a.png", dataset, images=50)
    assert len(preview.images) == 24
    assert {examples[0].id, examples[3].id}.isdisjoint(preview.images)


def test_multi_label_images_show_all_their_labels(tmp_path: Path, dataset):
    examples = tuple(
        dataclasses.replace(example, annotation=Labels((0, 2)))
        for example in dataset.examples
    )
    dataset = dataclasses.replace(dataset, examples=examples)
    assert set(drawn(tmp_path / "a.png", dataset).labels) == {"blue|red"}


def test_boxes_are_drawn_where_views_show_them(tmp_path: Path, dataset):
    """Each object is of a colour of its own, which boxes stand around."""
    path = tmp_path / "a.png"
    Image.new("RGB", (80, 40), "black").save(path)
    objects = Objects((LabelledBox(1, (20, 10, 60, 30)),), 80, 40)
    example = Example("a", objects, None, path)
    dataset = dataclasses.replace(dataset, examples=(example,), task="detection")
    config = Config(augment=Augment(flip=True, zoom=0.3), fit="letterbox")
    preview = drawn(tmp_path / "p.png", dataset, config)
    assert preview.labels == ("green",)
    sheet = np.asarray(Image.open(preview.path)).astype(int)
    for column, view in enumerate(
        [central_views(config), *(training_views(config, epoch) for epoch in range(3))]
    ):
        found = dataclasses.replace(example, sha256=sha256_of(path))
        geometry = view.of(found).geometry(80, 40, SIZE)
        (item,) = objects.through(geometry).objects
        left, top = GAP + column * (TILE + GAP), GAP + 2 * LINE_HEIGHT
        tile = sheet[top : top + TILE, left : left + TILE]
        rows, columns = np.nonzero((tile == colour_of(1)).all(axis=-1))
        # The name has a ground of the colour, above the box at its left edge.
        edges = (columns.min(), columns.max() + 1, rows.max() + 1)
        expected = 3 * np.array(item.box)[[0, 2, 3]]
        np.testing.assert_allclose(edges, expected, atol=1)


def test_masks_are_laid_over_and_unreadable_ones_left_out(
    tmp_path: Path, dataset, caplog
):
    class Halves:
        name = "halves.png"

        def read(self, width: int, height: int) -> np.ndarray:
            values = np.zeros((height, width), np.uint8)
            values[:, width // 2 :] = 7
            return values

    class Broken(Halves):
        def read(self, width: int, height: int) -> np.ndarray:
            raise DataError("truncated PNG")

    Image.new("RGB", (80, 40), "white").save(tmp_path / "a.png")
    examples = tuple(
        Example(reader.__name__, ClassMask(reader(), {7: 2}, (2,)), None, path)
        for reader in (Halves, Broken)
        for path in [tmp_path / "a.png"]
    )
    dataset = dataclasses.replace(dataset, examples=examples, task="segmentation")
    config = Config(augment=PRESETS["none"], fit="stretch")
    preview = drawn(tmp_path / "p.png", dataset, config)
    assert preview.images == ("Halves",)
    assert "Broken is left out: truncated PNG" in caplog.text
    tile = np.asarray(Image.open(preview.path))[GAP + 2 * LINE_HEIGHT :, GAP:]
    assert (tile[:TILE, : TILE // 2] == 255).all()  # without a label
    half = (np.array(colour_of(2)) + 255) / 2
    np.testing.assert_allclose(tile[60, 90], half, atol=2)


def test_unreadable_images_are_left_out_and_reported(tmp_path: Path, dataset, caplog):
    first = drawn(tmp_path / "a.png", dataset).images[0]
    found = {example.id: example.path for example in dataset.examples}
    found[first].write_bytes(found[first].read_bytes()[:800])
    preview = drawn(tmp_path / "a.png", dataset)
    assert first not in preview.images
    assert preview.labels == ("green", "red", "blue", "green")
    assert f"{first} is left out: truncated JPEG" in caplog.text


def test_files_that_are_no_images_are_counted_in_one_line(
    tmp_path: Path, dataset, caplog
):
    caplog.set_level("INFO", "cnnxfer")
    notes = []
    for example in dataset.examples[:24]:
        path = example.path.with_suffix(".txt")
        path.write_bytes(b"notes")
        notes.append(dataclasses.replace(example, id=f"{example.id}.txt", path=path))
    examples = (*notes, *dataset.examples)
    drawn(tmp_path / "a.png", dataclasses.replace(dataset, examples=examples))
    (line,) = caplog.messages
    assert re.match(r"passed over \d+ files that are not images, such as .+\.txt", line)


def test_data_without_a_readable_image_is_an_error(tmp_path: Path, dataset):
    for example in dataset.examples:
        example.path.write_bytes(b"no image")
    with pytest.raises(
        DataError, match=r"photos has no image that can be shown: not an"
    ):
        drawn(tmp_path / "a.png", dataset)
    assert not (tmp_path / "a.png").exists()


def test_only_earlier_previews_are_overwritten(tmp_path: Path, dataset):
    path = tmp_path / "a.png"
    check_preview_path(path)
    drawn(path, dataset)
    check_preview_path(path)
    Image.new("RGB", (4, 4)).save(path)
    with pytest.raises(ConfigError, match=r"already exists and is not a preview"):
        check_preview_path(path)
    path.write_bytes(b"")  # as of mktemp
    check_preview_path(path)
    with pytest.raises(ConfigError, match=r"its suffix should be \.png"):
        check_preview_path(tmp_path / "a.jpg")


@pytest.mark.parametrize(
    ("images", "views", "option"),
    [(0, 1, "images"), (51, 1, "images"), (1, 0, "views"), (1, 21, "views")],
)
def test_numbers_of_images_and_views_have_limits(images: int, views: int, option: str):
    with pytest.raises(ConfigError, match=f"^{option} is [0-9]+; it must be from 1 to"):
        check_counts(images, views)
    check_counts(50, 20)


def test_a_preview_needs_no_tensorflow():
    code = """
import sys
import cnnxfer.data.views.preview
print({"tensorflow", "keras"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr
