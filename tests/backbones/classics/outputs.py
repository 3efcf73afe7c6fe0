"""Writes what each classic network answers on the backend of Keras that is set.

A process has one backend, so this is a program: `python outputs.py FILE.npz`. The
weights and the pixels are the same on every backend.
"""

import math
import sys
import zlib

import keras
import numpy as np

from cnnxfer.backbones.backbone import Backbone
from cnnxfer.backbones.build import build_backbone
from cnnxfer.backbones.classics.catalog import classics
from cnnxfer.networks.auxiliary import AuxiliaryLosses, with_auxiliary_classifiers
from cnnxfer.networks.classifier import build_classifier
from cnnxfer.tasks.class_task import POOLED

CLASSES = 3


def drawn_weights(model: keras.Model, seed: int) -> list[np.ndarray]:
    """Returns random weights with which no layer is silent, and no two are alike."""
    random = np.random.default_rng(seed)
    values = []
    for weight in model.weights:
        shape = weight.shape
        if len(shape) > 1:
            deviation = math.sqrt(2 / math.prod(shape[:-1]))
            values.append(random.normal(0, deviation, shape))
        elif weight.path.endswith(("gamma", "moving_variance")):
            values.append(random.uniform(0.9, 1.1, shape))
        else:
            values.append(random.uniform(-0.1, 0.1, shape))
    return values


def outputs(entry: Backbone) -> dict[str, np.ndarray]:
    """Returns the last maps and the logits of a network, and more, by names."""
    found, size = {}, entry.min_size
    # Its own head, too, if that is not most of the network.
    if entry.parameters < 10_000_000 and size == entry.image_size:
        whole = build_backbone(entry, image_size=size, include_top=True)
        whole.set_weights(drawn_weights(whole, 1))
        shape = (2, *whole.input_shape[1:])
        pixels = np.random.default_rng(2).normal(size=shape).astype("float32")
        found[f"{entry.name} whole"] = answer(whole, pixels)
    model = build_classifier(
        entry, image_size=size, num_classes=CLASSES, dropout=0.2, head="euclidean"
    )
    model.set_weights(drawn_weights(model, zlib.crc32(entry.name.encode())))
    both = keras.Model(model.input, [model.get_layer(POOLED).input, model.output])
    shape = (2, size, size, 3)
    pixels = np.random.default_rng(3).uniform(0, 255, shape).astype("float32")
    maps, logits = answer(both, pixels)
    found |= {f"{entry.name} maps": maps, f"{entry.name} logits": logits}
    if entry.auxiliary:
        found[f"{entry.name} loss"] = first_loss(model, entry, pixels)
    return found


def answer(model: keras.Model, pixels: np.ndarray) -> object:
    """Calls a model once, for which compiling it would take too long."""
    return keras.tree.map_structure(
        keras.ops.convert_to_numpy, model(pixels, training=False)
    )


def first_loss(model: keras.Model, entry: Backbone, pixels: np.ndarray) -> np.ndarray:
    """Returns the loss of an update of all layers, without what is random."""
    network = with_auxiliary_classifiers(model, entry)
    network.set_weights(drawn_weights(network, 4))
    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
        # The deviation of two pictures would enlarge errors of rounding.
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
    training = AuxiliaryLosses(network, entry.auxiliary.weight)
    training.compile(
        keras.optimizers.SGD(1e-3),
        keras.losses.CategoricalCrossentropy(from_logits=True),
        run_eagerly=True,
    )
    before = np.array(keras.ops.convert_to_numpy(network.trainable_weights[0]))
    loss = training.train_on_batch(pixels, np.eye(CLASSES, dtype="float32")[:2])
    after = keras.ops.convert_to_numpy(network.trainable_weights[0])
    assert not np.array_equal(before, after)
    return np.asarray(loss)


if __name__ == "__main__":
    found = {
        name: values for entry in classics() for name, values in outputs(entry).items()
    }
    np.savez(sys.argv[1], **found)
