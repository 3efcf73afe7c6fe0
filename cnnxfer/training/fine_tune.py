"""The fine-tuning phase: the last layers, or all, learn on from a trained head."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np

from cnnxfer.config import FineTune
from cnnxfer.data.targets import targets_of
from cnnxfer.errors import RunError
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run
from cnnxfer.training.activation_store import ActivationStore
from cnnxfer.training.batch_size import find_batch_size, scaled_rate
from cnnxfer.training.behind_cut import (
    BehindCut,
    choose_cut,
    engine_text,
    open_behind_cut,
)
from cnnxfer.training.given_files import require_same_class_weights
from cnnxfer.training.model import (
    all_layers,
    backbone_of,
    copy_weights,
    learning_parameters,
    load_model,
)
from cnnxfer.training.objective import objective_of
from cnnxfer.training.phase.checkpoint import Checkpoint, read_checkpoint
from cnnxfer.training.phase.loop import PhaseRun
from cnnxfer.training.prepare import Setup, set_up
from cnnxfer.training.rate_test import find_rate
from cnnxfer.training.score import Score
from cnnxfer.training.stage_table import feeding_text, times_of_all
from cnnxfer.training.thresholds import keep_thresholds
from cnnxfer.training.trainee import Trainee, WholeNetwork
from cnnxfer.training.unfreezing import (
    Stage,
    counts,
    rate_factors,
    stages_of,
    unfreeze,
)

PHASE = "fine_tune"
TO_BE_FOUND = 1.0  # in place of a learning rate that is looked for
KEPT = "activations"  # in a run's metrics: what each stage keeps


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


def fine_tune(run: Run, reporter: Reporter, extra_epochs: int = 0) -> Outcome:
    """Fine-tunes a prepared run, from its parent's model or where it stopped.

    The parent is left as it was.

    Args:
        run: a run with a parent, whose model it has for its own until an epoch beats
            that on validation.
        reporter: told what will learn, and of the progress.
        extra_epochs: how many more there are to be than there were to.

    Raises:
        ConfigError: if the network has no such layer, or has too few for the stages.
        DataError: if an image cannot be read any more.
        Interrupted: on Ctrl-C or SIGTERM.
        RunError: if the file of class weights is not that which the run began with,
            or statistics of BatchNormalization moved that were to stay.
    """
    since = time.monotonic()
    require_same_class_weights(run)
    setup = set_up(run, reporter)
    settings = setup.config.fine_tune
    assert run.parent
    with setup.devices.scope():
        classifier = setup.build_classifier(precision="float32")
    copy_weights(load_model(run.parent.require_model()), classifier)
    statistics = statistics_hash(classifier)
    stages = stages_of(classifier, settings)
    checkpoint = read_checkpoint(run.checkpoints_dir, reporter)
    first = checkpoint.progress.stage if checkpoint else 0
    phase: PhaseRun | None = None
    for stage in stages[first:]:
        unfreeze(classifier, stage, settings)
        reporter.info(describe(classifier, settings, stage, len(stages)))
        trainee = _trainee(setup, classifier, stage)
        phase = _begin(
            setup,
            trainee,
            stages[stage.number :],
            phase,
            checkpoint,
            extra_epochs,
            preparing=time.monotonic() - since,
        )
        checkpoint = None
        phase.fit()
        since = time.monotonic()
    assert phase
    assert phase.best
    if settings.batch_norm == "frozen" and statistics_hash(classifier) != statistics:
        raise RunError(
            "BatchNormalization's statistics moved although they were frozen; "
            f"do not use {run.path}. Please report this as a bug."
        )
    outcome = Outcome(Score.from_metrics(run.metrics["before"]), phase.best)
    if outcome.improved and isinstance(trainee, BehindCut):
        return _confirmed(setup, trainee, outcome)
    return outcome


def _begin(
    setup: Setup,
    trainee: Trainee,
    stages: list[Stage],
    last: PhaseRun | None,
    checkpoint: Checkpoint | None,
    extra_epochs: int,
    preparing: float,
) -> PhaseRun:
    """Returns the first of the stages, ready to train.

    Args:
        setup: the run.
        trainee: what the stage trains.
        stages: those that are left.
        last: the stage before, if it was trained in this process.
        checkpoint: of this stage, if it has begun.
        extra_epochs: more than the phase was to have; they are the last stage's.
        preparing: seconds that went by since the stage before, or the start.
    """
    stage, settings = stages[0], setup.config.fine_tune
    phase = PhaseRun(
        setup,
        PHASE,
        dataclasses.replace(
            settings,
            epochs=stage.epochs,
            learning_rate=settings.learning_rate or TO_BE_FOUND,
        ),
        trainee,
        checkpoint=checkpoint,
        stage=stage.number,
        # Stages may end early.
        first_epoch=last.progress.number - 1 if last else 0,
        factors=rate_factors(trainee.classifier, settings),
        extra_epochs=extra_epochs if len(stages) == 1 else 0,
        spent=(last.progress.seconds if last else 0.0) + preparing,
        share=stage.epochs / sum(stage.epochs for stage in stages),
    )
    if checkpoint:
        return phase
    if last:
        assert last.progress.last
        phase.begin_with(last.progress.last, last.best)
        # What was too much for fewer layers is too much for more.
        phase.progress.scale = last.progress.scale
        _set_batch(phase, last.progress.batch_size, last.progress.accumulate)
    else:
        phase.begin_with(_score_before(phase))
        if setup.config.batch_size < 0:
            _find_batch(phase)
    if not settings.learning_rate:
        phase.progress.peak = find_rate(
            phase.model,
            phase.stepper.update,
            optimizer=settings.optimizer,
            steps_per_epoch=phase.progress.steps_per_epoch,
            batch_size=phase.progress.batch_size,
            reporter=setup.reporter,
        )
        phase.progress.scale = 1.0
        phase.follow(phase.progress)
    return phase


def _find_batch(phase: PhaseRun) -> None:
    """Has a stage train in the batches that are the fastest."""
    setup, settings = phase.setup, phase.settings
    images = len(setup.parts.train)

    def update_of(size: int) -> Callable[[int, float], object]:
        _set_batch(phase, size, settings.accumulate)
        return phase.stepper.update

    size, _ = find_batch_size(
        phase.model, update_of, images=images, reporter=setup.reporter
    )
    _set_batch(phase, size, settings.accumulate)
    rate = scaled_rate(settings.learning_rate, size, settings.optimizer)
    phase.progress.peak = rate
    phase.follow(phase.progress)
    if setup.config.fine_tune.learning_rate:
        setup.reporter.info(f"learning rate {rate:.3g} for batches of {size}")


def _set_batch(phase: PhaseRun, batch_size: int, accumulate: int) -> None:
    """Has a stage that has not begun train in other batches."""
    progress, images = phase.progress, len(phase.setup.parts.train)
    size = phase.setup.devices.batch_size(batch_size, images)
    accumulate = min(accumulate, size)
    if (size, accumulate) != (progress.batch_size, progress.accumulate):
        progress.batch_size, progress.accumulate = size, accumulate
        progress.steps_per_epoch = images // size
        phase.build()


def _score_before(phase: PhaseRun) -> Score:
    """Returns the parent's score, measured once in the life of a run."""
    setup = phase.setup
    known = setup.run.metrics.get("before")
    if known:
        return Score.from_metrics(known)
    with setup.reporter.progress("measuring the model as it is"):
        score = phase.score(0)
    setup.run.update_metrics(before=score.as_metrics(len(setup.parts.validation)))
    return score


