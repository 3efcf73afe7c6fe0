"""The settings of a run, apart from those of its phases and its augmentation."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import tomli_w

from cnnxfer.config.augment import PRESETS, Augment
from cnnxfer.config.phases import FineTune, Frozen
from cnnxfer.config.recipes import NO_RECIPE, RECIPES
from cnnxfer.config.setting import setting

AUTO_TASK = "auto"
TASKS = (AUTO_TASK, "classification", "multi-label")
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
DEVICES = ("one", "all", "cpu")
ENGINES = ("auto", "openvino", "keras")
HEADS = ("linear", "mlp")
SAMPLINGS = ("natural", "balanced")
LOSSES = ("cross-entropy", "focal")
MONITORS = ("auto", "accuracy", "macro-f1")


@dataclass(frozen=True)
class Config:
    """All settings that decide what a run computes.

    Attributes:
        backbone: the name of a backbone in the catalog.
        data: the data to train on, such as `tf_flowers` or the path of a folder.
        task: what is learned: `classification`, one label an image; `multi-label`, any
            number of labels; or `auto`, which follows from the data.
        recipe: the recipe whose settings were taken, one of `RECIPES`; `none` if
            there was none.
        weights: the backbone's initial weights: `imagenet`, `none` for random ones,
            or the path of a file.
        split: the proportions of train, validation and test, such as `75/15/10`; or
            `slices`, which cuts a TFDS data set in its own order: the first 10% for
            test, the next 15% for validation and the rest for training.
        image_size: the side of the network's input, in pixels; 0 for the backbone's
            own size.
        head: `linear`, or `mlp`, which has a hidden layer.
        exclude: a file with the path or the id of one image in each line; these
            images are left out. "" for none.
        group_by: keeps images that belong together in the same split: the name of a
            column of the table, or a regular expression that is searched in the
            images' ids. "" for none.
        limit: the largest number of images to use, taken from all classes in
            proportion; 0 for all images.
        class_weights: the weight of each class in the loss: `none` for equal weights,
            `auto` for larger weights of classes with fewer images, or a file of
            CLASS,WEIGHT lines.
        sampling: `natural`, or `balanced`, which draws equally many images of every
            class in each epoch.
        loss: `cross-entropy`, or `focal`, which gives difficult images more weight.
        focal_gamma: how strongly the focal loss prefers difficult images; 0 is the
            same as cross-entropy.
        monitor: the validation metric that chooses the best epoch: `accuracy`;
            `macro-f1`, in which all classes count equally; or `auto`, which takes
            macro-F1 if the classes have very different sizes, mean average precision
            if images have several labels, and accuracy otherwise.
        views: how many random views of each training image the frozen phase computes
            and caches.
        cache: whether the activations of frozen layers are cached. If not, each epoch
            draws new views and runs the whole backbone on them.
        engine: what runs the frozen backbone: `openvino`, `keras`, or `auto`, the
            fastest one that agrees with Keras.
        central_crop: the side of the central square that validation, test and
            prediction see, as a fraction of the image's shorter side.
        dropout: the dropout rate before the head.
        batch_size: images per update; 0 is 32 or, on cached features, a number that
            grows with the number of images. -1, or `auto`, lets fine-tuning measure
            which size is fastest.
        seed: the seed of the head's initial weights and of all views.
        precision: the number format of the backbone's arithmetic: `float32`,
            `bfloat16`, `float16`, or `auto`, which depends on the processor.
        devices: `one` accelerator, `all` of them, or `cpu`.
        checkpoint_every: seconds between checkpoints within an epoch.
        time_budget: seconds that training may take, for both phases together; 0 for
            no limit. Fine-tuning is given as many epochs as fit.
        augment: how training views differ from the image. Views that differ in more
            than the visible region and flips are new in every epoch, and nothing is
            cached.
        frozen: the settings of the frozen phase.
        fine_tune: the settings of the fine-tuning phase.
    """

    backbone: str = setting("efficientnet-lite0", "--backbone")
    data: str = setting("sample", "--data")
    task: str = setting(AUTO_TASK, "--task", choices=TASKS)
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
