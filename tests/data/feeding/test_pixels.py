"""Tests that batches of pixels are seeded and repeatable, and use images evenly."""

import hashlib
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from cnnxfer.config import PRESETS, Augment, Config
from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import Example
from cnnxfer.data.feeding.loader import Loader
from cnnxfer.data.feeding.pixels import central_batches, training_batches
from cnnxfer.data.images.boxes import square_box, view
from cnnxfer.data.images.decode import decode
from cnnxfer.data.images.picture import Picture
from cnnxfer.data.preparing.index import build_index
from cnnxfer.data.sources import folder
from cnnxfer.data.views.views import CentralViews, pixel_batches, training_views
from cnnxfer.errors import DataError
from cnnxfer.reporting import Reporter

SIZE, BATCH = 24, 8
LIGHT = Config(augment=Augment(crop=0.8, flip=True), seed=7)
ALL = Augment(
    crop=0.8,
    flip=True,
    rotation=20.0,
    hue=20.0,
    blur=1.0,
    noise=10.0,
    cutout=0.2,
    randaugment=2,
    mixup=0.5,
    cutmix=1.0,
)
EVERYTHING = replace(LIGHT, augment=ALL)


def read_examples(root: Path) -> list[Example]:
    rows = build_index(folder.load(str(root), Reporter()).examples, Reporter())
    return sorted((row.example for row in rows), key=lambda example: example.sha256)


@pytest.fixture
def examples(photos_dir: Path) -> list[Example]:
    return read_examples(photos_dir)


def shuffled(count: int):
    return lambda epoch: np.random.default_rng(epoch).permutation(count)


def batches_of(examples, count: int, config: Config = LIGHT, **options):
    targets = np.eye(3, dtype=np.float32)[[example.label for example in examples]]
    batch_size = options.pop("batch_size", BATCH)
    return training_batches(
        Loader(examples, SIZE),
        lambda indices, views: targets[indices],
        config,
        options.pop("order", shuffled(len(examples))),
        batch_size=batch_size,
        steps_per_epoch=len(examples) // batch_size,
        **options,
    ).take(count)


def pixels_and_targets_of(batches: tf.data.Dataset) -> tuple[np.ndarray, np.ndarray]:
    pixels, targets = zip(*batches.as_numpy_iterator(), strict=True)
    return np.concatenate(pixels), np.concatenate(targets)


def pixels_of(batches: tf.data.Dataset) -> np.ndarray:
    return pixels_and_targets_of(batches)[0]


def test_batches_are_bytes_with_their_targets(examples):
    batches = batches_of(examples, 1)
    assert batches.element_spec == (
        tf.TensorSpec((BATCH, SIZE, SIZE, 3), tf.uint8),
        tf.TensorSpec((BATCH, 3), tf.float32),
    )
    pixels, targets = pixels_and_targets_of(batches)
    # Blue, green and red: the strongest channel tells the class.
    strongest = pixels.mean(axis=(1, 2)).argmax(axis=-1)
    labels = targets.argmax(axis=1)
    assert len(set(labels)) > 1
    np.testing.assert_array_equal(labels, 2 - strongest)
    np.testing.assert_array_equal(targets, np.eye(3)[labels])


def test_an_epoch_has_the_views_of_its_number_in_shuffled_order(examples):
    steps = len(examples) // BATCH
    pixels = pixels_of(batches_of(examples, 3 * steps))
    for epoch in range(3):
        order = shuffled(len(examples))(epoch)[: steps * BATCH]
        (expected,) = pixel_batches(
            [examples[index] for index in order],
            [training_views(LIGHT, epoch)],
            image_size=SIZE,
            batch_size=len(order),
        )
        found = pixels[epoch * len(order) : (epoch + 1) * len(order)]
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("config", [LIGHT, EVERYTHING], ids=["light", "everything"])
@pytest.mark.parametrize("threads", [1, 2])
def test_pixels_do_not_depend_on_the_number_of_threads(examples, threads, config):
    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    options.autotune.enabled = False
    found = pixels_and_targets_of(batches_of(examples, 6, config).with_options(options))
    expected = pixels_and_targets_of(batches_of(examples, 6, config))
    for mine, its in zip(found, expected, strict=True):
        np.testing.assert_array_equal(mine, its)


