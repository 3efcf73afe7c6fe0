"""The options of training, by the names of the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypedDict

from cnnxfer.config import FineTune

# What is called otherwise in configuration files.
_SETTINGS = {
    "lr": "learning_rate",
    "warmup": "warmup_epochs",
    "bn": "batch_norm",
    "batch": "batch_size",
}


class PhaseOptions(TypedDict, total=False):
    """Options of both `train` and `unfreeze`; None means that an option is not given.

    Attributes:
        recipe: settings that belong together: "textbook", "fast" or "best".
        lr: the highest learning rate, or "auto" to have it found.
        epochs: number of passes over the training images.
        optimizer: "sgd", "adamw", "adam", "lion" or "rmsprop".
        schedule: "cosine", "constant", "one-cycle", "inverse-time", "step" or
            "plateau".
        warmup: number of epochs over which the rate climbs to its highest.
        weight_decay: share of the weights that a step takes away, times the learning
            rate (decoupled weight decay).
        clip_norm: length to which longer gradients are cut; 0 for no limit.
        label_smoothing: share of a label that is spread over all classes.
        patience: number of epochs without a better one after which the phase ends.
        ema: share of the moving average of the weights that a step keeps.
        accumulate: number of parts of a batch that are computed one after the other.
        batch: number of images in a step, or "auto".
        views: number of random views of each training image that are computed and
            kept.
        cache: whether what frozen layers compute is kept; if not, every epoch runs the
            whole backbone.
        augment: how training views differ: "none", "textbook", "light" or "strong".
        time_budget: how long training may take, such as "30m" or a number of seconds.
        checkpoint_every: how often a checkpoint is written within an epoch, such as
            "5m" or a number of seconds.
        seed: what everything random follows from.
        engine: what computes the frozen layers: "auto", "openvino" or "keras".
        precision: what the backbone computes in: "auto", "float32", "bfloat16" or
            "float16".
        devices: "one", "all" or "cpu".
    """

    recipe: str | None
    lr: float | str | None
    epochs: int | None
    optimizer: str | None
    schedule: str | None
    warmup: float | None
    weight_decay: float | None
    clip_norm: float | None
    label_smoothing: float | None
    patience: int | None
    ema: float | None
    accumulate: int | None
    batch: int | str | None
    views: int | None
    cache: bool | None
    augment: str | None
    time_budget: float | str | None
    checkpoint_every: float | str | None
    seed: int | None
    engine: str | None
    precision: str | None
    devices: str | None


class TrainOptions(PhaseOptions, total=False):
    """Options of `train`, besides those of `PhaseOptions`.

    Attributes:
        weights: "imagenet", "none" or a file.
        split: shares of training, validation and test, such as "75/15/10", or
            "slices".
        group_by: what images that stay in one part have in common: a column of a
            table, or a regular expression that is searched in their ids.
        limit: number of images to use at most, the same share of every class.
        exclude: a file that lists images to leave out: an id or a path on each line.
        image_size: side of the pictures in pixels.
        head: "linear" or "mlp".
        class_weights: "none", "auto" (rare classes count more) or a file of
            CLASS,WEIGHT lines.
        sampling: "natural", or "balanced" for as many images of every class in an
            epoch.
        loss: "cross-entropy" or "focal".
        monitor: the figure that tells the best epoch: "accuracy", "macro-f1" or
            "auto".
    """

    weights: str | Path | None
    split: str | None
    group_by: str | None
    limit: int | None
    exclude: str | Path | None
    image_size: int | None
    head: str | None
    class_weights: str | Path | None
    sampling: str | None
    loss: str | None
    monitor: str | None


class UnfreezeOptions(PhaseOptions, total=False):
    """Options of `unfreeze`, besides those of `PhaseOptions`.

    Attributes:
        last: share of the backbone that learns, such as "30%"; "100%" for all.
        start: the first layer that learns, and all after it do; its position, or the
            beginning of its name. On the command line, this is `--from`.
        gradual: number of stages in which the layers begin to learn, those nearest to
            the output first.
        layer_decay: factor by which the rate falls from a group of layers to the one
            before it.
        bn: "frozen" to keep the statistics and scales of BatchNormalization, or
            "train".
        keep: "best" for the best model on validation, the one before fine-tuning
            among them, or "last".
    """

    last: str | None
    start: str | None
    gradual: int | None
    layer_decay: float | None
    bn: str | None
    keep: str | None


def settings_of(options: Mapping[str, Any], phase: str) -> dict[str, Any]:
    """Returns options as `load_config` and `override` take them.

    Args:
        options: by the names above; None for what was not given.
        phase: whose options those are that both phases have, such as `epochs`:
            `frozen` or `fine_tune`.
    """
    of_phase = {item.name for item in fields(FineTune)}
    if phase == "frozen":
        of_phase.discard("views")  # the frozen phase's are the run's
    settings: dict[str, Any] = {phase: {}}
    for name, value in options.items():
        setting = _SETTINGS.get(name, name)
        table = settings[phase] if setting in of_phase else settings
        table[setting] = str(value) if isinstance(value, Path) else value
    return settings
