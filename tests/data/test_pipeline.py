"""Batches: seeded, repeatable, fair; views inside the picture."""

import hashlib
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from cnnxfer.data.dataset import Example
from cnnxfer.data.decode import decode
from cnnxfer.data.geometry import square_box, view
from cnnxfer.data.picture import Picture
from cnnxfer.data.pipeline import (
    Loader,
    central_batches,
    training_batches,
)
from cnnxfer.data.sources import folder
from cnnxfer.data.views import Augmentation
from cnnxfer.errors import DataError
from cnnxfer.reporting import Reporter

SIZE = 24
AUGMENTATION = Augmentation(crop=0.8, flip=True)


@pytest.fixture
def examples(photos_dir: Path) -> tuple[Example, ...]:
    return folder.load(str(photos_dir), Reporter()).examples


def batches_of(examples, count: int, *, batch_size: int = 8, **options):
    loader = Loader(examples, SIZE)
    options = {"augmentation": AUGMENTATION, "seed": 7, **options}
    return training_batches(loader, batch_size=batch_size, **options).take(count)


def pixels_of(batches: tf.data.Dataset) -> np.ndarray:
    return np.concatenate([pixels for pixels, _ in batches.as_numpy_iterator()])


class Recorder(Loader):
    """Notes which views were asked for, and returns black ones."""

    def __init__(self, count: int) -> None:
        examples = [Example(str(i), i, None, Path()) for i in range(count)]
        super().__init__(examples, 1)
        self.views: list[tuple[int, float, float, float, bool]] = []

    def view(self, index, fraction, across, down, flip):
        self.views.append((index, fraction, across, down, flip))
        return np.zeros((1, 1, 3), np.uint8)


def test_batches_are_bytes_with_their_labels(examples):
    [(pixels, labels)] = batches_of(examples, 1).as_numpy_iterator()
    assert (pixels.dtype, pixels.shape) == (np.uint8, (8, SIZE, SIZE, 3))
    assert (labels.dtype, labels.shape) == (np.int32, (8,))
    # Blue, green and red: the strongest channel tells the class.
    strongest = pixels.mean(axis=(1, 2)).argmax(axis=-1)
    assert len(set(labels)) > 1
    np.testing.assert_array_equal(labels, 2 - strongest)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_number_of_threads_changes_no_pixel(examples, threads):
    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    options.autotune.enabled = False
    found = pixels_of(batches_of(examples, 6).with_options(options))
    np.testing.assert_array_equal(found, pixels_of(batches_of(examples, 6)))