def _trainee(setup: Setup, classifier: keras.Model, stage: Stage) -> Trainee:
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
    trainee: Trainee
    if cut.views:
        trainee = open_behind_cut(setup, classifier, cut, store, taken.get("engine"))
        now["engine"] = engine_text(trainee.engine)
    else:
        trainee = WholeNetwork(setup, classifier)
    run.update_metrics(**{KEPT: {**kept, str(stage.number): now}})
    return trainee


def _confirmed(setup: Setup, trainee: BehindCut, outcome: Outcome) -> Outcome:
    """Checks that the whole network answers as what was trained behind the cut.

    If it does not, the scores are measured anew with the whole networks, and the
    better one is kept.
    """
    verdict = trainee.agreement()
    if verdict.passed:
        setup.reporter.info(
            f"the saved model agrees with what was trained: {verdict.figures}"
        )
        return outcome
    run = setup.run
    setup.reporter.warn(
        f"{engine_text(trainee.engine)} strays from Keras behind {trainee.cut.name}: "
        f"{verdict.figures}. So validation is measured anew, with the whole network. "
        "Next time, --precision float32 avoids this."
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
    trainee = WholeNetwork(setup, load_model(run.require_model()))
    batches, steps = trainee.validation_batches(setup.devices.batch_size(32, 32))
    targets = targets_of(setup.parts.validation, len(setup.class_names))
    with setup.reporter.progress("measuring the whole network"):
        logits = trainee.model.predict(batches, steps=steps, verbose=0)
    trainee.close()
    objective = objective_of(setup, setup.config.fine_tune.label_smoothing)
    return objective.score(logits[: len(targets)], targets, epoch)


def describe(
    classifier: keras.Model, settings: FineTune, stage: Stage, stages: int
) -> str:
    """Returns one line on what will learn in a stage, and how."""
    layers = [layer for layer in backbone_of(classifier).operations if counts(layer)]
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
