"""The fine-tuning phase, which trains the last or all layers after the head."""

import dataclasses
import hashlib
import time

import keras
import numpy as np

from cnnxfer.config import FineTune
from cnnxfer.errors import RunError
from cnnxfer.networks.classifier import (
    all_layers,
    backbone_of,
    count_trainable_parameters,
)
from cnnxfer.networks.precision import describe_precision
from cnnxfer.networks.run_model import restore_model
from cnnxfer.reporting import Reporter, counted
from cnnxfer.runs import PUT_BACK, Run
from cnnxfer.spelling import option
from cnnxfer.tasks.score import Score
from cnnxfer.training.activations.engines import engine_text, warn_of_no_int8
from cnnxfer.training.activations.store import ActivationStore
from cnnxfer.training.loop.checkpoint import Checkpoint
from cnnxfer.training.loop.loop import fit
from cnnxfer.training.loop.recorder import RunRecorder
from cnnxfer.training.loop.recorders import recorder_for
from cnnxfer.training.loop.search import search
from cnnxfer.training.loop.session import Session
from cnnxfer.training.loop.state import StageState
from cnnxfer.training.phase import FINE_TUNE, Outcome
from cnnxfer.training.phases.network_behind_cut import Cut, choose_cut, open_behind_cut
from cnnxfer.training.phases.plan import relative_cost_of_all, step_text
from cnnxfer.training.phases.saved_model import (
    compare_saved_model,
    saved_model_agrees,
    score_in_float32,
)
from cnnxfer.training.phases.stages import (
    Stage,
    has_weights,
    rate_factors,
    stages_of,
    unfreeze,
)
from cnnxfer.training.phases.unchanged_files import (
    require_same_class_weights,
    require_unchanged,
)
from cnnxfer.training.phases.whole_network import WholeNetwork
from cnnxfer.training.setup import Setup
from cnnxfer.training.trained_network import TrainedNetwork
from cnnxfer.training.workers.joining import decided


def train(setup: Setup, run: Run) -> Outcome:
    """Fine-tunes a prepared run, from its parent's model or from its last checkpoint.

    The parent is not changed.

    Args:
        setup: everything the network is trained with.
        run: a run with a parent. From the first update on, its model is a copy of the
            parent's until an epoch beats that on the validation images.

    Raises:
        ConfigError: if the network does not have the layer to begin at, or has too few
            layers for the stages.
        DataError: if an image can no longer be read.
        Interrupted: on Ctrl-C or SIGTERM.
        RunError: if the parent's model or the file of class weights has changed since
            the run began, or if frozen statistics of BatchNormalization have changed.
    """
    started = time.monotonic()
    reporter, settings = setup.reporter, setup.config.fine_tune
    require_same_class_weights(run)
    parent = run.require_parent()
    require_unchanged(run, parent.require_model(), "parent_model_sha256")
    with reporter.wait("loading the network"):
        with setup.devices.scope():
            classifier = setup.build_classifier(precision="float32")
        restore_model(parent, classifier)
    statistics = statistics_hash(classifier)
    stages = stages_of(classifier, settings)
    recorder = recorder_for(setup, run, classifier)
    checkpoint = recorder.last_checkpoint(reporter)
    first = checkpoint.progress.stage if checkpoint else 0
    if first >= len(stages):
        raise RunError(
            f"{run.path} stopped in stage {first + 1}, and config.toml has only "
            f"{len(stages)} ({option('--gradual')}). {PUT_BACK}"
        )
    session: Session | None = None
    for stage in stages[first:]:
        unfreeze(classifier, stage, settings)
        tell(reporter, classifier, settings, stage, len(stages))
        if not session:
            reporter.detail(describe_precision(setup.config.precision, setup.precision))
        steps = session.progress.steps_per_epoch if session else 1
        with reporter.expecting(stage.epochs * steps, "batches"):
            trained = _trained_network(setup, recorder, stage)
        session = _begin(
            setup,
            trained,
            recorder,
            stages[stage.number :],
            session,
            checkpoint,
            preparation_seconds=time.monotonic() - started,
        )
        if not checkpoint and not run.model_path.exists():
            # Only now, as `latest` must not mean a run that could not begin.
            run.copy_model(parent)
        checkpoint = None
        later = sum(other.epochs for other in stages[stage.number + 1 :])
        with reporter.expecting(later * session.progress.steps_per_epoch, "batches"):
            fit(session)
        with reporter.wait("checking the saved model"):
            compare_saved_model(session)
        started = time.monotonic()
    assert session
    assert session.best
    if settings.batch_norm == "frozen" and statistics_hash(classifier) != statistics:
        raise RunError(
            "BatchNormalization's statistics moved although they were frozen; "
            f"do not use {run.path}. Please report this as a bug."
        )
    outcome = Outcome(recorder.state.before, session.best)
    return _confirm(setup, recorder, outcome) if outcome.improved else outcome


