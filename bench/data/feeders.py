"""What feeds a training with pictures: cnnxfer, Keras, and a loader in torch's manner.

    python -m bench.data.feeders keras FOLDER --epochs 4

Goes through the pictures below FOLDER, which lie in class folders, as a training would
that takes no time, in batches of 32 at 224 pixels. Prints JSON: how many images an
epoch has, and the seconds of every epoch.

Each shows what `--augment textbook` does: a square of 90% of the shorter side,
anywhere, at 224 pixels, mirrored every other time.

cnnxfer       any level, as `cnnxfer LEVEL`; uint8 pixels, which the network normalizes.
              The first epoch decodes, the others find the pictures decoded in memory.
keras         `image_dataset_from_directory`, `RandomCrop` and `RandomFlip`. The crop is
              one of the middle square, at 224 of 249 pixels; without antialiasing.
keras-cached  the same, and what `image_dataset_from_directory` yields is kept in
              memory: pictures of 249 pixels, which are not shuffled any more.
torch         what `DataLoader` with a worker a core and torchvision's `RandomCrop`,
              `Resize` (bilinear, antialiased), `RandomHorizontalFlip`, `ToTensor` and
              `Normalize` do, without torch: processes that decode with Pillow and write
              float32 batches to shared memory.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from multiprocessing import Pool, RawArray
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SIZE, BATCH, CROP = 224, 32, 0.9
WORKERS = os.cpu_count() or 1
AHEAD = 2 * WORKERS  # batches: torch's `prefetch_factor`
MEAN = np.array([0.485, 0.456, 0.406], np.float32)[:, None, None]
SPREAD = np.array([0.229, 0.224, 0.225], np.float32)[:, None, None]

Batches = Iterator[Any]
Epochs = Generator[Batches, None, None]


def cnnxfer_epochs(folder: Path, level: str) -> Epochs:
    """Feeds from cnnxfer's own pipeline."""
    from cnnxfer.keras_backend import import_keras_quietly

    import_keras_quietly()
    from cnnxfer.config import PRESETS, Config
    from cnnxfer.data.feeding.loader import Loader
    from cnnxfer.data.feeding.pixels import training_batches
    from cnnxfer.data.preparing.index import build_index
    from cnnxfer.data.sources.folder import load
    from cnnxfer.reporting import Reporter

    rows = build_index(load(str(folder), Reporter()).examples, Reporter())
    examples = [row.example for row in rows]
    loader = Loader(examples, SIZE)
    steps = len(examples) // BATCH
    batches = iter(
        training_batches(
            loader,
            lambda indices, views: np.zeros((len(indices), 2), np.float32),
            Config(augment=PRESETS[level]),
            lambda epoch: np.random.default_rng(epoch).permutation(len(examples)),
            batch_size=BATCH,
            steps_per_epoch=steps,
        )
    )
    try:
        while True:
            yield (next(batches) for _ in range(steps))
    finally:
        loader.close()


def keras_epochs(folder: Path, cached: bool = False) -> Epochs:
    """Feeds as Keras's guides do."""
    from cnnxfer.keras_backend import import_keras_quietly

    import_keras_quietly()
    import keras
    import tensorflow as tf

    side = round(SIZE / CROP)
    pictures = keras.utils.image_dataset_from_directory(
        folder,
        image_size=(side, side),
        batch_size=BATCH,
        crop_to_aspect_ratio=True,
        verbose=False,
    )
    if cached:
        pictures = pictures.cache()
    change = keras.Sequential(
        [keras.layers.RandomCrop(SIZE, SIZE), keras.layers.RandomFlip("horizontal")]
    )
    batches = pictures.map(
        lambda pixels, labels: (change(pixels, training=True), labels),
        num_parallel_calls=tf.data.AUTOTUNE,
    ).prefetch(tf.data.AUTOTUNE)
    while True:
        yield iter(batches)


def torch_epochs(folder: Path) -> Epochs:
    """Feeds from processes that write to shared memory."""
    paths = sorted(folder.rglob("*.jpg"))
    shape = (AHEAD, BATCH, 3, SIZE, SIZE)
    shared = RawArray("f", int(np.prod(shape)))
    slots = np.frombuffer(shared, np.float32).reshape(shape)
    with Pool(WORKERS, _share, (slots,)) as pool:
        while True:
            yield _torch_epoch(pool, paths, slots)


def _torch_epoch(pool: Any, paths: Sequence[Path], slots: np.ndarray) -> Batches:
    order = random.sample(range(len(paths)), len(paths))
    batches = [
        [paths[index] for index in order[start : start + BATCH]]
        for start in range(0, len(order), BATCH)
    ]
    waiting: list[Any] = []
    for number, batch in enumerate(batches):
        if len(waiting) == AHEAD:
            yield slots[waiting.pop(0).get()]
        waiting.append(pool.apply_async(_torch_batch, (number % AHEAD, batch)))
    for done in waiting:
        yield slots[done.get()]


_slots: np.ndarray


def _share(slots: np.ndarray) -> None:
    global _slots
    _slots = slots


def _torch_batch(slot: int, paths: Sequence[Path]) -> int:
    _slots[slot, : len(paths)] = np.stack([_torch_view(path) for path in paths])
    return slot


def _torch_view(path: Path) -> np.ndarray:
    with path.open("rb") as stream:
        image = Image.open(stream).convert("RGB")
    side = int(CROP * min(image.size))
    left, top = (random.randint(0, length - side) for length in image.size)
    image = image.crop((left, top, left + side, top + side))
    image = image.resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    if random.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    pixels = np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1))
    view: np.ndarray = (pixels.astype(np.float32) / np.float32(255) - MEAN) / SPREAD
    return view


FEEDERS: dict[str, Callable[[Path], Epochs]] = {
    **{
        f"cnnxfer {level}": partial(cnnxfer_epochs, level=level)
        for level in ("none", "textbook", "light", "strong")
    },
    "keras": keras_epochs,
    "keras-cached": partial(keras_epochs, cached=True),
    "torch": torch_epochs,
}


def main() -> None:
    """Feeds as the options say."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("feeder", choices=FEEDERS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=4)
    options = parser.parse_args()
    images = len(list(options.folder.rglob("*.jpg")))
    assert images % BATCH == 0, f"{images} images are not whole batches"
    epochs = FEEDERS[options.feeder](options.folder)
    seconds = []
    for _, epoch in zip(range(options.epochs), epochs, strict=False):
        started = time.perf_counter()
        fed = sum(1 for _ in epoch)
        seconds.append(time.perf_counter() - started)
        assert fed * BATCH == images, f"{fed} batches of {images} images"
    epochs.close()
    print(json.dumps({"images": images, "seconds": seconds}))


if __name__ == "__main__":
    main()
