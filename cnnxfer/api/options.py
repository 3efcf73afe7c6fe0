"""The options of `train` and `unfreeze`, with the names of the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypedDict

from cnnxfer.config import FineTune

# The options that have other names in configuration files.
_SETTING_NAMES = {
    "lr": "learning_rate",
    "warmup": "warmup_epochs",
    "bn": "batch_norm",
    "batch": "batch_size",
}


class PhaseOptions(TypedDict, total=False):
    """The options that both phases have; None, or a missing option, changes nothing.

    Attributes:
        recipe: the recipe whose settings are taken: "textbook", "fast" or "best".
        lr: the highest learning rate, or "auto".
        epochs: passes over the training images.
        optimizer: "sgd", "adamw", "adam", "lion" or "rmsprop".
        schedule: "cosine", "constant", "one-cycle", "inverse-time", "step" or
            "plateau".
        warmup: epochs in which the learning rate rises to its highest value.
        weight_decay: the decoupled weight decay per update, which is multiplied by the
            learning rate.
        clip_norm: the largest norm of the gradient; 0 for no limit.
        label_smoothing: the fraction of a label that is spread over all classes.
        patience: epochs without improvement after which the phase ends.
        ema: the decay of the moving average of the weights.
        accumulate: the number of parts of a batch that are computed one after the
            other.
        batch: images per update, or "auto".
        views: how many random views of each training image are computed and cached.
        cache: whether the activations of frozen layers are cached; if not, each epoch
            computes the whole backbone.
        augment: how views differ: "none", "textbook", "light" or "strong".
        time_budget: how long training may take, such as "30m" or a number of seconds.
        checkpoint_every: the time between checkpoints within an epoch, such as "5m" or
            a number of seconds.
        seed: the seed of all random numbers.
        engine: what runs the frozen layers: "auto", "openvino" or "keras".
        precision: the number format of the backbone's arithmetic: "auto", "float32",
            "bfloat16" or "float16".
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
    """The additional options of `train`.

    Attributes:
        task: "classification", "multi-label", or "auto", which follows from the data.
        weights: the backbone's initial weights: "imagenet", "none" or a file.
        split: the proportions of train, validation and test, such as "75/15/10"; or
            "slices".
        group_by: keeps images that belong together in the same split: a column of the
            table, or a regular expression that is searched in the images' ids.
        limit: the largest number of images to use, taken from all classes in
            proportion.
        exclude: a file with the id or the path of one image in each line; these images
            are left out.
        image_size: the side of the network's input, in pixels.
        head: "linear" or "mlp".
        class_weights: "none", "auto" (rarer classes get larger weights) or a file of
            CLASS,WEIGHT lines.
        sampling: "natural", or "balanced" for equally many images of every class in
            each epoch.
        loss: "cross-entropy" or "focal".
        monitor: the validation metric that chooses the best epoch: "accuracy",
            "macro-f1" or "auto".
    """

    task: str | None
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
    """The additional options of `unfreeze`.

    Attributes:
        last: the percentage of the backbone's layers that learn, such as "30%"; "100%"
            for all.
        start: the first layer that learns, by its position or the beginning of its
            name; `--from` on the command line.
        gradual: the number of stages in which the layers start to learn.
        layer_decay: the factor by which the learning rate falls from one group of
            layers to the group before it.
        bn: "frozen" keeps the statistics and scales of BatchNormalization, "train"
            trains them.
        keep: the model that is saved: "best" or "last".
    """

    last: str | None
    start: str | None
    gradual: int | None
    layer_decay: float | None
    bn: str | None
    keep: str | None


def settings_of(options: Mapping[str, Any], phase: str) -> dict[str, Any]:
    """Returns options as the settings that `load_config` and `override` take.

    Args:
        options: values by the names of the options; None for an option that was not
            given.
        phase: the phase that options such as `epochs` are for, `frozen` or `fine_tune`.
    """
    phase_settings = {item.name for item in fields(FineTune)}
    if phase == "frozen":
        phase_settings.discard("views")  # it is a setting of the run, not of the phase
    settings: dict[str, Any] = {phase: {}}
    for name, value in options.items():
        setting = _SETTING_NAMES.get(name, name)
        table = settings[phase] if setting in phase_settings else settings
        table[setting] = str(value) if isinstance(value, Path) else value
    return settings
