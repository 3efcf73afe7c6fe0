"""Tests that views are repeatable, in order, and take little memory."""

import hashlib
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cnnxfer.config import PRESETS, Augment, Config
from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import Example
from cnnxfer.data.feeding.loader import Loader
from cnnxfer.data.feeding.pixels import central_batches
from cnnxfer.data.images.boxes import square_box
from cnnxfer.data.images.picture import Picture
from cnnxfer.data.preparing.index import build_index
from cnnxfer.data.sources import folder
from cnnxfer.data.views import views as module
from cnnxfer.data.views.views import (
    CentralViews,
    RandomViews,
    Square,
    pixel_batches,
    training_views,
)
from cnnxfer.errors import DataError
from cnnxfer.reporting import Reporter

SIZE = 24
LIGHT = Augment(crop=0.8, flip=True)


def random_views(seed: int, number: int, augment: Augment = LIGHT) -> RandomViews:
    return RandomViews(augment, 0.875, seed, number)


@pytest.fixture
def examples(photos_dir: Path) -> list[Example]:
    rows = build_index(folder.load(str(photos_dir), Reporter()).examples, Reporter())
    return [row.example for row in rows]


def made(count: int) -> list[Example]:
    return [
        Example(str(i), Labels((0,)), None, Path(), sha256=f"{i:064x}")
        for i in range(count)
    ]


def pixels_of(examples, views, batch_size: int = 8) -> np.ndarray:
    batches = pixel_batches(examples, views, image_size=SIZE, batch_size=batch_size)
    return np.concatenate(list(batches))


def test_central_views_are_those_of_the_pipeline(examples):
    batches = list(
        pixel_batches(examples, [CentralViews(0.9)], image_size=SIZE, batch_size=10)
    )
    assert [batch.shape for batch in batches] == [
        (count, SIZE, SIZE, 3) for count in (10, 10, 10, 6)
    ]
    assert {batch.dtype for batch in batches} == {np.dtype(np.uint8)}
    expected = central_batches(Loader(examples, SIZE), CentralViews(0.9), batch_size=36)
    [pixels] = expected.as_numpy_iterator()
    np.testing.assert_array_equal(np.concatenate(batches), pixels)


def test_the_views_of_each_image_are_consecutive(examples):
    views = [random_views(7, 0), CentralViews(1), random_views(7, 1)]
    together = pixels_of(examples, views)  # batches of 8 cut through images
    assert len(together) == 3 * len(examples)
    for number, view in enumerate(views):
        np.testing.assert_array_equal(together[number::3], pixels_of(examples, [view]))


def test_light_views_follow_from_seed_number_and_content(examples):
    # As written down here, for good: else every kept feature would be stale.
    pixels = pixels_of(examples, [random_views(42, 3)])
    flips = []
    for seen, example in zip(pixels, examples, strict=True):
        digest = hashlib.sha256(f"42 3 {example.sha256}".encode()).digest()
        across, down, side = (
            int.from_bytes(digest[start : start + 6]) / 2**48 for start in (0, 6, 12)
        )
        flips.append(side < 0.5)
        picture = Picture(example.read())
        box = square_box(picture.width, picture.height, 0.8, across, down)
        expected = picture.view(box, SIZE)
        np.testing.assert_array_equal(
            seen, expected[:, ::-1] if flips[-1] else expected
        )
    assert 0 < sum(flips) < len(flips)


def test_each_image_is_decoded_once(examples, monkeypatch):
    opened = []
    monkeypatch.setattr(
        module, "Picture", lambda content: opened.append(content) or Picture(content)
    )
    pixels_of(examples, [random_views(7, number) for number in range(4)])
    assert sorted(opened) == sorted(example.read() for example in examples)


def test_each_seed_number_and_image_has_a_different_view():
    one, other = made(2)
    views = [random_views(seed, number) for seed in (1, 2) for number in (0, 1)]
    drawn = {view.of(example) for view in views for example in (one, other)}
    assert len(drawn) == 8
    # The name and the place of an image don't count, its content does.
    assert views[0].of(replace(one, id="x", path=Path("y"))) == views[0].of(one)


