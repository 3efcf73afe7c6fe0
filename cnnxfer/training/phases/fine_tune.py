"""The fine-tuning phase: the last layers, or all, learn on from a trained head."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from dataclasses import dataclass

import keras
import numpy as np

from cnnxfer.config import FineTune
from cnnxfer.engines.agreement import Verdict
from cnnxfer.errors import RunError
from cnnxfer.networks.classifier import (
    all_layers,
    backbone_of,
    copy_weights,
    learning_parameters,
)
from cnnxfer.networks.precision import describe_precision
from cnnxfer.networks.saving import load_model
from cnnxfer.runs import Run
from cnnxfer.tasks.score import Score
from cnnxfer.tasks.targets import targets_of
from cnnxfer.tasks.thresholds import keep_thresholds
from cnnxfer.training.activations.store import ActivationStore
from cnnxfer.training.loop.checkpoint import Checkpoint, read_checkpoint
from cnnxfer.training.loop.loop import fit
from cnnxfer.training.loop.search import search
from cnnxfer.training.loop.session import Session
from cnnxfer.training.phases.network_behind_cut import (
    choose_cut,
    engine_text,
    open_behind_cut,
)
from cnnxfer.training.phases.plan import feeding_text, times_of_all
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
from cnnxfer.training.task import Setup
from cnnxfer.training.trained_network import TrainedNetwork

PHASE = "fine_tune"
# In a run's metrics: what each stage keeps, and how near the model that is kept is to
# what was trained.
KEPT = "activations"
AGREEMENT = "agreement"


@dataclass(frozen=True)
class Outcome:
    """What fine-tuning did to the score on validation.

    Attributes:
        before: of the model that the phase began with.
        after: of the model that is kept: `before` where tuning did not beat it.
    """

    before: Score
    after: Score

    @property
    def improved(self) -> bool:
        """Whether `model.keras` is a fine-tuned model, not the one before."""
        return self.after.epoch > 0


def fine_tune(setup: Setup) -> Outcome:
    """Fine-tunes a prepared run, from its parent's model or where it stopped.

    The parent is left as it was.

    Args:
        setup: a run with a parent, whose model it has for its own until an epoch beats
            that on validation.

    Raises:
        ConfigError: if the network has no such layer, or has too few for the stages.
        DataError: if an image cannot be read any more.
        Interrupted: on Ctrl-C or SIGTERM.
        RunError: if the parent's model, or the file of class weights, is not that
            which the run began with, or statistics of BatchNormalization moved that
            were to stay.
    """
    since = time.monotonic()
    run, reporter, settings = setup.run, setup.reporter, setup.config.fine_tune
    require_same_class_weights(run)
    assert run.parent
    before = run.parent.require_model()
    require_unchanged(run, before, "parent_model_sha256")
    with setup.devices.scope():
        classifier = setup.build_classifier(precision="float32")
    copy_weights(load_model(before), classifier)
    statistics = statistics_hash(classifier)
    stages = stages_of(classifier, settings)
    checkpoint = read_checkpoint(run.checkpoints_dir, reporter)
    first = checkpoint.progress.stage if checkpoint else 0
    phase: Session | None = None
    for stage in stages[first:]:
        unfreeze(classifier, stage, settings)
        reporter.info(describe(classifier, settings, stage, len(stages)))
        if not phase:
            reporter.info(describe_precision(setup.config.precision, setup.precision))
        trained = _trained_network(setup, classifier, stage)
        phase = _begin(
            setup,
            trained,
            stages[stage.number :],
            phase,
            checkpoint,
            preparation_seconds=time.monotonic() - since,
        )
        checkpoint = None
        fit(phase)
        _compare(setup, trained, phase)
        since = time.monotonic()
    assert phase
    assert phase.best
    if settings.batch_norm == "frozen" and statistics_hash(classifier) != statistics:
        raise RunError(
            "BatchNormalization's statistics moved although they were frozen; "
            f"do not use {run.path}. Please report this as a bug."
        )
    outcome = Outcome(Score.from_metrics(run.metrics["before"]), phase.best)
    compared = run.metrics.get(AGREEMENT)
    if not compared or not outcome.improved:
        return outcome
    return _confirmed(setup, Verdict(**compared), outcome)


def _begin(
    setup: Setup,
    trained: TrainedNetwork,
    stages: list[Stage],
    last: Session | None,
    checkpoint: Checkpoint | None,
    preparation_seconds: float,
) -> Session:
    """Returns the first of the stages, ready to train.

    Args:
        setup: the run.
        trained: what the stage trains.
        stages: those that are left.
        last: the stage before, if it was trained in this process.
        checkpoint: of this stage, if it has begun.
        preparation_seconds: seconds that went by since the stage before, or the start.
    """
    stage, settings = stages[0], setup.config.fine_tune
    phase = Session(
        setup,
        PHASE,
        dataclasses.replace(settings, epochs=stage.epochs),
        trained,
        checkpoint=checkpoint,
        stage=stage.number,
        previous=last.progress if last else None,
        factors=rate_factors(trained.classifier, settings),
        extra_epochs=setup.more_epochs if len(stages) == 1 else 0,
        preparation_seconds=preparation_seconds,
        time_share=stage.epochs / sum(stage.epochs for stage in stages),
    )
    if not checkpoint:
        if not last:
            phase.set_initial_score(_score_before(phase))
        search(phase)
    return phase


def _score_before(phase: Session) -> Score:
    """Returns the parent's score, measured once in the life of a run."""
    setup = phase.setup
    known = setup.run.metrics.get("before")
    if known:
        return Score.from_metrics(known)
    with setup.reporter.progress("measuring the model as it is"):
        score = phase.score(0)
    setup.run.update_metrics(before=score.as_metrics(len(setup.parts.validation)))
    return score


