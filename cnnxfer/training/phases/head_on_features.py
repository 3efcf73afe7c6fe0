"""Trains the head on features, in the fastest engine that agrees with Keras.

A frozen backbone returns the same features in every epoch, pooled or as maps. So it
runs once for each image and view, and the head is trained on the cached features. Then
the whole network's answers are compared with the head's.
"""

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import keras
import numpy as np

from cnnxfer.engines.engine import Engine
from cnnxfer.networks.cut import network_before
from cnnxfer.tasks.agreement import Verdict
from cnnxfer.tasks.class_task import POOLED
from cnnxfer.tasks.score import Score
from cnnxfer.tasks.task import MAPS
from cnnxfer.training.activations.engines import (
    Reference,
    disagreement_error,
    engine_text,
    engines_for,
    load_split_activations,
)
from cnnxfer.training.activations.store import Activations, ActivationStore
from cnnxfer.training.loop.loop import FEATURES, fit
from cnnxfer.training.loop.recorder import Recorder
from cnnxfer.training.loop.search import search
from cnnxfer.training.loop.session import Session
from cnnxfer.training.loop.state import StageState
from cnnxfer.training.optimization.devices import Devices
from cnnxfer.training.phase import FROZEN
from cnnxfer.training.phases.network_behind_cut import (
    Cut,
    NetworkBehindCut,
    cut_that_fits,
)
from cnnxfer.training.phases.pooled_features import PooledFeatures
from cnnxfer.training.setup import Setup
from cnnxfer.training.trained_network import TrainedNetwork
from cnnxfer.training.workers.joining import decided

# Makes what is trained of an engine, and of the features that it has computed: those of
# each view of the training images, and those of the validation images.
OpenFeatures = Callable[[Engine, list[Activations], Activations], TrainedNetwork]
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
        answers: those to the validation images; see `Outcome.answers`.
    """

    score: Score
    learning_rate: float
    engine: Engine
    verdict: Verdict
    answers: np.ndarray | None


def choose_features(
    setup: Setup, classifier: keras.Model, store: ActivationStore
) -> Cut:
    """Returns where the head reads, and how many views of it fit into the cache."""
    parts = setup.splits
    return cut_that_fits(
        classifier,
        MAPS if setup.task.strides(setup.config.head) else POOLED,
        setup.config.views,
        train_images=len(parts.train),
        validation_images=len(parts.validation),
        store=store,
    )


def learn_head(
    setup: Setup,
    recorder: Recorder,
    cut: Cut,
    store: ActivationStore,
    *,
    more_epochs: int = 0,
    started: float | None = None,
) -> LearnedHead:
    """Trains a classifier's head on features, and compares the classifier with it.

    Args:
        setup: everything the head is trained with. On pooled features, it learns on one
            device in float32.
        recorder: has the classifier, from `build_classifier` in float32, and the last
            checkpoint to go on from. The classifier gets the weights of the best epoch
            on the validation images.
        cut: what the head reads, from `choose_features`, with at least one view.
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
    classifier, reporter = recorder.classifier, setup.reporter
    network = network_before(classifier, setup.backbone, cut.name)
    open_features: OpenFeatures = partial(NetworkBehindCut, setup, classifier, cut)
    reference: Reference | None = None
    if cut.name == POOLED:
        devices = Devices(workers=setup.devices.workers)
        setup = dataclasses.replace(setup, devices=devices, precision="float32")
        # One model for both comparisons with Keras: compiling it takes seconds.
        pooled = classifier.get_layer(POOLED).output
        whole = keras.Model(classifier.input, [pooled, classifier.output])
        open_features = partial(PooledFeatures, setup, classifier, whole)

        def reference(pixels: np.ndarray) -> np.ndarray:
            features: np.ndarray = whole.predict_on_batch(pixels)[0]
            return features

    known = recorder.state.stage(0)
    checkpoint = recorder.last_checkpoint(reporter)
    used = known.engine if known and checkpoint else ""
    for engine in engines_for(setup, network, reference, used=used):
        with reporter.expecting(1, FEATURES):  # nothing is known of them yet
            views, validation = load_split_activations(
                setup,
                network,
                engine,
                store,
                views=cut.views,
                title="features of {} images",
            )
        trained = open_features(engine, views, validation)
        begun = StageState(cut.name, len(views), engine_text(engine))
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
        with reporter.wait("checking the saved model"):
            verdict = decided(Verdict, trained.agreement)
        if verdict.passed:
            recorder.keep_known_answers(trained.known_answers)
            trained.close()
            rate = session.progress.peak * session.progress.scale
            return LearnedHead(score, rate, engine, verdict, recorder.best_answers)
        reporter.detail(
            f"{engine.name} in {engine.precision} deviates from Keras with this head: "
            f"{verdict.figures}."
        )
        trained.close()
        recorder.begin_again()
        checkpoint = None
    raise disagreement_error(engine, verdict)
