"""The textbook's loop over pictures, which benchmarks measure against.

    python -m bench.predict.textbook_loop photographs/ --images 100

Each file is opened with Pillow and resized to the backbone's size, gets its
`preprocess_input`, goes through `model.predict` by itself, and `decode_predictions`
names the best five: the loop of "Hands-On Machine Learning with Scikit-Learn, Keras &
TensorFlow" by Aurélien Géron, chapter 14, "Using Pretrained Models from Keras", and of
the usage examples on https://keras.io/api/applications/. With `--batch 32`, 32
pictures go through each `model.predict`. Nothing is tuned.

Any backbone of cnnxfer's catalog will do. ImageNet weights have to be on this machine.
Random ones, for which no file is loaded, get a head of one layer over the pooled
features: the network that `cnnxfer predict` is given for the comparison.

The one line that it prints is JSON: the seconds of the loop, and those until the first
answer.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras.applications import imagenet_utils
from PIL import Image

from cnnxfer.backbones.backbone import Backbone
from cnnxfer.backbones.build import build_backbone
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.imagenet import imagenet_classes
from cnnxfer.backbones.weight_files import keras_models_dir
from cnnxfer.backbones.weights import find_weights

TOP = 5
Decode = Callable[[np.ndarray], list[list[tuple[str, str, float]]]]


def predict(backbone: Backbone, paths: Sequence[Path], batch: int) -> dict[str, float]:
    """Names the classes of each image, `batch` images at a time.

    Returns:
        `loop_seconds`, the seconds of the whole loop, and `first_seconds`, those until
        the first batch is answered.
    """
    model, size, decode = _network(backbone), backbone.image_size, _decoder()
    started = time.perf_counter()
    seconds = []
    for at in range(0, len(paths), batch):
        pixels = [
            np.array(Image.open(path).convert("RGB").resize((size, size)))
            for path in paths[at : at + batch]
        ]
        x = _preprocess_input(np.stack(pixels).astype("float32"), backbone)
        decode(model.predict(x, verbose=0))
        seconds.append(time.perf_counter() - started)
    return {"loop_seconds": seconds[-1], "first_seconds": seconds[0]}


def _network(backbone: Backbone) -> keras.Model:
    weights_path = find_weights(backbone, include_top=True)
    network = build_backbone(
        backbone,
        image_size=backbone.image_size,
        include_top=weights_path is not None,
        weights_path=weights_path,
    )
    if weights_path:
        return network
    x = keras.layers.GlobalAveragePooling2D()(network.output)
    x = keras.layers.Dense(len(imagenet_classes()), activation="softmax")(x)
    return keras.Model(network.input, x)


def _preprocess_input(x: np.ndarray, backbone: Backbone) -> np.ndarray:
    """Does what the backbone's own `preprocess_input` does; families have own modes."""
    if backbone.normalization == "built_in":
        return x
    if backbone.normalization == "lite":
        return (x - 127) / 128
    normalized: np.ndarray = imagenet_utils.preprocess_input(
        x, mode=backbone.normalization
    )
    return normalized


def _decoder() -> Decode:
    # Keras would download its names if it had to.
    if (keras_models_dir() / "imagenet_class_index.json").is_file():
        return lambda outputs: imagenet_utils.decode_predictions(outputs, top=TOP)
    classes = imagenet_classes()
    return lambda outputs: [
        [
            (classes[i].class_id, classes[i].label, float(row[i]))
            for i in np.argsort(row)[: -TOP - 1 : -1]
        ]
        for row in outputs
    ]


def main() -> None:
    """Predicts as the options say."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="a folder of images only")
    parser.add_argument(
        "--backbone",
        choices=BACKBONES.names(),
        default="efficientnet-lite0",
        metavar="NAME",
        help="a backbone of the catalog",
    )
    parser.add_argument("--images", type=int, help="only the first N, by name")
    parser.add_argument("--batch", type=int, default=1)
    options = parser.parse_args()
    paths = sorted(options.folder.iterdir())[: options.images]
    print(json.dumps(predict(BACKBONES.get(options.backbone), paths, options.batch)))


if __name__ == "__main__":
    main()