def test_different_views_have_different_descriptions():
    kinds = [
        CentralViews(0.8),
        CentralViews(0.9),
        random_views(1, 0),
        random_views(1, 1),
        random_views(2, 0),
        random_views(1, 0, Augment(crop=0.8)),
        random_views(1, 0, Augment(crop=0.7, flip=True)),
        random_views(1, 0, Augment(flip=True)),
        RandomViews(Augment(flip=True), 0.9, 1, 0),
        random_views(1, 0, Augment(area=0.7)),
        random_views(1, 0, Augment(area=0.7, aspect=2.0)),
        random_views(1, 0, Augment(padding=0.1)),
        RandomViews(Augment(padding=0.1), 0.9, 1, 0),
        random_views(1, 0, Augment(padding=0.1, fill="constant")),
        random_views(1, 0, Augment(padding=0.1, fill="constant", fill_value=0)),
    ]
    descriptions = [kind.describe() for kind in kinds]
    assert all(descriptions.count(found) == 1 for found in descriptions)


def test_descriptions_leave_out_settings_without_effect():
    light = random_views(1, 0, PRESETS["light"]).describe()
    assert light == {
        "views": "random",
        "augmentation": {"crop": 0.9, "flip": True},
        "seed": 1,
        "number": 0,
    }
    assert light == RandomViews(PRESETS["textbook"], 0.7, 1, 0).describe()
    assert random_views(1, 0, PRESETS["digits"]).describe()["augmentation"] == {
        **{"padding": 0.125, "fill": "nearest"},
        "central_crop": 0.875,
    }


def test_training_views_follow_the_settings():
    config = Config(augment=PRESETS["strong"], central_crop=0.7, seed=3)
    assert training_views(config, 5) == RandomViews(PRESETS["strong"], 0.7, 3, 5)
    config = replace(config, augment=PRESETS["none"])
    assert training_views(config, 5) == CentralViews(0.7)


def test_squares_are_centred_by_default(examples):
    picture = Picture(examples[0].read())
    box = square_box(picture.width, picture.height, 0.8, 0.5, 0.5)
    np.testing.assert_array_equal(
        Square(0.8).of(picture, SIZE).pixels, picture.view(box, SIZE)
    )


@pytest.mark.parametrize(("batch_size", "views"), [(8, 1), (32, 1), (8, 4)])
def test_the_number_of_images_read_ahead_is_limited(monkeypatch, batch_size, views):
    read = 0
    lock = threading.Lock()

    def count(example: Example) -> bytes:
        nonlocal read
        with lock:
            read += 1
        return b""

    class Square:
        width = height = 9

        def __init__(self, content: bytes) -> None:
            pass

        def view(self, box, size, *, flip):
            return np.zeros((size, size, 3), np.uint8)

    monkeypatch.setattr(Example, "read", count)
    monkeypatch.setattr(module, "Picture", Square)
    examples = [Example("a", Labels((0,)), None, Path())] * 20_000
    batches = pixel_batches(
        examples, [CentralViews(1)] * views, image_size=2, batch_size=batch_size
    )
    for number in range(1, 4):
        next(batches)
        time.sleep(0.1)  # whatever is to be read ahead is read
        images = number * batch_size / views + 2 * batch_size / views + os.cpu_count()
        assert read <= images + 1
    batches.close()


def test_the_error_names_a_file_that_was_deleted(examples):
    examples[5].path.unlink()
    with pytest.raises(DataError) as caught:
        pixels_of(examples, [CentralViews(1)])
    assert str(caught.value) == (
        "blue/05.jpg cannot be read any more: no such file or directory"
    )


def test_the_error_names_a_file_that_has_changed(examples):
    examples[5].path.write_bytes(examples[6].read())
    with pytest.raises(DataError, match=r"^blue/05\.jpg .* it has changed since"):
        pixels_of(examples, [CentralViews(1)])
    # Nobody has promised anything of an image without a hash.
    assert len(pixels_of([replace(examples[5], sha256="")], [CentralViews(1)])) == 1
