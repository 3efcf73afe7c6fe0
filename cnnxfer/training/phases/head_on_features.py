"""Trains the head on features, in the fastest engine that agrees with Keras.

A frozen backbone returns the same features in every epoch. So it runs once for each
image and view, and the head is trained on the cached features. Then the whole network's
answers are compared with the head's.
"""

import dataclasses
import math
import time
from dataclasses import dataclass

import keras
import numpy as np

from cnnxfer.engines.engine import Engine
from cnnxfer.networks.cut import network_before
from cnnxfer.tasks.agreement import Verdict
from cnnxfer.tasks.class_task import POOLED
from cnnxfer.tasks.score import Score
from cnnxfer.training.activations.engines import (
    disagreement_error,
    engine_text,
    engines_for,
    load_split_activations,
)
from cnnxfer.training.activations.store import ActivationStore
from cnnxfer.training.loop.loop import fit
from cnnxfer.training.loop.recorder import Recorder
from cnnxfer.training.loop.search import search
from cnnxfer.training.loop.session import Session
from cnnxfer.training.loop.state import StageState
from cnnxfer.training.optimization.devices import Devices
from cnnxfer.training.phase import FROZEN
from cnnxfer.training.phases.pooled_features import PooledFeatures
from cnnxfer.training.setup import Setup

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
        score: the score on the validation images.
        learning_rate: the highest learning rate.
        engine: the engine that computed the features.
        verdict: the comparison of the classifier's answers with the head's.
    """

    score: Score
    learning_rate: float
    engine: Engine
    verdict: Verdict


def feature_bytes(setup: Setup, classifier: keras.Model) -> int:
    """Returns the size of all pooled features of the images in the cache."""
    parts = setup.splits
    rows = setup.config.views * len(parts.train) + len(parts.validation)
    channels = math.prod(classifier.get_layer(POOLED).output.shape[1:])
    return ActivationStore.size_bytes(rows, channels)


def learn_head(
    setup: Setup,
    recorder: Recorder,
    store: ActivationStore,
    *,
    more_epochs: int = 0,
    started: float | None = None,
) -> LearnedHead:
    """Trains a classifier's head on features, and compares the classifier with it.

    Args:
        setup: everything the head is trained with; it learns on one device in float32.
        recorder: has the classifier, from `build_classifier` in float32, and the last
            checkpoint to go on from. The classifier gets the weights of the best epoch
            on the validation images.
        store: the cache of features.
        more_epochs: the number of epochs to add to those of the settings.
        started: when the phase started, by `time.monotonic`; now by default.

    Raises:
        DataError: if an image can no longer be read.
        Interrupted: on Ctrl-C or SIGTERM, after saving.
        RunError: if the engine that the user asked for deviates from Keras, or training
            failed.
    """
    started = time.monotonic() if started is None else started
    setup = dataclasses.replace(setup, devices=Devices(), precision="float32")
    classifier, reporter = recorder.classifier, setup.reporter
    network = network_before(classifier, setup.backbone, POOLED)
    # One model for both comparisons with Keras: compiling it takes seconds.
    pooled = classifier.get_layer(POOLED).output
    whole = keras.Model(classifier.input, [pooled, classifier.output])

    def reference(pixels: np.ndarray) -> np.ndarray:
        features: np.ndarray = whole.predict_on_batch(pixels)[0]
        return features

    known = recorder.state.stage(0)
    checkpoint = recorder.last_checkpoint(reporter)
    used = known.engine if known and checkpoint else ""
    for engine in engines_for(setup, network, reference, used=used):
        views, validation = load_split_activations(
            setup,
            network,
            engine,
            store,
            views=setup.config.views,
            title="features of the {} images",
        )
        trained = PooledFeatures(
            setup, classifier, engine, views, validation, whole=whole
        )
        begun = StageState(POOLED, len(views), engine_text(engine))
        recorder.update_state(stages=(begun,))
        session = Session(
            setup,
            FROZEN.name,
            setup.config.frozen.resolved(weight_decay=WEIGHT_DECAY, patience=PATIENCE),
            trained,
            recorder,
            checkpoint=checkpoint,
            extra_epochs=more_epochs,
            preparation_seconds=time.monotonic() - started,
        )
        if not checkpoint:
            search(session)
        score = fit(session)
        recorder.restore_best()
        verdict = trained.agreement()
        if verdict.passed:
            rate = session.progress.peak * session.progress.scale
            return LearnedHead(score, rate, engine, verdict)
        reporter.info(
            f"{engine.name} in {engine.precision} deviates from Keras with this head: "
            f"{verdict.figures}."
        )
        recorder.begin_again()
        checkpoint = None
    raise disagreement_error(engine, verdict)
