"""Tests that the loader decodes each image once, as far as memory allows."""

import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnxfer.config import PRESETS, Augment, Config
from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import Example
from cnnxfer.data.feeding import loader as module
from cnnxfer.data.feeding.loader import Loader
from cnnxfer.data.preparing.index import build_index
from cnnxfer.data.sources import folder
from cnnxfer.data.views.views import CentralViews, open_picture, training_views
from cnnxfer.errors import DataError
from cnnxfer.reporting import Reporter

SIZE = 24
CONFIG = Config(augment=PRESETS["light"])


@pytest.fixture
def examples(photos_dir: Path) -> list[Example]:
    rows = build_index(folder.load(str(photos_dir), Reporter()).examples, Reporter())
    return [row.example for row in rows]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Counter:
    """How often each image was opened, by its id."""
    count: Counter[str] = Counter()

    def counted(example: Example):
        count[example.id] += 1
        return open_picture(example)

    monkeypatch.setattr(module, "open_picture", counted)
    return count


def epochs_of(loader: Loader, count: int = 3) -> list[np.ndarray]:
    indices = range(len(loader.examples))
    return [loader.batch(indices, training_views(CONFIG, i)) for i in range(count)]


def test_each_picture_is_decoded_once(examples, opened):
    epochs_of(Loader(examples, SIZE))
    assert opened == dict.fromkeys([example.id for example in examples], 1)


def test_kept_pictures_give_the_same_pixels(examples, opened):
    kept = epochs_of(Loader(examples, SIZE))
    opened.clear()
    anew = epochs_of(Loader(examples, SIZE, keep_bytes=0))
    assert opened == dict.fromkeys([example.id for example in examples], 3)
    np.testing.assert_array_equal(kept, anew)


def test_kept_pictures_stay_within_the_memory_limit(examples, opened):
    sizes = []
    for example in examples:
        picture = open_picture(example)
        CentralViews(1).of(example).of(picture, SIZE)
        sizes.append(picture.size_bytes)
    with Image.open(examples[0].path) as image:
        pixels = image.width * image.height
    assert sizes[0] == 4 * pixels + examples[0].path.stat().st_size
    opened.clear()
    loader = Loader(examples, SIZE, keep_bytes=sum(sizes) // 2)
    epochs_of(loader)
    kept = [
        size for size, times in zip(sizes, opened.values(), strict=True) if times == 1
    ]
    assert sum(kept) <= sum(sizes) // 2
    assert sum(kept) > 0.9 * sum(sizes) // 2


def test_a_kept_picture_that_grows_is_held_to_the_memory_limit(tmp_path: Path, opened):
    # The whole of it is decoded small; a part of it, in full.
    Image.new("RGB", (800, 800), "red").save(tmp_path / "a.jpg")
    example = Example("a", Labels((0,)), None, tmp_path / "a.jpg")
    whole, part = CentralViews(1.0), CentralViews(0.05)
    small = 4 * 100 * 100 + example.path.stat().st_size
    loader = Loader([example], 40, keep_bytes=small)
    for _ in range(2):
        loader.batch([0], whole)
    assert opened["a"] == 1
    loader.batch([0], part)
    assert opened["a"] == 1
    loader.batch([0], whole)
    assert opened["a"] == 2  # it was kept no more
    loader.batch([0], whole)
    assert opened["a"] == 2


def test_several_threads_get_the_same_pixels(examples):
    loader, expected = Loader(examples, SIZE), epochs_of(Loader(examples, SIZE))
    found: dict[int, list[np.ndarray]] = {}

    def look(number: int) -> None:
        found[number] = epochs_of(loader)

    threads = [threading.Thread(target=look, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(4):
        np.testing.assert_array_equal(found[number], expected)


@pytest.mark.parametrize("augment", [Augment(), PRESETS["strong"]])
def test_batches_are_bytes_in_the_order_of_the_indices(examples, augment):
    views = training_views(replace(CONFIG, augment=augment), 0)
    loader = Loader(examples, SIZE)
    pixels = loader.batch([5, 0, 5], views)
    assert (pixels.dtype, pixels.shape) == (np.uint8, (3, SIZE, SIZE, 3))
    np.testing.assert_array_equal(pixels[0], pixels[2])
    np.testing.assert_array_equal(pixels[1], loader.batch([0], views)[0])
    assert (pixels[0] != pixels[1]).any()


def test_the_error_names_a_file_that_was_deleted(examples):
    examples[5].path.unlink()
    loader = Loader(examples, SIZE)
    with pytest.raises(DataError) as caught:
        loader.batch([4, 5], CentralViews(1))
    assert caught.value is loader.failure
    assert str(loader.failure) == (
        "blue/05.jpg cannot be read any more: no such file or directory"
    )


def test_the_error_names_a_file_that_has_changed(examples):
    examples[5].path.write_bytes(examples[6].read())
    loader = Loader(examples, SIZE)
    with pytest.raises(DataError, match=r"^blue/05\.jpg .* it has changed since"):
        loader.batch([5], CentralViews(1))


def test_a_closed_loader_reads_nothing(examples, opened):
    loader = Loader(examples, SIZE)
    loader.close()
    assert not loader.batch([0, 1], CentralViews(1)).any()
    assert not opened
