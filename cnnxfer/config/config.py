"""All that decides what a run computes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import tomli_w

from cnnxfer.config.augment import PRESETS, Augment
from cnnxfer.config.phases import FineTune, Frozen
from cnnxfer.config.recipes import NO_RECIPE, RECIPES
from cnnxfer.config.setting import setting

PRECISIONS = ("auto", "float32", "bfloat16", "float16")
DEVICES = ("one", "all", "cpu")
ENGINES = ("auto", "openvino", "keras")
HEADS = ("linear", "mlp")
SAMPLINGS = ("natural", "balanced")
LOSSES = ("cross-entropy", "focal")
MONITORS = ("auto", "accuracy", "macro-f1")


@dataclass(frozen=True)
class Config:
    """All that decides what a run computes.

    Attributes:
        backbone: a name of the catalog.
        data: a specification of the data, such as `tf_flowers` or a folder.
        recipe: whose settings were taken, one of `RECIPES`, or `none`.
        weights: `imagenet`, `none`, or a file.
        split: shares of train, validation and test, or `slices`.
        image_size: side in pixels; 0 for the backbone's own.
        head: `linear`, or `mlp` with a hidden layer.
        exclude: a file with an image's path or id a line, which are left out.
        group_by: images that have this in common stay in one part: a column of a
            table, or a regular expression that is searched in their ids.
        limit: use so many images at most, the same share of every class; 0 for all.
        class_weights: what each class counts in the loss: `none` for the same,
            `auto` for more the fewer images it has, or a file of CLASS,WEIGHT lines.
        sampling: `balanced` draws as many images of every class in an epoch.
        loss: `cross-entropy`, or `focal`, which minds hard images more.
        focal_gamma: how much more; 0 is cross-entropy.
        monitor: what tells the best epoch on validation: `accuracy`, `macro-f1`,
            which minds rare classes as much as common ones, or `auto`: the latter
            where classes are skewed, and mean average precision where images have
            several labels.
        views: how many random views of each training image are computed and kept
            for the frozen phase.
        cache: whether what a frozen layer makes of an image is kept; if not, every
            epoch draws new views, and the whole backbone runs on them again.
        engine: what computes the frozen backbone: the fastest that agrees with Keras
            (`auto`), or the one named.
        central_crop: side of the square that validation, test and prediction see.
        dropout: rate in front of the head.
        batch_size: images a step; 0 is 32, and on kept features more for more images.
            -1, or `auto`, has fine-tuning try which is the fastest.
        seed: of the head's first weights and of every view.
        precision: of the backbone's arithmetic; `auto` follows the processor.
        devices: `one` accelerator, `all` of them, or the `cpu`.
        checkpoint_every: seconds between two checkpoints within an epoch.
        time_budget: seconds that training may take, both phases together; 0 for as
            many as it takes. Fine-tuning has as many epochs as fit.
        augment: how training views differ. Unless by region and flip alone, they are
            new in every epoch, so nothing is kept.
        frozen: the first phase.
        fine_tune: the second.
    """

    backbone: str = setting("efficientnet-lite0", "--backbone")
    data: str = setting("sample", "--data")
    recipe: str = setting(NO_RECIPE, "--recipe", choices=(NO_RECIPE, *RECIPES))
    weights: str = setting("imagenet", "--weights")
    split: str = setting("75/15/10", "--split")
    image_size: int = setting(0, "--image-size", at_least=0)
    head: str = setting("linear", "--head", choices=HEADS)
    exclude: str = setting("", "--exclude")
    group_by: str = setting("", "--group-by")
    limit: int = setting(0, "--limit", at_least=0)
    class_weights: str = setting("none", "--class-weights")
    sampling: str = setting("natural", "--sampling", choices=SAMPLINGS)
    loss: str = setting("cross-entropy", "--loss", choices=LOSSES)
    focal_gamma: float = setting(2.0, at_least=0, at_most=10)
    monitor: str = setting("auto", "--monitor", choices=MONITORS)
    views: int = setting(1, "--views", at_least=1, at_most=64)
    cache: bool = setting(True, "--no-cache")
    engine: str = setting("auto", "--engine", choices=ENGINES)
    central_crop: float = setting(0.875, above=0, at_most=1)
    dropout: float = setting(0.2, at_least=0, at_most=0.9)
    batch_size: int = setting(0, "--batch", at_least=-1, words={"auto": -1})
    seed: int = setting(42, "--seed", at_least=0, at_most=2**31 - 1)
    precision: str = setting("auto", "--precision", choices=PRECISIONS)
    devices: str = setting("one", "--devices", choices=DEVICES)
    checkpoint_every: float = setting(
        300.0, "--checkpoint-every", above=0, duration=True
    )
    time_budget: float = setting(0.0, "--time-budget", at_least=0, duration=True)
    augment: Augment = field(default_factory=lambda: PRESETS["light"])
    frozen: Frozen = field(default_factory=Frozen)
    fine_tune: FineTune = field(default_factory=FineTune)

    def to_toml(self) -> str:
        """Returns every setting as TOML; `load_config` reads it back."""
        return tomli_w.dumps(dataclasses.asdict(self))
