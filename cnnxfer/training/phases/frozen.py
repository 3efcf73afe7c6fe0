"""The frozen phase, which trains a new head on a backbone that does not change."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import keras

from cnnxfer.errors import Interrupted
from cnnxfer.files import format_bytes
from cnnxfer.networks.classifier import backbone_of, count_trainable_parameters
from cnnxfer.networks.precision import describe_precision
from cnnxfer.reporting import counted
from cnnxfer.spelling import command
from cnnxfer.tasks.score import Score
from cnnxfer.training.activations.store import ActivationStore
from cnnxfer.training.loop.checkpoint import Checkpoint, read_checkpoint
from cnnxfer.training.loop.loop import fit
from cnnxfer.training.loop.recorder import Recorder
from cnnxfer.training.loop.search import search
from cnnxfer.training.loop.session import Session
from cnnxfer.training.phases.head_on_features import (
    LearnedHead,
    feature_bytes,
    learn_head,
)
from cnnxfer.training.phases.unchanged_files import (
    require_same_class_weights,
    require_unchanged,
)
from cnnxfer.training.phases.whole_network import WholeNetwork
from cnnxfer.training.start import find_weights_file
from cnnxfer.training.task import Setup

PHASE = "frozen"


def train_head(setup: Setup) -> Score:
    """Trains the head of a prepared run, from the beginning or from its checkpoint.

    Args:
        setup: the run. If epochs were added to a head on cached features, all epochs
            are trained again, which takes seconds.

    Returns:
        The best score on the validation images, which is that of `model.keras`.

    Raises:
        Interrupted: on Ctrl-C.
        DataError: if an image can no longer be read.
        RunError: if the backbone's weights or the file of class weights have changed
            since the run began.
    """
    checkpoint = read_checkpoint(setup.run.checkpoints_dir, setup.reporter)
    require_same_class_weights(setup.run)
    weights_path = _find_weights(setup)
    if checkpoint or not setup.config.cache or not setup.config.augment.is_cacheable:
        return _train_streaming(setup, weights_path, checkpoint)
    store = ActivationStore()
    classifier = _build(setup, weights_path)
    needed = feature_bytes(setup, classifier)
    if not store.fits(needed):
        setup.reporter.warn(
            f"the features need {format_bytes(needed)}, and the cache may hold "
            f"{format_bytes(store.limit_bytes)} (CNNXFER_CACHE_LIMIT). So every epoch "
            "computes them again."
        )
        return _train_streaming(setup, weights_path, None)
    return _train_on_features(_with_more_epochs(setup), classifier, store)


def _train_on_features(
    setup: Setup, classifier: keras.Model, store: ActivationStore
) -> Score:
    run = setup.run
    try:
        learned = learn_head(setup, classifier, store)
    except KeyboardInterrupt:
        raise Interrupted(
            f"interrupted. What was computed so far is kept. "
            f"Go on with: {command('resume', run.path)}"
        ) from None
    # If the process dies in between, `resume` writes all of it again.
    recorder = Recorder(run, classifier, len(setup.splits.validation))
    recorder.save_model(learned.head.score)
    for row in learned.head.history:
        run.add_history({"phase": PHASE, **row})
    run.update_metrics(**{PHASE: _metrics(setup, learned)})
    setup.reporter.info(
        f"the saved model agrees with its head on features: {learned.verdict.figures}"
    )
    return learned.head.score


def _metrics(setup: Setup, learned: LearnedHead) -> dict[str, object]:
    return {
        **learned.head.score.as_metrics(len(setup.splits.validation)),
        "learning_rate": learned.head.learning_rate,
        "views": setup.config.views,
        "engine": f"{learned.engine.name} {learned.engine.precision}",
        "agreement": learned.verdict.figures,
    }


def _with_more_epochs(setup: Setup) -> Setup:
    frozen = setup.config.frozen
    frozen = dataclasses.replace(frozen, epochs=frozen.epochs + setup.more_epochs)
    config = dataclasses.replace(setup.config, frozen=frozen)
    return dataclasses.replace(setup, config=config)


def _train_streaming(
    setup: Setup,
    weights_path: Path | None,
    checkpoint: Checkpoint | None,
) -> Score:
    """Trains on new views in every epoch, with the whole backbone in every step."""
    settings = setup.config.frozen.resolved()
    setup.reporter.info(
        f"no features are cached: {counted(settings.epochs, 'epoch')}, each of which "
        "computes the whole backbone on new views"
    )
    setup.reporter.info(describe_precision(setup.config.precision, setup.precision))
    with setup.devices.scope():
        classifier = _build(setup, weights_path)
    session = Session(
        setup,
        PHASE,
        settings,
        WholeNetwork(setup, classifier),
        checkpoint=checkpoint,
        extra_epochs=setup.more_epochs,
    )
    if not checkpoint:
        search(session)
    return fit(session)


def _build(setup: Setup, weights_path: Path | None) -> keras.Model:
    classifier = setup.build_classifier(precision="float32", weights_path=weights_path)
    backbone_of(classifier).trainable = False
    setup.reporter.info(
        f"frozen phase: the head learns ({count_trainable_parameters(classifier):,} of "
        f"{classifier.count_params():,} parameters) on {setup.backbone.name} at "
        f"{setup.image_size} pixels"
    )
    return classifier


def _find_weights(setup: Setup) -> Path | None:
    """Returns the file of the backbone's weights, unchanged since the run began."""
    path = find_weights_file(setup.config, setup.reporter)
    if path:
        require_unchanged(setup.run, path, "weights_sha256")
    return path