def _trained_network(
    setup: Setup, classifier: keras.Model, stage: Stage
) -> TrainedNetwork:
    """Returns what a stage trains: what lies behind the cut, or the whole network."""
    run, reporter = setup.run, setup.reporter
    kept = run.metrics.get(KEPT, {})
    taken = kept.get(str(stage.number), {})
    store = ActivationStore()
    cut = choose_cut(
        classifier,
        stage.start,
        setup.config,
        train_images=len(setup.parts.train),
        validation_images=len(setup.parts.validation),
        store=store,
    )
    if cut and taken:  # a stage that has begun goes on with what it began with
        cut = dataclasses.replace(cut, views=taken["views"])
    say = reporter.warn if cut and not cut.views else reporter.info
    say(feeding_text(cut, times_of_all(classifier, stage, cut)))
    if not cut:
        return WholeNetwork(setup, classifier)
    now = {"cut": cut.name, "views": cut.views, "engine": ""}
    trained: TrainedNetwork
    if cut.views:
        trained = open_behind_cut(setup, classifier, cut, store, taken.get("engine"))
        now["engine"] = engine_text(trained.engine)
    else:
        trained = WholeNetwork(setup, classifier)
    run.update_metrics(**{KEPT: {**kept, str(stage.number): now}})
    return trained


def _compare(setup: Setup, trained: TrainedNetwork, phase: Session) -> None:
    """Notes how near the network in float32 is to what a stage trained in its place.

    That is asked of the stage of which the run keeps an epoch.
    """
    assert phase.best
    if phase.best.epoch <= phase.progress.first_epoch:
        return
    exact = setup.precision == "float32" and isinstance(trained, WholeNetwork)
    verdict = None if exact else dataclasses.asdict(trained.agreement())
    setup.run.update_metrics(**{AGREEMENT: verdict})


def _confirmed(setup: Setup, verdict: Verdict, outcome: Outcome) -> Outcome:
    """Tells whether the saved model answers as what was trained.

    If it does not, the scores are measured anew in float32, and the better one is
    kept.
    """
    if verdict.passed:
        setup.reporter.info(
            f"the saved model agrees with what was trained: {verdict.figures}"
        )
        return outcome
    run = setup.run
    setup.reporter.warn(
        f"the saved model strays from what was trained: {verdict.figures}. So "
        "validation is measured anew, in float32. Next time, --precision float32 "
        "avoids this."
    )
    assert run.parent
    before = _score_whole(setup, run.parent, 0)
    after = _score_whole(setup, run, outcome.after.epoch)
    if setup.config.fine_tune.keep == "best" and not after.beats(before):
        run.copy_model(run.parent)
        after = before
    keep_thresholds(run, after)
    images = len(setup.parts.validation)
    run.update_metrics(
        before=before.as_metrics(images), **{PHASE: after.as_metrics(images)}
    )
    return Outcome(before, after)


def _score_whole(setup: Setup, run: Run, epoch: int) -> Score:
    """Returns how well a run's model does on validation, all of it in Keras."""
    setup = dataclasses.replace(setup, precision="float32")
    trained = WholeNetwork(setup, load_model(run.require_model()))
    batches, steps = trained.validation_batches(setup.devices.batch_size(32, 32))
    targets = targets_of(setup.parts.validation, len(setup.class_names))
    with setup.reporter.progress("measuring the whole network"):
        logits = trained.model.predict(batches, steps=steps, verbose=0)
    trained.close()
    objective = setup.objective(setup.config.fine_tune.label_smoothing)
    return objective.score(logits[: len(targets)], targets, epoch)


def describe(
    classifier: keras.Model, settings: FineTune, stage: Stage, stages: int
) -> str:
    """Returns one line on what will learn in a stage, and how."""
    layers = [
        layer for layer in backbone_of(classifier).operations if has_weights(layer)
    ]
    learning = [layer for layer in layers if layer.trainable]
    number = f", stage {stage.number + 1} of {stages}" if stages > 1 else ""
    rate = (
        f"{settings.learning_rate:g}"
        if settings.learning_rate
        else "a rate that is looked for"
    )
    decay = f" times {settings.layer_decay:g} a group" * (settings.layer_decay < 1)
    return (
        f"fine-tuning{number}: {len(learning)} of the backbone's {len(layers)} layers "
        f"learn, from {learning[0].name} on, with the head "
        f"({learning_parameters(classifier):,} of {classifier.count_params():,} "
        f"parameters); BatchNorm {settings.batch_norm}; {settings.optimizer} at "
        f"{rate}{decay}, {settings.schedule}, {stage.epochs} epochs"
    )


def statistics_hash(model: keras.Model) -> str:
    """Returns a SHA-256 over the moving means and variances of all norm layers."""
    digest = hashlib.sha256()
    for layer in all_layers(model):
        if isinstance(layer, keras.layers.BatchNormalization):
            for statistic in (layer.moving_mean, layer.moving_variance):
                values = keras.ops.convert_to_numpy(statistic)
                digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()
