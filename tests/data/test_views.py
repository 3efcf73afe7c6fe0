"""Views of many images: repeatable, in order, and little memory for any number."""

import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cnnxfer.data import views as module
from cnnxfer.data.dataset import Example
from cnnxfer.data.geometry import square_box
from cnnxfer.data.index import build_index
from cnnxfer.data.picture import Picture
from cnnxfer.data.pipeline import Loader, central_batches
from cnnxfer.data.sources import folder
from cnnxfer.data.views import (
    Augmentation,
    CentralViews,
    RandomViews,
    View,
    pixel_batches,
)
from cnnxfer.errors import DataError
from cnnxfer.reporting import Reporter

SIZE = 24
LIGHT = Augmentation(crop=0.8, flip=True)


@pytest.fixture
def examples(photos_dir: Path) -> list[Example]:
    rows = build_index(folder.load(str(photos_dir), Reporter()).examples, Reporter())
    return [row.example for row in rows]


def made(count: int) -> list[Example]:
    return [Example(str(i), 0, None, Path(), sha256=f"{i:064x}") for i in range(count)]


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
    expected = central_batches(Loader(examples, SIZE), 0.9, batch_size=36)
    [(pixels, _)] = expected.as_numpy_iterator()
    np.testing.assert_array_equal(np.concatenate(batches), pixels)


def test_the_views_of_an_image_follow_one_another(examples):
    views = [RandomViews(LIGHT, 7, 0), CentralViews(1), RandomViews(LIGHT, 7, 1)]
    together = pixels_of(examples, views)  # batches of 8 cut through images
    assert len(together) == 3 * len(examples)
    for number, view in enumerate(views):
        np.testing.assert_array_equal(together[number::3], pixels_of(examples, [view]))


def test_random_views_are_the_squares_that_they_say(examples):
    views = RandomViews(LIGHT, 7, 0)
    for pixels, example in zip(pixels_of(examples, [views]), examples, strict=True):
        view, picture = views.of(example), Picture(example.read())
        box = square_box(
            picture.width, picture.height, view.fraction, view.across, view.down
        )
        np.testing.assert_array_equal(pixels, picture.view(box, SIZE, flip=view.flip))


def test_each_image_is_decoded_once(examples, monkeypatch):
    opened = []
    monkeypatch.setattr(
        module, "Picture", lambda content: opened.append(content) or Picture(content)
    )
    pixels_of(examples, [RandomViews(LIGHT, 7, number) for number in range(4)])
    assert sorted(opened) == sorted(example.read() for example in examples)


def test_random_views_are_the_same_everywhere():
    # Drawn once and written down: another value would make every kept feature stale.
    [example] = made(1)
    found = RandomViews(LIGHT, 42, 3).of(example)
    assert found == View(0.8, 0.7507570350790793, 0.10917154803485829, True)


def test_random_views_are_spread_and_half_are_flipped():
    views = [RandomViews(LIGHT, 1, 0).of(example) for example in made(4000)]
    across, down, flip = np.array([(v.across, v.down, v.flip) for v in views], float).T
    for place in (across, down):
        assert 0 <= place.min() < 0.01
        assert 0.99 < place.max() < 1
        assert abs(place.mean() - 0.5) < 0.02
    assert abs(np.corrcoef([across, down, flip]) - np.eye(3)).max() < 0.06
    assert abs(flip.mean() - 0.5) < 0.03
    assert {view.fraction for view in views} == {0.8}


def test_seeds_numbers_and_images_have_views_of_their_own():
    one, other = made(2)
    views = [RandomViews(LIGHT, seed, number) for seed in (1, 2) for number in (0, 1)]
    drawn = {view.of(example) for view in views for example in (one, other)}
    assert len(drawn) == 8
    # The name and the place of an image don't count, its content does.
    assert views[0].of(replace(one, id="x", path=Path("y"))) == views[0].of(one)


def test_without_flip_nothing_is_flipped():
    views = RandomViews(Augmentation(0.8, False), 1, 0)
    assert not any(views.of(example).flip for example in made(50))


def test_descriptions_tell_views_apart():
    kinds = [
        CentralViews(0.8),
        CentralViews(0.9),
        RandomViews(LIGHT, 1, 0),
        RandomViews(LIGHT, 1, 1),
        RandomViews(LIGHT, 2, 0),
        RandomViews(Augmentation(0.8, False), 1, 0),
        RandomViews(Augmentation(0.7, True), 1, 0),
    ]
    descriptions = [kind.describe() for kind in kinds]
    assert all(descriptions.count(found) == 1 for found in descriptions)


@pytest.mark.parametrize(("batch_size", "views"), [(8, 1), (32, 1), (8, 4)])
def test_few_images_are_read_ahead_however_many_there_are(
    monkeypatch, batch_size, views
):
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
    examples = [Example("a", 0, None, Path())] * 20_000
    batches = pixel_batches(
        examples, [CentralViews(1)] * views, image_size=2, batch_size=batch_size
    )
    for number in range(1, 4):
        next(batches)
        time.sleep(0.1)  # whatever is to be read ahead is read
        images = number * batch_size / views + 2 * batch_size / views + os.cpu_count()
        assert read <= images + 1
    batches.close()


def test_a_file_that_vanished_is_named(examples):
    examples[5].path.unlink()
    with pytest.raises(DataError) as caught:
        pixels_of(examples, [CentralViews(1)])
    assert str(caught.value) == (
        "blue/05.jpg cannot be read any more: no such file or directory"
    )


def test_a_file_that_changed_is_named(examples):
    examples[5].path.write_bytes(examples[6].read())
    with pytest.raises(DataError, match=r"^blue/05\.jpg is not the image any more"):
        pixels_of(examples, [CentralViews(1)])
    # Nobody has promised anything of an image without a hash.
    assert len(pixels_of([replace(examples[5], sha256="")], [CentralViews(1)])) == 1
