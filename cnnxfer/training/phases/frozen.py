"""The frozen phase, which trains a new head on a backbone that does not change."""

import dataclasses
import time
from pathlib import Path

import keras

from cnnxfer.errors import Interrupted
from cnnxfer.files import format_bytes
from cnnxfer.networks.classifier import backbone_of, count_trainable_parameters
from cnnxfer.networks.precision import describe_precision
from cnnxfer.reporting import counted
from cnnxfer.runs import Run
from cnnxfer.spelling import command
from cnnxfer.tasks.task import MAPS
from cnnxfer.training.activations.engines import engine_text, warn_of_no_int8
from cnnxfer.training.activations.store import ActivationStore
from cnnxfer.training.loop.loop import fit
from cnnxfer.training.loop.recorder import RunRecorder
from cnnxfer.training.loop.recorders import recorder_for
from cnnxfer.training.loop.search import search
from cnnxfer.training.loop.session import Session
from cnnxfer.training.loop.state import StageState
from cnnxfer.training.phase import FROZEN, Outcome
from cnnxfer.training.phases.head_on_features import choose_features, learn_head
from cnnxfer.training.phases.network_behind_cut import Cut
from cnnxfer.training.phases.unchanged_files import (
    require_same_class_weights,
    require_unchanged,
)
from cnnxfer.training.phases.whole_network import WholeNetwork
from cnnxfer.training.setup import Setup
from cnnxfer.training.start import find_weights_file
from cnnxfer.training.workers.joining import decided


def train(setup: Setup, run: Run) -> Outcome:
    """Trains the head of a run, from the beginning or from its last checkpoint.

    Args:
        setup: everything the head is trained with.
        run: the run.

    Raises:
        Interrupted: on Ctrl-C or SIGTERM, after saving.
        DataError: if an image can no longer be read.
        RunError: if the backbone's weights or the file of class weights have changed
            since the run began, or training failed.
    """
    started = time.monotonic()
    require_same_class_weights(run)
    weights_path = find_weights_file(setup.config, setup.reporter)
    if weights_path:
        require_unchanged(run, weights_path, "weights_sha256")
    if setup.config.cache and setup.config.augment.is_cacheable:
        recorder = _begin(setup, run, weights_path)
        store = ActivationStore()
        cut = decided(Cut, lambda: choose_features(setup, recorder.classifier, store))
        known = recorder.state.stage(0)
        if known:  # it has begun; nor does it change its mind
            cut = dataclasses.replace(cut, views=known.views)
        elif cut.views < setup.config.views:
            setup.reporter.warn(_shortage(setup, cut, store))
        if cut.views:
            return _train_on_features(setup, recorder, cut, store, started)
    with setup.devices.scope():
        recorder = _begin(setup, run, weights_path)
    return _train_on_new_views(setup, recorder, started)


def _shortage(setup: Setup, cut: Cut, store: ActivationStore) -> str:
    """Returns the warning that not all views fit into the cache."""
    views, limit = setup.config.views, format_bytes(store.limit_bytes)
    allowed = f"the cache may hold {limit} (CNNXFER_CACHE_LIMIT)"
    needed = format_bytes(cut.size_bytes)
    if not cut.views:
        return (
            f"the features of one view need {needed}, and {allowed}. So every epoch "
            "computes them again."
        )
    return (
        f"of {views} views of each training image, the features of "
        f"{counted(cut.views, 'view')} are kept, which need {needed}: {allowed}."
    )


def _begin(setup: Setup, run: Run, weights_path: Path | None) -> RunRecorder:
    """Returns the recorder of a new classifier, whose backbone is frozen."""
    classifier = setup.build_classifier(precision="float32", weights_path=weights_path)
    backbone_of(classifier).trainable = False
    return recorder_for(setup, run, classifier)


def _train_on_features(
    setup: Setup,
    recorder: RunRecorder,
    cut: Cut,
    store: ActivationStore,
    started: float,
) -> Outcome:
    _describe(setup, recorder.classifier)
    if cut.name == MAPS:
        precision = describe_precision(setup.config.precision, setup.precision)
        setup.reporter.detail(precision)
    run = recorder.run
    try:
        learned = learn_head(
            setup, recorder, cut, store, more_epochs=run.more_epochs, started=started
        )
    except KeyboardInterrupt:
        raise Interrupted(
            f"interrupted. What was computed so far is kept. "
            f"Go on with: {command('resume', run.path)}"
        ) from None
    figures = {
        **learned.score.as_metrics(recorder.validation_images),
        "learning_rate": learned.learning_rate,
        "views": cut.views,
        "engine": engine_text(learned.engine),
        "agreement": learned.verdict.figures,
    }
    recorder.update_metrics(**{FROZEN.name: figures})
    setup.reporter.detail(
        f"the saved model agrees with its head on features: {learned.verdict.figures}"
    )
    return Outcome(None, learned.score, learned.answers)


def _train_on_new_views(setup: Setup, recorder: RunRecorder, started: float) -> Outcome:
    """Trains on new views in every epoch, with the whole backbone in every step."""
    _describe(setup, recorder.classifier)
    warn_of_no_int8(setup)
    settings = setup.config.frozen.resolved()
    setup.reporter.info(
        f"no features are cached: {counted(settings.epochs, 'epoch')}, each of which "
        "computes the whole backbone on new views"
    )
    setup.reporter.detail(describe_precision(setup.config.precision, setup.precision))
    recorder.update_state(stages=(StageState(),))
    checkpoint = recorder.last_checkpoint(setup.reporter)
    session = Session(
        setup,
        FROZEN.name,
        settings,
        WholeNetwork(setup, recorder.classifier),
        recorder,
        checkpoint=checkpoint,
        extra_epochs=recorder.run.more_epochs,
        preparation_seconds=time.monotonic() - started,
    )
    if not checkpoint:
        search(session)
    score = fit(session)
    return Outcome(None, score, recorder.best_answers)


def _describe(setup: Setup, classifier: keras.Model) -> None:
    setup.reporter.info(f"training a head on {setup.backbone.name}, which is frozen")
    setup.reporter.detail(
        f"{count_trainable_parameters(classifier):,} of {classifier.count_params():,} "
        f"parameters learn, at {setup.image_size} pixels"
    )
