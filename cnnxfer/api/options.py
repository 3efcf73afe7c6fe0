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
    """What both phases take; what is None or absent stays as it is.

    Attributes:
        recipe: "textbook", "fast" or "best", whose settings are taken.
        lr: highest learning rate, or "auto".
        epochs: passes over the training images.
        optimizer: "sgd", "adamw", "adam", "lion" or "rmsprop".
        schedule: "cosine", "constant", "one-cycle", "inverse-time", "step" or
            "plateau".
        warmup: epochs over which the rate climbs to its highest.
        weight_decay: decoupled, per step, times the rate.
        clip_norm: longest gradient; 0 for any length.
        label_smoothing: share of a label that is spread over all classes.
        patience: epochs without a better one after which the phase ends.
        ema: share that the moving average of the weights keeps at each step.
        accumulate: parts of a batch that are computed one after the other.
        batch: images a step, or "auto".
        views: random views of each training image that are computed and kept.
        cache: False keeps nothing: every epoch computes the whole backbone.
        augment: how views differ: "none", "textbook", "light" or "strong".
        time_budget: how long training may take, such as "30m" or a number of seconds.
        checkpoint_every: how often a checkpoint is written within an epoch.
        seed: of all that is random.
        engine: of what is frozen: "auto", "openvino" or "keras".
        precision: of the backbone's arithmetic: "auto", "float32", "bfloat16" or
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
    """What `train` takes besides.

    Attributes:
        weights: "imagenet", "none" or a file.
        split: "75/15/10" or "slices".
        group_by: what images have in common that must stay in one part: a column of
            a table, or a regular expression that is searched in their ids.
        limit: how many images to use at most, the same share of every class.
        exclude: a file with the id or the path of an image a line, to leave out.
        image_size: side in pixels.
        head: "linear" or "mlp".
        class_weights: "none", "auto" (the more, the rarer) or a file of CLASS,WEIGHT
            lines.
        sampling: "natural", or "balanced": as many images of every class an epoch.
        loss: "cross-entropy" or "focal".
        monitor: what tells the best epoch: "accuracy", "macro-f1", or "auto".
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
    """What `unfreeze` takes besides.

    Attributes:
        last: share of the backbone that learns, such as "30%"; "100%" for all.
        start: the layer from which on all learn, by its position or the beginning
            of its name: the command line's `--from`.
        gradual: in how many stages the layers begin to learn.
        layer_decay: by how much the rate falls from a group of layers to the one
            before.
        bn: "frozen" keeps BatchNormalization as it is, "train" does not.
        keep: "best" or "last".
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