@pytest.mark.parametrize("config", [LIGHT, EVERYTHING], ids=["light", "everything"])
def test_a_renamed_copy_has_the_same_pixels(photos_dir: Path, examples, config):
    copy = photos_dir.with_name("copy")
    for number, example in enumerate(examples):
        target = copy / example.path.parent.name / f"{number}.jpeg"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(example.path, target)
    again = read_examples(copy)
    assert {one.id for one in again}.isdisjoint(one.id for one in examples)
    found = pixels_and_targets_of(batches_of(again, 6, config))
    for mine, its in zip(
        found, pixels_and_targets_of(batches_of(examples, 6, config)), strict=True
    ):
        np.testing.assert_array_equal(mine, its)


def test_another_process_draws_the_same_pixels(photos_dir: Path, examples):
    code = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_pixels import EVERYTHING, batches_of, digest_of, read_examples
print(digest_of(batches_of(read_examples(Path(sys.argv[1])), 6, EVERYTHING)))
"""
    here = Path(__file__).parent
    command = [sys.executable, "-c", code, str(photos_dir), str(here)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == digest_of(batches_of(examples, 6, EVERYTHING))


def digest_of(batches: tf.data.Dataset) -> str:
    digest = hashlib.sha256()
    for arrays in pixels_and_targets_of(batches):
        digest.update(arrays.tobytes())
    return digest.hexdigest()


def test_another_seed_gives_other_pixels(examples):
    one, other = (
        pixels_of(batches_of(examples, 2, replace(LIGHT, seed=seed))) for seed in (1, 2)
    )
    assert (one != other).mean() > 0.5


@pytest.mark.parametrize("config", [LIGHT, EVERYTHING], ids=["light", "everything"])
@pytest.mark.parametrize("epoch", [1, 2])
def test_an_epoch_does_not_depend_on_earlier_ones(examples, epoch, config):
    steps = len(examples) // BATCH
    all_epochs = pixels_and_targets_of(batches_of(examples, 3 * steps, config))
    alone = pixels_and_targets_of(
        batches_of(examples, steps, config, first_step=epoch * steps)
    )
    images = slice(epoch * steps * BATCH, (epoch + 1) * steps * BATCH)
    for mine, its in zip(alone, all_epochs, strict=True):
        np.testing.assert_array_equal(mine, its[images])


def test_epochs_have_different_views(examples):
    order = np.arange(len(examples))
    steps = len(order) // BATCH
    first, second = (
        pixels_of(
            batches_of(examples, 2, first_step=epoch * steps, order=lambda _: order)
        )
        for epoch in (0, 1)
    )
    assert (first != second).mean() > 0.5


def test_each_step_of_an_epoch_is_mixed_differently(examples):
    # The same images in the same order: what is left is how they are mixed.
    mixing = replace(LIGHT, augment=Augment(mixup=1.0))
    again = [examples[0]] * 36
    targets = np.eye(36, dtype=np.float32)
    batches = training_batches(
        Loader(again, SIZE),
        lambda indices, views: targets[indices],
        mixing,
        lambda epoch: np.arange(36),
        batch_size=4,
        steps_per_epoch=9,
    )
    _, mixed = pixels_and_targets_of(batches.take(18))
    shares = [tuple(row[row > 0].round(4)) for row in mixed]
    assert len(set(shares)) > 18 * 4 / 2


def test_an_order_with_too_few_images_is_an_error(examples):
    with pytest.raises(tf.errors.OpError, match="too few images"):
        list(batches_of(examples, 5, order=lambda epoch: np.arange(20)))


def test_training_views_are_crops_of_the_picture(tmp_path: Path):
    # Red and green tell where a pixel lies, so a view tells its box.
    rows, columns = np.mgrid[:100, :160]
    pixels = np.stack([columns, rows, 0 * rows], -1).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    known = hashlib.sha256((tmp_path / "a.png").read_bytes()).hexdigest()
    examples = [Example("a", Labels((0,)), None, tmp_path / "a.png", sha256=known)] * 8
    flips = 0
    for seen in pixels_of(batches_of(examples, 40)).astype(float)[::8]:
        mirrored = seen[0, 0, 0] > seen[0, -1, 0]
        flips += mirrored
        upright = seen[:, ::-1] if mirrored else seen
        left, right = upright[12, 0, 0], upright[12, -1, 0]
        top, bottom = upright[0, 12, 1], upright[-1, 12, 1]
        # 80 pixels wide and high, from the first pixel's middle to the last one's.
        assert abs((right - left) - 80 * (SIZE - 1) / SIZE) < 3
        assert abs((bottom - top) - 80 * (SIZE - 1) / SIZE) < 3
    assert 10 < flips < 30


def test_large_jpegs_are_decoded_at_a_reduced_scale(tmp_path: Path):
    noise = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    image = Image.fromarray(noise).resize((403, 301), Image.Resampling.BICUBIC)
    image.save(tmp_path / "a.jpg")
    example = Example("a", Labels((0,)), None, tmp_path / "a.jpg")
    batches = central_batches(Loader([example], SIZE), CentralViews(0.9), batch_size=1)
    picture = Picture(example.read())
    expected = picture.view(square_box(403, 301, 0.9, 0.5, 0.5), SIZE)
    [pixels] = batches.as_numpy_iterator()
    np.testing.assert_array_equal(pixels[0], expected)
    plain = view(decode(example.read()), square_box(403, 301, 0.9, 0.5, 0.5), SIZE)
    assert (plain != expected).any()  # it was decoded at a reduced scale


def test_fewer_images_than_a_batch_are_refused(examples):
    with pytest.raises(AssertionError):
        batches_of(examples[:7], 1)


@pytest.mark.parametrize("fraction", [1.0, 0.875, 0.9])
def test_central_batches_have_the_central_view_of_each_image(examples, fraction):
    batches = central_batches(
        Loader(examples, SIZE), CentralViews(fraction), batch_size=10
    )
    assert batches.element_spec == tf.TensorSpec((None, SIZE, SIZE, 3), tf.uint8)
    pixels = list(batches.as_numpy_iterator())
    assert [len(batch) for batch in pixels] == [10, 10, 10, 6]
    for seen, example in zip(np.concatenate(pixels), examples, strict=True):
        image = decode(example.read())
        box = square_box(image.width, image.height, fraction, 0.5, 0.5)
        np.testing.assert_array_equal(seen, view(image, box, SIZE))


def test_without_augmentation_training_uses_the_central_views(examples):
    config = replace(LIGHT, augment=PRESETS["none"], central_crop=0.9)
    order = np.arange(len(examples))
    found = pixels_of(batches_of(examples, 4, config, order=lambda epoch: order))
    expected = Loader(examples, SIZE).batch(range(32), CentralViews(0.9))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("kind", ["training", "central"])
def test_the_error_names_a_file_that_was_deleted(examples, kind):
    examples[5].path.unlink()
    loader = Loader(examples, SIZE)
    batches = (
        training_batches(
            loader,
            lambda indices, views: np.zeros((len(indices), 3), np.float32),
            LIGHT,
            shuffled(36),
            batch_size=36,
            steps_per_epoch=1,
        ).take(1)
        if kind == "training"
        else central_batches(loader, CentralViews(1), batch_size=36)
    )
    with pytest.raises(tf.errors.OpError):
        list(batches)
    assert isinstance(loader.failure, DataError)
    assert str(loader.failure) == (
        f"{examples[5].id} cannot be read any more: no such file or directory"
    )


def test_without_errors_the_loader_has_no_failure(examples):
    loader = Loader(examples, SIZE)
    list(central_batches(loader, CentralViews(1), batch_size=36))
    assert loader.failure is None


def test_a_process_can_end_while_pictures_are_read_ahead(photos_dir: Path):
    code = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import numpy as np
from test_pixels import LIGHT, read_examples, shuffled
from cnnxfer.data.feeding import loader as module
from cnnxfer.data.feeding.loader import Loader
from cnnxfer.data.feeding.pixels import training_batches

def slow_picture(example):  # in Python, so that it needs the interpreter to end
    end = time.monotonic() + 0.05
    while time.monotonic() < end:
        sum(range(1000))
    return open_picture(example)

open_picture, module.open_picture = module.open_picture, slow_picture
examples = read_examples(Path(sys.argv[1]))
loader = Loader(examples, 32, keep_bytes=0)
targets = lambda indices, views: np.zeros((len(indices), 3), np.float32)
batches = training_batches(
    loader, targets, LIGHT, shuffled(len(examples)), batch_size=8, steps_per_epoch=4)
iterator = iter(batches)
next(iterator)
loader.close()
print("ended")
"""
    here = Path(__file__).parent
    command = [sys.executable, "-c", code, str(photos_dir), str(here)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert (done.stdout, done.returncode) == ("ended\n", 0), done.stderr


def test_an_image_repeated_within_an_epoch_gets_different_views(
    photos_dir: Path,
) -> None:
    path = next(photos_dir.glob("*/*.jpg"))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    batches = training_batches(
        Loader([Example("a", Labels((0,)), None, path, sha256=sha256)], 32),
        lambda indices, views: np.ones((len(indices), 2), np.float32),
        Config(),
        lambda epoch: np.zeros(4, int),
        batch_size=2,
        steps_per_epoch=2,
    )
    pixels = [view for seen, _ in batches.take(2).as_numpy_iterator() for view in seen]
    assert len({view.tobytes() for view in pixels}) == 4
