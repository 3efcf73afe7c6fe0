"""A head learned from kept features: what the backbone makes of each image, once.

A frozen backbone gives the same answer in every epoch. So it runs once for each image
and view, in the fastest engine that agrees with Keras; the head learns from what was
kept; then the whole network is put together and compared with what the head answered.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import keras
import numpy as np

from cnnxfer.engines.agreement import Verdict, compare
from cnnxfer.engines.engine import Engine
from cnnxfer.networks.cut import POOLED, behind, network_at
from cnnxfer.tasks.targets import targets_of
from cnnxfer.training.activations.engines import (
    activations_of_parts,
    central_pixels,
    disagreement,
    engines_for,
    evenly_spaced,
)
from cnnxfer.training.activations.store import ActivationStore
from cnnxfer.training.phases.head import Head, HeadSettings, fit_head
from cnnxfer.training.task import Task

# Of features whose spread is 1. Chosen by cross-validation on training images: the loss
# on those held out falls from 0.294 to 0.273 (EfficientNet-Lite0, tf_flowers) and from
# 0.481 to 0.432 (MobileNet 0.25).
WEIGHT_DECAY = 1.0
# Fewer epochs cut off the last ones of a cosine, which are its best.
PATIENCE = 10


@dataclass(frozen=True)
class Learned:
    """What came of a task.

    Attributes:
        head: the trained head, which the classifier now has.
        engine: what computed the features.
        verdict: on the classifier's answers beside the head's.
    """

    head: Head
    engine: Engine
    verdict: Verdict


def feature_bytes(task: Task, classifier: keras.Model) -> int:
    """Returns how much all pooled features of a task take in the cache."""
    parts = task.parts
    rows = task.config.views * len(parts.train) + len(parts.validation)
    channels = math.prod(classifier.get_layer(POOLED).output.shape[1:])
    return ActivationStore.size_bytes(rows, channels)


def learn_head(task: Task, classifier: keras.Model, store: ActivationStore) -> Learned:
    """Trains the classifier's head on features, and checks the whole against it.

    Args:
        task: what to learn.
        classifier: from `task.build_classifier`, in float32; its head gets the
            weights that do best on validation.
        store: where features are kept.

    Raises:
        DataError: if an image cannot be read any more.
        RunError: if an engine that was asked for strays from Keras.
    """
    objective = task.objective(task.config.frozen.label_smoothing)
    num_classes = len(task.class_names)
    samples = evenly_spaced(len(task.parts.validation))
    pixels = central_pixels(task, [task.parts.validation[i] for i in samples])
    network = network_at(classifier, task.backbone, POOLED)
    # One model for both comparisons with Keras: compiling it takes seconds.
    pooled = classifier.get_layer(POOLED).output
    whole = keras.Model(classifier.input, [pooled, classifier.output])

    def reference(pixels: np.ndarray) -> np.ndarray:
        features: np.ndarray = whole.predict_on_batch(pixels)[0]
        return features

    for engine in engines_for(task, network, reference):
        train, validation = activations_of_parts(
            task,
            network,
            engine,
            store,
            views=task.config.views,
            title="features of the {} images",
        )
        head = fit_head(
            train,
            targets_of(task.parts.train, num_classes),
            validation,
            targets_of(task.parts.validation, num_classes),
            objective=objective,
            settings=_head_settings(task),
            reporter=task.reporter,
        )
        last = behind(classifier, POOLED)
        last.set_weights(head.weights)
        verdict = compare(
            last.predict_on_batch(validation[samples]),
            whole.predict_on_batch(pixels)[1],
            outputs="multi-label logits" if task.multi_label else "logits",
            precision="head",
        )
        if verdict.passed:
            return Learned(head, engine, verdict)
        task.reporter.info(
            f"{engine.name} in {engine.precision} strays from Keras with this head: "
            f"{verdict.figures}."
        )
    raise disagreement(engine, verdict)


def _head_settings(task: Task) -> HeadSettings:
    config = task.config
    return HeadSettings(
        phase=config.frozen.chosen(weight_decay=WEIGHT_DECAY, patience=PATIENCE),
        head=config.head,
        dropout=config.dropout,
        batch_size=max(config.batch_size, 0),  # the usual, on kept features
        sampling=config.sampling,
        seed=config.seed,
    )
