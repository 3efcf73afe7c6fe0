"""Tests that the loader decodes each image once, as far as memory allows."""

import hashlib
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
from cnnxfer.data.views.views import (
    CentralViews,
    Views,
    open_picture,
    training_views,
)
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


def views_of(augment: Augment, number: int = 0) -> Views:
    return training_views(replace(CONFIG, augment=augment), number)


# Levels whose views show the pixels of the central view, in other places.
REARRANGED = {
    **{level: PRESETS[level] for level in ("none", "cifar", "digits")},
    "flips": Augment(flip=True, vertical_flip=True),
    "mixed": Augment(flip=True, mixup=0.2, cutmix=1.0),
    "all": Augment(padding=0.4, flip=True, vertical_flip=True, fill="wrap"),
}


@pytest.mark.parametrize("augment", REARRANGED.values(), ids=REARRANGED.keys())
def test_views_made_of_kept_ones_have_the_same_pixels(examples, opened, augment):
    keeping, anew = Loader(examples, SIZE), Loader(examples, SIZE, keep_bytes=0)
    for number in range(3):
        views = views_of(augment, number)
        order = np.random.default_rng(number).permutation(len(examples)).tolist()
        batches = [order[:5], order[5:6], [*order[6:], *order[:2]]]
        for batch in batches:
            np.testing.assert_array_equal(
                keeping.batch(batch, views), anew.batch(batch, views)
            )
    first, *others = (views_of(augment, number) for number in range(4))
    differ = [
        (keeping.batch(order, first) != keeping.batch(order, other)).any()
        for other in others
    ]
    assert all(differ) == any(differ) == bool(augment.operations)


def test_an_image_whose_central_view_is_kept_is_not_decoded_again(examples, opened):
    loader = Loader(examples, SIZE)
    indices = range(len(examples))
    for number in range(3):
        loader.batch(indices, CentralViews(CONFIG.central_crop))
        loader.batch(indices, views_of(PRESETS["cifar"], number))
    assert opened == dict.fromkeys([example.id for example in examples], 1)


def test_without_room_for_all_central_views_images_are_kept(examples, opened):
    all_views = len(examples) * SIZE * SIZE * 3
    for keep_bytes, times in ((all_views, 1), (all_views - 1, 2)):
        opened.clear()
        loader = Loader(examples, SIZE, keep_bytes=keep_bytes)
        for _ in range(2):
            loader.batch(range(len(examples)), CentralViews(1))
        assert max(opened.values()) == times


def test_views_that_no_memory_could_hold_are_loaded_one_by_one(examples):
    views, one = CentralViews(1), examples[:1]
    pixels = Loader(1_000_000 * one, 4096).batch([0], views)  # all views have 50 TB
    np.testing.assert_array_equal(pixels, Loader(one, 4096).batch([0], views))


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
    sha256 = hashlib.sha256((tmp_path / "a.jpg").read_bytes()).hexdigest()
    example = Example("a", Labels((0,)), None, tmp_path / "a.jpg", sha256=sha256)
    whole, part = views_of(Augment(crop=1.0)), views_of(Augment(crop=0.05))
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
