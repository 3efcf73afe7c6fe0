"""The fine-tuning phase: the last layers, or all, learn on from a trained head."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import keras
import numpy as np

from cnnxfer.config import FineTune
from cnnxfer.errors import RunError
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run
from cnnxfer.training.checkpoint import read_checkpoint
from cnnxfer.training.given_files import require_same_class_weights
from cnnxfer.training.loop import PhaseRun
from cnnxfer.training.model import (
    all_layers,
    backbone_of,
    copy_weights,
    learning_parameters,
    load_model,
)
from cnnxfer.training.prepare import set_up
from cnnxfer.training.score import Score

PHASE = "fine_tune"


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


def fine_tune(run: Run, reporter: Reporter) -> Outcome:
    """Fine-tunes a prepared run, from its parent's model or where it stopped.

    The parent is left as it was.

    Args:
        run: a run with a parent, whose model it has for its own until an epoch beats
            that on validation.
        reporter: told what will learn, and of the progress.

    Raises:
        Interrupted: on Ctrl-C.
        RunError: if the file of class weights is not that which the run began with,
            or statistics of BatchNormalization moved that were to stay.
    """
    require_same_class_weights(run)
    setup = set_up(run, reporter)
    settings = setup.config.fine_tune
    assert run.parent
    # The saved model computes in float32; this run may not.
    with setup.devices.scope():
        model = setup.build_classifier(precision=setup.precision)
    copy_weights(load_model(run.parent.require_model()), model)
    unfreeze_layers(model, settings)
    reporter.info(describe(model, settings))
    phase = PhaseRun(
        setup, PHASE, settings, model, read_checkpoint(run.checkpoints_dir)
    )
    before = _score_before(phase)
    phase.best = phase.best or before
    statistics = statistics_hash(model)
    after = phase.fit()
    if settings.batch_norm == "frozen" and statistics_hash(model) != statistics:
        raise RunError(
            "BatchNormalization's statistics moved although they were frozen; "
            f"do not use {run.path}. Please report this as a bug."
        )
    return Outcome(before, after)


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


def unfreeze_layers(model: keras.Model, settings: FineTune) -> None:
    """Sets which layers learn: the head, and the backbone from some layer on.

    `settings.last` is a share of the backbone's layers with weights, not counting
    BatchNormalization, which learns with them only with `batch_norm="train"`.
    """
    backbone = backbone_of(model)
    positions = [i for i, layer in enumerate(backbone.layers) if _counts(layer)]
    start = positions[-max(1, round(settings.fraction * len(positions)))]
    # On TensorFlow `backbone.trainable = True` does nothing where it is True already,
    # even over layers that were frozen one by one, so each layer is set too. A
    # BatchNormalization layer is frozen by its own flag: `fit` overrides a
    # `training=False` that was given when the model was built.
    backbone.trainable = True
    for position, layer in enumerate(backbone.layers):
        is_norm = isinstance(layer, keras.layers.BatchNormalization)
        frozen_norm = is_norm and settings.batch_norm == "frozen"
        layer.trainable = position >= start and not frozen_norm


def _counts(layer: keras.layers.Layer) -> bool:
    norms = (keras.layers.BatchNormalization, keras.layers.Normalization)
    return bool(layer.weights) and not isinstance(layer, norms)


def describe(model: keras.Model, settings: FineTune) -> str:
    """Returns one line on what will learn, and how."""
    layers = [layer for layer in backbone_of(model).layers if _counts(layer)]
    learning = [layer for layer in layers if layer.trainable]
    return (
        f"fine-tuning: {len(learning)} of the backbone's {len(layers)} layers learn, "
        f"from {learning[0].name} on, with the head "
        f"({learning_parameters(model):,} of {model.count_params():,} parameters); "
        f"BatchNorm {settings.batch_norm}; {settings.optimizer} at "
        f"{settings.learning_rate:g}, {settings.schedule}, {settings.epochs} epochs"
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
