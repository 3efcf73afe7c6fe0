"""The textbook's way to train a network from scratch, which is measured against.

    python -m bench.scratch.keras_loop lenet5 mnist.zip --epochs 10
    python -m bench.scratch.keras_loop se-resnet20 cifar10.zip --seconds 1200

As in "Hands-On Machine Learning with Scikit-Learn, Keras & TensorFlow" by Aurélien
Géron, chapter 14: the pictures are decoded once and lie in an array, and `fit` goes
through them with Nadam at its default rate, 32 at a time. They are not augmented, and
nothing is tuned. The network is that of cnnxfer's catalog, with its normalization and
a softmax head. A tenth of the training pictures, drawn at random, is the validation
part, and the epoch that is best on it is kept, as cnnxfer does.

The last line that it prints is JSON: the number of training images, the seconds of each
whole epoch with its validation, the accuracy on validation of the best epoch, and the
accuracy on the test images, which are read once.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import os
import time
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import ZipFile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from PIL import Image

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.networks.classifier import build_classifier

BATCH_SIZE = 32
VALIDATION_SHARE = 0.1


def train(
    backbone: str,
    archive: Path,
    *,
    image_size: int,
    epochs: int,
    seconds: float,
    seed: int,
) -> dict[str, Any]:
    """Trains a network of the catalog on an archive with a train and a test folder.

    Args:
        backbone: the name of the network.
        archive: a zip with files `train/CLASS/NAME` and `test/CLASS/NAME`.
        image_size: the side of the network's input, to which pictures are scaled.
        epochs: the largest number of epochs.
        seconds: the longest time of `fit`, which ends within an epoch if need be.
        seed: the seed of everything that is random.

    Returns:
        `images`, the number of training images; `epoch_seconds`, a list; and the
        fractions `val_accuracy` and `test_accuracy`.
    """
    keras.utils.set_random_seed(seed)
    with ZipFile(archive) as files:
        pixels, labels = read_pictures(files, "train", image_size)
        test = read_pictures(files, "test", image_size)
    order = np.random.default_rng(seed).permutation(len(labels))
    held_out, rest = np.split(order, [round(VALIDATION_SHARE * len(labels))])
    model = build_classifier(
        BACKBONES.get(backbone),
        image_size=image_size,
        num_classes=int(labels.max()) + 1,
        dropout=0.0,
    )
    model.compile(
        optimizer="nadam",
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    watch = _Watch(seconds)
    model.fit(
        pixels[rest],
        labels[rest],
        batch_size=BATCH_SIZE,
        epochs=epochs,
        validation_data=(pixels[held_out], labels[held_out]),
        callbacks=[watch],
        verbose=2,
    )
    model.set_weights(watch.weights)
    _, test_accuracy = model.evaluate(*test, verbose=0)
    return {
        "images": len(rest),
        "epoch_seconds": watch.epoch_seconds,
        "val_accuracy": watch.val_accuracy,
        "test_accuracy": test_accuracy,
    }


def read_pictures(
    files: ZipFile, part: str, image_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Decodes the pictures of a folder in an archive.

    Returns:
        uint8 `(images, size, size, 3)` and int64 labels `(images,)`; classes are in
        the order of their names.
    """
    paths = [PurePosixPath(name) for name in sorted(files.namelist())]
    paths = [path for path in paths if len(path.parts) == 3 and path.parts[0] == part]
    classes = sorted({path.parts[1] for path in paths})
    pixels = np.empty((len(paths), image_size, image_size, 3), np.uint8)
    for row, path in zip(pixels, paths, strict=True):
        image = Image.open(io.BytesIO(files.read(str(path)))).convert("RGB")
        row[:] = np.asarray(image.resize((image_size, image_size)))
    return pixels, np.array([classes.index(path.parts[1]) for path in paths])


class _Watch(keras.callbacks.Callback):
    """Keeps the best weights and the seconds of whole epochs; ends `fit` in time."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.val_accuracy = -1.0
        self.weights: Sequence[np.ndarray] = []
        self.epoch_seconds: list[float] = []
        self._ends = time.perf_counter() + seconds
        self._epoch_began = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch_began = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if time.perf_counter() >= self._ends:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        if not self.model.stop_training:
            self.epoch_seconds.append(time.perf_counter() - self._epoch_began)
        if logs["val_accuracy"] > self.val_accuracy:
            self.val_accuracy = logs["val_accuracy"]
            self.weights = self.model.get_weights()


def main() -> None:
    """Trains as the options say."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("backbone", choices=BACKBONES.names(), metavar="BACKBONE")
    parser.add_argument("archive", type=Path)
    parser.add_argument("--image-size", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=math.inf)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(json.dumps(train(**vars(options))))


if __name__ == "__main__":
    main()
