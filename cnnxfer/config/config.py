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
        backbone: the name of the backbone, one of the catalog.
        data: the data, such as a folder of class folders or `tf_flowers`.
        recipe: the recipe whose settings were taken, or `none`.
        weights: the backbone's first weights: `imagenet`, `none` for random ones, or a
            file.
        split: shares of training, validation and test, such as `75/15/10`, or
            `slices`, which is the textbook's, for a set of TensorFlow Datasets: the
            first tenth is the test part, and the next 15% are validation.
        image_size: side of the pictures in pixels; 0 for the backbone's own.
        head: `linear`, or `mlp` for a head with a hidden layer.
        exclude: a file that lists images to leave out: a path or an id on each line.
        group_by: what images that stay in one part have in common: a column of a
            table, or a regular expression that is searched in their ids.
        limit: number of images to use at most, the same share of every class; 0 for
            all.
        class_weights: how much each class counts in the loss: `none` for the same,
            `auto` for more the fewer images it has, or a file of CLASS,WEIGHT lines.
        sampling: whether an epoch shows every image once (`natural`), or as many
            images of every class (`balanced`).
        loss: `cross-entropy`, or `focal`, which counts hard images more.
        focal_gamma: how much more the focal loss counts hard images; 0 is
            cross-entropy.
        monitor: the figure that tells the best epoch on validation: `accuracy`;
            `macro-f1`, which counts rare classes as much as common ones; or `auto`:
            macro-F1 where classes are skewed, mean average precision where images
            have several labels, and else accuracy.
        views: number of random views of each training image that are computed and
            kept for the frozen phase.
        cache: whether what frozen layers compute of an image is kept; if not, every
            epoch draws new views, and the whole backbone runs on them again.
        engine: what computes frozen layers: the fastest engine that agrees with Keras
            (`auto`), or the one named.
        central_crop: side of the square that validation, test and prediction see, as
            a share of the picture's shorter side.
        dropout: share of the features that is left out at random in front of the head.
        batch_size: number of images in a step. 0 stands for 32, and on kept features
            for more the more images there are. With `auto`, fine-tuning tries which
            is the fastest.
        seed: what everything random follows from: the head's first weights and every
            view.
        precision: what the backbone computes in; `auto` is the fastest of which this
            processor is capable.
        devices: `one` accelerator, `all` of them, or the `cpu`.
        checkpoint_every: seconds between two checkpoints within an epoch.
        time_budget: seconds that training may take, both phases together; 0 for no
            limit. Fine-tuning has as many epochs as fit.
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