def _begin(
    setup: Setup,
    trained: TrainedNetwork,
    recorder: RunRecorder,
    stages: list[Stage],
    previous: Session | None,
    checkpoint: Checkpoint | None,
    preparation_seconds: float,
) -> Session:
    """Returns the session of the first of the stages that are left, ready to train.

    The preparation began at the end of the previous stage, if that was trained in this
    process, or at the start of the phase.
    """
    stage, settings = stages[0], setup.config.fine_tune
    session = Session(
        setup,
        FINE_TUNE.name,
        dataclasses.replace(settings, epochs=stage.epochs),
        trained,
        recorder,
        checkpoint=checkpoint,
        stage=stage.number,
        previous=previous.progress if previous else None,
        factors=rate_factors(trained.classifier, settings),
        extra_epochs=recorder.run.more_epochs if len(stages) == 1 else 0,
        preparation_seconds=preparation_seconds,
        time_share=stage.epochs / sum(stage.epochs for stage in stages),
    )
    if not checkpoint:
        if not previous:
            session.set_initial_score(_score_before(session))
        search(session)
    return session


def _score_before(session: Session) -> Score:
    """Returns the score of the parent's model, which is measured once in a run."""
    setup, recorder = session.setup, session.recorder
    if known := recorder.state.before:
        return known
    with setup.reporter.wait("measuring the model as it is"):
        score = session.score(0)
    recorder.update_metrics(before=score.as_metrics(len(session.validation_targets)))
    recorder.update_state(before=score)  # last, as it is not measured again
    return score


def _trained_network(
    setup: Setup, recorder: RunRecorder, stage: Stage
) -> TrainedNetwork:
    """Returns the network that a stage trains: behind a cut, or the whole network."""
    classifier, reporter = recorder.classifier, setup.reporter
    known = recorder.state.stage(stage.number)
    store = ActivationStore()
    cut = decided(
        Cut,
        lambda: choose_cut(
            classifier,
            stage.start,
            setup.config,
            train_images=len(setup.splits.train),
            validation_images=len(setup.splits.validation),
            store=store,
        ),
    )
    if cut and known:  # a stage that has begun keeps its number of views
        cut = dataclasses.replace(cut, views=known.views)
    report = reporter.warn if cut and not cut.views else reporter.detail
    report(step_text(cut, relative_cost_of_all(classifier, stage, cut)))
    trained: TrainedNetwork
    if cut and cut.views:
        used = known.engine if known else ""
        trained = open_behind_cut(setup, classifier, cut, store, used)
        begun = StageState(cut.name, cut.views, engine_text(trained.engine))
    else:
        warn_of_no_int8(setup)
        trained = WholeNetwork(setup, classifier)
        begun = StageState()
    state = recorder.state.with_stage(stage.number, begun)
    recorder.update_state(stages=state.stages)
    return trained


def _confirm(setup: Setup, recorder: RunRecorder, outcome: Outcome) -> Outcome:
    """Returns the outcome, measured again if the saved model's answers deviate.

    In that case both models are measured in float32, and the better one is kept.
    """
    if saved_model_agrees(setup, recorder):
        return outcome
    run = recorder.run
    parent = run.require_parent()
    before = decided(Score, lambda: score_in_float32(setup, parent, 0))
    epoch = outcome.after.epoch
    after = decided(Score, lambda: score_in_float32(setup, run, epoch))
    if setup.config.fine_tune.keep == "best" and not after.beats(before):
        run.copy_model(parent)
        after = before
    run.write_fitted(after.thresholds, after.temperature)
    images = recorder.validation_images
    recorder.update_state(before=before)
    recorder.update_metrics(
        before=before.as_metrics(images), **{FINE_TUNE.name: after.as_metrics(images)}
    )
    return Outcome(before, after)


def tell(
    reporter: Reporter,
    classifier: keras.Model,
    settings: FineTune,
    stage: Stage,
    stages: int,
) -> None:
    """Says which layers a stage trains, and to those who look for it also how."""
    layers = [
        layer for layer in backbone_of(classifier).operations if has_weights(layer)
    ]
    learning = [layer for layer in layers if layer.trainable]
    number = f"stage {stage.number + 1} of {stages}: " if stages > 1 else ""
    reporter.info(
        f"{number}fine-tuning {len(learning)} of the backbone's {len(layers)} layers "
        f"and the head, {counted(stage.epochs, 'epoch')}"
    )
    rate = settings.learning_rate
    rate_text = "a rate to be found" if rate == "auto" else f"{rate:g}"
    decay = f" times {settings.layer_decay:g} a group" * (settings.layer_decay < 1)
    reporter.detail(
        f"{count_trainable_parameters(classifier):,} of {classifier.count_params():,} "
        f"parameters learn, from {learning[0].name} on; BatchNorm "
        f"{settings.batch_norm}; {settings.optimizer} at {rate_text}{decay}, "
        f"{settings.schedule}"
    )


def statistics_hash(model: keras.Model) -> str:
    """Returns the SHA-256, in hex digits, of all BatchNormalization statistics."""
    digest = hashlib.sha256()
    for layer in all_layers(model):
        if isinstance(layer, keras.layers.BatchNormalization):
            for statistic in (layer.moving_mean, layer.moving_variance):
                values = keras.ops.convert_to_numpy(statistic)
                digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()
