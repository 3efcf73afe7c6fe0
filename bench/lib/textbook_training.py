"""The textbook's two phases of training, which benchmarks measure against.

    python -m bench.lib.textbook_training --backbone efficientnet-lite0 --seed 1
    python -m bench.lib.textbook_training --tune-epochs 10

"Hands-On Machine Learning with Scikit-Learn, Keras & TensorFlow" by Aurélien Géron,
chapter 14, "Pretrained Models for Transfer Learning": every epoch decodes, crops and
flips the pictures one after the other, and runs the whole backbone on them. With
`--tune-epochs`, all layers then learn on at a lower rate, BatchNormalization with them,
as it does in Keras. Nothing is tuned. Only what Keras 3 has no more is put differently:
the optimizer's `decay` is a schedule. Any backbone of cnnxfer's catalog will do; with
ImageNet weights its normalization is the one that they were trained with.

The last line that it prints is JSON. For each phase, `frozen` and `tuned`, it holds the
seconds of `fit`, the accuracy on validation after each epoch, and the accuracy on the
test images after the last one.
TensorFlow Datasets finds tf_flowers by TFDS_DATA_DIR. Five epochs of Xception take
about ten minutes on two cores, of MobileNet 0.25 one and a half. An epoch of
fine-tuning takes half a minute with MobileNet 0.25, four minutes with
EfficientNet-Lite0.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf
import tensorflow_datasets as tfds

from cnnxfer.backbones.backbone import Backbone
from cnnxfer.backbones.build import NORMALIZATIONS, build_backbone
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.weights import ensure_weights
from cnnxfer.reporting import Reporter

IMAGE_SIZE = 224
BATCH_SIZE = 32
SLICES = {
    "train": "train[25%:]",
    "validation": "train[10%:25%]",
    "test": "train[:10%]",
}


def train(
    backbone: Backbone, *, pretrained: bool, epochs: int, tune_epochs: int, seed: int
) -> dict[str, Any]:
    """Trains a softmax head on a frozen backbone with tf_flowers, then all layers.

    Args:
        backbone: the catalog's entry.
        pretrained: whether the weights are those of ImageNet; otherwise they are
            random.
        epochs: the number of epochs of the frozen phase.
        tune_epochs: the number of epochs of fine-tuning; 0 for no fine-tuning.
        seed: the seed of everything that is random.

    Returns:
        The results of the phases `frozen` and, if there is fine-tuning, `tuned`. Each
        has `seconds`, the duration of `fit` with validation; `val_accuracy`, a fraction
        for each epoch; and `test_accuracy`, a fraction.
    """
    keras.utils.set_random_seed(seed)
    slices, info = tfds.load(
        "tf_flowers", split=SLICES, as_supervised=True, with_info=True
    )
    pictures = slices["train"].shuffle(1000).repeat().map(_random_view)
    validation, test = (
        slices[part].map(_central_view).batch(BATCH_SIZE).prefetch(1)
        for part in ("validation", "test")
    )
    network = _network(backbone, pretrained)
    model = _classifier(backbone, network, info.features["label"].num_classes)

    def fit(rate: float, decay: float, nesterov: bool, epochs: int) -> dict[str, Any]:
        decaying = keras.optimizers.schedules.InverseTimeDecay(
            rate, decay_steps=1, decay_rate=decay
        )
        model.compile(
            optimizer=keras.optimizers.SGD(decaying, momentum=0.9, nesterov=nesterov),
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
        started = time.perf_counter()
        history = model.fit(
            pictures.batch(BATCH_SIZE).prefetch(1),
            steps_per_epoch=len(slices["train"]) // BATCH_SIZE,
            epochs=epochs,
            validation_data=validation,
            verbose=2,
        ).history
        seconds = time.perf_counter() - started
        _, test_accuracy = model.evaluate(test, verbose=0)
        return {
            "seconds": seconds,
            "val_accuracy": history["val_accuracy"],
            "test_accuracy": test_accuracy,
        }

    network.trainable = False
    result = {"frozen": fit(0.2, 0.01, False, epochs)}
    if tune_epochs:
        network.trainable = True
        result["tuned"] = fit(0.01, 0.001, True, tune_epochs)
    return result


def _network(backbone: Backbone, pretrained: bool) -> keras.Model:
    weights_path = None
    if pretrained:
        weights_path = ensure_weights(backbone, include_top=False, reporter=Reporter())
    return build_backbone(backbone, image_size=IMAGE_SIZE, weights_path=weights_path)


def _classifier(
    backbone: Backbone, network: keras.Model, num_classes: int
) -> keras.Model:
    pixels = keras.Input((IMAGE_SIZE, IMAGE_SIZE, 3))
    x = network(NORMALIZATIONS[backbone.normalization](pixels))
    # (batch, height, width, channels) -> (batch, channels)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(num_classes, activation="softmax")(x)
    return keras.Model(pixels, x)


def _random_view(image: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Cuts out a square of 90% of the shorter side, anywhere, mirrored or not."""
    height, width = tf.unstack(tf.shape(image)[:2])
    side = tf.minimum(height, width) * 90 // 100
    square = tf.image.random_crop(image, (side, side, 3))
    return _resized(tf.image.random_flip_left_right(square)), label


def _central_view(image: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Cuts out a square of the shorter side, a quarter along the longer one."""
    height, width = tf.unstack(tf.shape(image)[:2])
    side = tf.minimum(height, width)
    top, left = (height - side) // 4, (width - side) // 4
    return _resized(image[top : top + side, left : left + side]), label


def _resized(square: tf.Tensor) -> tf.Tensor:
    return tf.image.resize(square, (IMAGE_SIZE, IMAGE_SIZE))  # without antialiasing


def main() -> None:
    """Trains as the options say."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--backbone",
        choices=BACKBONES.names(),
        default="mobilenet-0.25",
        metavar="NAME",
        help="a backbone of the catalog",
    )
    parser.add_argument("--weights", choices=("imagenet", "none"), default="imagenet")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument(
        "--tune-epochs", type=int, default=0, help="of fine-tuning; 0 for none"
    )
    parser.add_argument("--seed", type=int, default=42)
    options = parser.parse_args()
    result = train(
        BACKBONES.get(options.backbone),
        pretrained=options.weights == "imagenet",
        epochs=options.epochs,
        tune_epochs=options.tune_epochs,
        seed=options.seed,
    )
    print(json.dumps(result))


if __name__ == "__main__":
    main()
