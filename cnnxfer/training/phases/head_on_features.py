"""Trains the head on cached features of the frozen backbone.

A frozen backbone returns the same features in every epoch. So it runs once for each
image and view, in the fastest engine that agrees with Keras, and the head is trained on
the cached features. Then the whole network's answers are compared with the head's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import keras
import numpy as np

from cnnxfer.engines.agreement import compare
from cnnxfer.engines.engine import Engine, Outputs
from cnnxfer.networks.cut import POOLED, model_behind, network_before
from cnnxfer.tasks.agreement import Verdict
from cnnxfer.training.activations.engines import (
    central_pixels,
    disagreement_error,
    engines_for,
    evenly_spaced,
    load_split_activations,
)
from cnnxfer.training.activations.store import ActivationStore
from cnnxfer.training.phases.head import Head, HeadSettings, fit_head
from cnnxfer.training.task import Task

# For features of unit scale. Chosen by cross-validation on the training images of
# tf_flowers: the loss on held-out images falls from 0.294 to 0.273 with
# EfficientNet-Lite0, and from 0.481 to 0.432 with MobileNet 0.25.
WEIGHT_DECAY = 1.0
# With less patience, training stops before the last epochs of a cosine, its best ones.
PATIENCE = 10


@dataclass(frozen=True)
class LearnedHead:
    """A head that was trained on features, and how it compares with the classifier.

    Attributes:
        head: the trained head, whose weights the classifier has.
        engine: the engine that computed the features.
        verdict: the comparison of the classifier's answers with the head's.
    """

    head: Head
    engine: Engine
    verdict: Verdict


def feature_bytes(task: Task, classifier: keras.Model) -> int:
    """Returns the size of all pooled features of a task in the cache."""
    parts = task.splits
    rows = task.config.views * len(parts.train) + len(parts.validation)
    channels = math.prod(classifier.get_layer(POOLED).output.shape[1:])
    return ActivationStore.size_bytes(rows, channels)


def learn_head(
    task: Task, classifier: keras.Model, store: ActivationStore
) -> LearnedHead:
    """Trains the classifier's head on features, and compares the classifier with it.

    Args:
        task: has the settings and the images.
        classifier: a classifier from `task.build_classifier`, in float32. Its head gets
            the weights of the best epoch on the validation images.
        store: the cache of features.

    Raises:
        DataError: if an image can no longer be read.
        RunError: if the engine that the user asked for deviates from Keras.
    """
    objective = task.objective(task.config.frozen.label_smoothing)
    samples = evenly_spaced(len(task.splits.validation))
    pixels = central_pixels(task, [task.splits.validation[i] for i in samples])
    network = network_before(classifier, task.backbone, POOLED)
    # One model for both comparisons with Keras: compiling it takes seconds.
    pooled = classifier.get_layer(POOLED).output
    whole = keras.Model(classifier.input, [pooled, classifier.output])

    def reference(pixels: np.ndarray) -> np.ndarray:
        features: np.ndarray = whole.predict_on_batch(pixels)[0]
        return features

    for engine in engines_for(task, network, reference):
        train, validation = load_split_activations(
            task,
            network,
            engine,
            store,
            views=task.config.views,
            title="features of the {} images",
        )
        head = fit_head(
            train,
            task.targets(task.splits.train),
            validation,
            task.targets(task.splits.validation),
            objective=objective,
            settings=_head_settings(task),
            reporter=task.reporter,
        )
        last = model_behind(classifier, POOLED)
        last.set_weights(head.weights)
        verdict = compare(
            last.predict_on_batch(validation[samples]),
            whole.predict_on_batch(pixels)[1],
            outputs=Outputs(task.task),
            precision="head",
        )
        if verdict.passed:
            return LearnedHead(head, engine, verdict)
        task.reporter.info(
            f"{engine.name} in {engine.precision} deviates from Keras with this head: "
            f"{verdict.figures}."
        )
    raise disagreement_error(engine, verdict)


def _head_settings(task: Task) -> HeadSettings:
    config = task.config
    size = config.batch_size
    return HeadSettings(
        phase=config.frozen.resolved(weight_decay=WEIGHT_DECAY, patience=PATIENCE),
        head=config.head,
        dropout=config.dropout,
        # On features, `auto` is not searched.
        batch_size=None if isinstance(size, str) else size,
        sampling=config.sampling,
        seed=config.seed,
    )