def test_another_process_draws_the_same_pixels(photos_dir: Path, examples):
    code = f"""
import hashlib, sys
from cnnxfer.data.pipeline import Loader, training_batches
from cnnxfer.data.sources import folder
from cnnxfer.data.views import Augmentation
from cnnxfer.reporting import Reporter
examples = folder.load(sys.argv[1], Reporter()).examples
batches = training_batches(
    Loader(examples, {SIZE}), Augmentation(0.8, True), batch_size=8, seed=7)
digest = hashlib.sha256()
for pixels, _ in batches.take(6).as_numpy_iterator():
    digest.update(pixels.tobytes())
print(digest.hexdigest())
"""
    command = [sys.executable, "-c", code, str(photos_dir)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    here = hashlib.sha256(pixels_of(batches_of(examples, 6)).tobytes())
    assert done.stdout.strip() == here.hexdigest()


def test_another_seed_draws_other_pixels(examples):
    one, other = (pixels_of(batches_of(examples, 2, seed=seed)) for seed in (1, 2))
    assert (one != other).mean() > 0.5


@pytest.mark.parametrize("epoch", [1, 2])
def test_an_epoch_is_the_same_without_the_ones_before(examples, epoch):
    steps = len(examples) // 8
    all_epochs = pixels_of(batches_of(examples, 3 * steps))
    alone = pixels_of(batches_of(examples, steps, first_epoch=epoch))
    expected = all_epochs[epoch * steps * 8 : (epoch + 1) * steps * 8]
    np.testing.assert_array_equal(alone, expected)


def test_epochs_differ(examples):
    first, second = (
        pixels_of(batches_of(examples, 2, first_epoch=epoch)) for epoch in (0, 1)
    )
    assert (first != second).mean() > 0.5


def labels_of(batches: tf.data.Dataset) -> list[list[int]]:
    return [labels.tolist() for _, labels in batches.as_numpy_iterator()]


def test_an_epoch_holds_each_image_at_most_once():
    loader = Recorder(30)
    batches = training_batches(loader, AUGMENTATION, batch_size=8, seed=0)
    drawn = labels_of(batches.take(3 * 40))  # three batches of eight an epoch
    assert all(len(labels) == 8 for labels in drawn)
    left_over = Counter()
    orders = set()
    for epoch in range(40):
        labels = [*chain(*drawn[3 * epoch : 3 * epoch + 3])]
        assert len(set(labels)) == 24
        left_over.update(set(range(30)) - set(labels))
        orders.add(tuple(labels))
    assert len(orders) == 40  # shuffled anew
    assert len(left_over) == 30  # and another rest each time


def test_crops_are_spread_over_the_picture_and_half_are_flipped():
    loader = Recorder(500)
    batches = training_batches(loader, AUGMENTATION, batch_size=500, seed=3)
    list(batches.take(4))
    views = np.array(loader.views, float)
    fraction, across, down, flipped = views[:, 1:].T
    assert set(fraction) == {0.8}
    for place in (across, down):
        assert 0 <= place.min() < 0.02
        assert 0.98 < place.max() < 1
        assert abs(place.mean() - 0.5) < 0.03
    assert abs(np.corrcoef(across, down)[0, 1]) < 0.08
    assert abs(flipped.mean() - 0.5) < 0.04


def test_without_flip_nothing_is_flipped():
    loader = Recorder(100)
    list(
        training_batches(loader, Augmentation(1, False), batch_size=100, seed=0).take(2)
    )
    assert not any(flip for *_, flip in loader.views)


def test_training_views_are_crops_of_the_picture(tmp_path: Path):
    # Red and green tell where a pixel lies, so a view tells its box.
    rows, columns = np.mgrid[:100, :160]
    pixels = np.stack([columns, rows, 0 * rows], -1).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    examples = [Example("a", 0, None, tmp_path / "a.png")] * 64
    flips = 0
    for seen in pixels_of(batches_of(examples, 8)).astype(float):
        mirrored = seen[0, 0, 0] > seen[0, -1, 0]
        flips += mirrored
        upright = seen[:, ::-1] if mirrored else seen
        left, right = upright[12, 0, 0], upright[12, -1, 0]
        top, bottom = upright[0, 12, 1], upright[-1, 12, 1]
        # 80 pixels wide and high, from the first pixel's middle to the last one's.
        assert abs((right - left) - 80 * (SIZE - 1) / SIZE) < 3
        assert abs((bottom - top) - 80 * (SIZE - 1) / SIZE) < 3
    assert 16 < flips < 48


STRONG = Augmentation(crop=0.8, flip=True, strong=True)


def test_strong_views_differ_in_size_and_light_and_can_be_drawn_again(examples):
    steps = len(examples) // 8
    drawn = pixels_of(batches_of(examples, 2 * steps, augmentation=STRONG))
    again = batches_of(examples, steps, augmentation=STRONG, first_epoch=1)
    np.testing.assert_array_equal(pixels_of(again), drawn[steps * 8 :])
    # One picture, again and again: the same disc, larger or smaller, more or less lit.
    alone = [examples[0]] * 64
    means = pixels_of(batches_of(alone, 1, batch_size=64, augmentation=STRONG)).mean(
        axis=(1, 2, 3)
    )
    light = pixels_of(batches_of(alone, 1, batch_size=64)).mean(axis=(1, 2, 3))
    assert means.std() > 3 * light.std()
    assert 0.5 < means.min() / light.mean() < 0.75
    assert 1.25 < means.max() / light.mean() < 1.6


@pytest.mark.parametrize("flip", [True, False])
def test_strong_views_are_flipped_if_they_may_be(tmp_path: Path, flip):
    pixels = np.zeros((90, 120, 3), np.uint8)
    pixels[..., :] = np.arange(20, 140)[:, None]  # brighter to the right
    Image.fromarray(pixels).save(tmp_path / "a.png")
    examples = [Example("a", 0, None, tmp_path / "a.png")] * 64
    augmentation = replace(STRONG, flip=flip)
    seen = pixels_of(batches_of(examples, 4, augmentation=augmentation)).astype(int)
    mirrored = (seen[:, 0, 0, 0] > seen[:, 0, -1, 0]).mean()
    assert 0.2 < mirrored < 0.8 if flip else mirrored == 0


def test_large_jpegs_are_seen_as_by_everybody_else(tmp_path: Path):
    noise = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    image = Image.fromarray(noise).resize((403, 301), Image.Resampling.BICUBIC)
    image.save(tmp_path / "a.jpg")
    example = Example("a", 0, None, tmp_path / "a.jpg")
    batches = central_batches(Loader([example], SIZE), 0.9, batch_size=1)
    picture = Picture(example.read())
    expected = picture.view(square_box(403, 301, 0.9, 0.5, 0.5), SIZE)
    np.testing.assert_array_equal(pixels_of(batches)[0], expected)
    plain = view(decode(example.read()), square_box(403, 301, 0.9, 0.5, 0.5), SIZE)
    assert (plain != expected).any()  # it was decoded at a reduced scale


def test_fewer_images_than_a_batch_are_no_endless_loop(examples):
    with pytest.raises(AssertionError):
        batches_of(examples[:7], 1, batch_size=8)


@pytest.mark.parametrize("fraction", [1.0, 0.875, 0.9])
def test_central_views_are_those_that_predict_sees(examples, fraction):
    batches = list(
        central_batches(
            Loader(examples, SIZE), fraction, batch_size=10
        ).as_numpy_iterator()
    )
    assert [len(labels) for _, labels in batches] == [10, 10, 10, 6]
    seen = np.concatenate([pixels for pixels, _ in batches])
    labels = np.concatenate([labels for _, labels in batches])
    assert labels.tolist() == [example.label for example in examples]
    for pixels, example in zip(seen, examples, strict=True):
        image = decode(example.read())
        box = square_box(image.width, image.height, fraction, 0.5, 0.5)
        np.testing.assert_array_equal(pixels, view(image, box, SIZE))


def test_central_boxes_are_exact():
    # float32 would make 0.9 into 0.89999998, and another box than predict's.
    loader = Recorder(3)
    list(central_batches(loader, 0.9, batch_size=2))
    assert {(fraction, *place) for _, fraction, *place in loader.views} == {
        (0.9, 0.5, 0.5, False)
    }


@pytest.mark.parametrize("kind", ["training", "central"])
def test_a_file_that_vanished_is_named(examples, kind):
    examples[5].path.unlink()
    loader = Loader(examples, SIZE)
    batches = (
        training_batches(loader, AUGMENTATION, batch_size=36, seed=0).take(1)
        if kind == "training"
        else central_batches(loader, 1, batch_size=36)
    )
    with pytest.raises(tf.errors.OpError):
        list(batches)
    assert isinstance(loader.failure, DataError)
    assert str(loader.failure) == (
        "blue/05.jpg cannot be read any more: no such file or directory"
    )


def test_a_sound_pipeline_has_no_failure(examples):
    loader = Loader(examples, SIZE)
    list(central_batches(loader, 1, batch_size=36))
    assert loader.failure is None


def test_labels_are_those_of_the_examples(examples):
    renumbered = [replace(example, label=9 - example.label) for example in examples]
    [(_, labels)] = central_batches(
        Loader(renumbered, SIZE), 1, batch_size=36
    ).as_numpy_iterator()
    assert labels.tolist() == [example.label for example in renumbered]


def test_a_process_can_end_while_pictures_are_read_ahead(photos_dir: Path):
    code = """
import sys, time
from cnnxfer.data import pipeline
from cnnxfer.data.pipeline import Loader, training_batches
from cnnxfer.data.sources import folder
from cnnxfer.data.views import Augmentation
from cnnxfer.reporting import Reporter

def slow_picture(content):  # in Python, so that it needs the interpreter to end
    end = time.monotonic() + 0.05
    while time.monotonic() < end:
        sum(range(1000))
    return picture(content)

picture, pipeline.Picture = pipeline.Picture, slow_picture
loader = Loader(folder.load(sys.argv[1], Reporter()).examples, 32)
batches = iter(training_batches(loader, Augmentation(0.9, True), batch_size=8, seed=1))
next(batches)
loader.close()
print("ended")
"""
    command = [sys.executable, "-c", code, str(photos_dir)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.returncode) == ("ended\n", 0)
