"""The settings of a run, apart from those of its phases and its augmentation."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import tomli_w

from cnnxfer.config.augment import PRESETS, Augment
from cnnxfer.config.phases import FineTune, Frozen, Scratch
from cnnxfer.config.setting import setting

# How an image is fitted into the square that a network sees.
Fit = Literal["crop", "letterbox", "stretch"]

_data = partial(setting, group="Data")
_network = partial(setting, group="Network")
_training = partial(setting, group="Training")
_machine = partial(setting, group="Machine")


@dataclass(frozen=True)
class Config:
    """All settings that decide what a run computes."""

    data: str = _data(
        "cnnxfer:sample",
        "A folder with a subfolder for each class, a table, an archive, or the name of "
        "a TFDS set.",
        "--data",
        short="-d",
        meanings={"cnnxfer:sample": "synthetic flowers, to try it"},
        is_path=True,
    )
    backbone: str = _network(
        "efficientnet-lite0",
        "A name from `cnnxfer backbones`.",
        "--backbone",
        short="-b",
    )
    task: Literal[
        "auto",
        "classification",
        "multi-label",
        "localization",
        "detection",
        "segmentation",
    ] = _data(
        "auto",
        "What is learned of an image: one label or several, one box or several, or the "
        "class of every pixel.",
        "--task",
        meanings={"auto": "as the data is labelled"},
    )
    recipe: Literal["none", "textbook", "fast", "best"] = _training(
        "none",
        "Settings that belong together; fast takes minutes on two cores.",
        "--recipe",
        meanings={"none": "the defaults told here"},
    )
    weights: str | Literal["imagenet", "none"] = _network(
        "imagenet",
        "Initial weights of the backbone; none for random ones.",
        "--weights",
        is_path=True,
    )
    from_scratch: bool | Literal["auto"] = _network(
        "auto",
        "All layers learn from random weights, or the backbone is frozen. For a "
        "backbone that has no weights, `auto` is an error.",
        "--from-scratch",
        meanings={"auto": "frozen"},
        opposite="--freeze",
        before=False,
    )
    split: str | Literal["slices"] = _data(
        "75/15/10",
        "Proportions of train/validation/test, or slices. `slices` cuts a TFDS data "
        "set in its own order: the first 10% for test, the next 15% for validation and "
        "the rest for training.",
        "--split",
    )
    image_size: int | Literal["auto"] = _network(
        "auto",
        "Side of the network's input in pixels.",
        "--image-size",
        meanings={"auto": "the backbone's own"},
        at_least=1,
    )
    head: Literal[
        "linear",
        "mlp",
        "euclidean",
        "vote",
        "textbook",
        "pyramid",
        "fine-pyramid",
        "fcn8",
        "fcn16",
        "fcn32",
    ] = _network(
        "linear",
        "The new head, of those that the task has. For classes, `mlp` has a hidden "
        "layer, and `euclidean` is LeNet-5's output: the nearest centre is the answer. "
        "One box is voted for by all places (`vote`), or read from pooled features "
        "(`textbook`). Many boxes and masks have a pyramid of maps; `fine-pyramid` "
        "adds a finer map, for small things; `fcn8`, `fcn16` and `fcn32` are the fully "
        "convolutional networks.",
        "--head",
    )
    fit: Literal["crop", "letterbox", "stretch"] = _data(
        "crop",
        "What the network sees of an image: a square crop, or all of it on grey or "
        "squeezed. `crop`, which is usual for classes, shows the square in the middle "
        "(`central_crop`), or a random one. `letterbox`, which is usual for boxes and "
        "masks, keeps the image's shape and draws it on a grey square, and `stretch` "
        "makes a square of it.",
        "--fit",
        before="crop",
    )
    exclude: str | Literal["none"] = _data(
        "none",
        "A file of images to leave out: a path or an id in each line.",
        "--exclude",
        meanings={"none": "no image is left out"},
        is_path=True,
    )
    group_by: str | Literal["none"] = _data(
        "none",
        "Keep images together in one split: a column of the table, or a pattern in "
        "their ids. The pattern is a regular expression that is searched in the ids.",
        "--group-by",
        meanings={"none": "each image by itself"},
    )
    limit: int | Literal["all"] = _data(
        "all",
        "Use at most this many images, in proportion from all classes.",
        "--limit",
        meanings={"all": "every image"},
        at_least=1,
    )
    ignore: str | Literal["none"] = _data(
        "none",
        "Classes of masks that neither teach nor count, by name or value: void,255. "
        "The value 255 is one of them where no class is named for it.",
        "--ignore",
        before="none",
        meanings={"none": "all count"},
    )
    class_weights: str | Literal["none", "auto"] = _training(
        "none",
        "Weights of the classes in the loss: auto (more for rare classes) or a file of "
        "CLASS,WEIGHT lines.",
        "--class-weights",
        meanings={"none": "all weigh the same"},
        is_path=True,
    )
    sampling: Literal["natural", "balanced"] = _training(
        "natural",
        "balanced draws equally many images of every class in each epoch.",
        "--sampling",
        meanings={"natural": "every image once an epoch"},
    )
    loss: Literal["cross-entropy", "focal"] = _training(
        "cross-entropy",
        "What training makes small; in focal, difficult images count more.",
        "--loss",
    )
    focal_gamma: float = setting(
        2.0,
        "How strongly the focal loss prefers difficult images; 0 is cross-entropy.",
        at_least=0,
        at_most=10,
    )
    monitor: Literal["auto", "accuracy", "macro-f1"] = _training(
        "auto",
        "The validation metric that chooses the best epoch. In macro-F1, all classes "
        "count equally. `auto` takes macro-F1 if the classes have very different "
        "sizes, mean average precision if images have several labels, mean IoU for "
        "one box an image, AP for any number of boxes, mIoU for masks, and accuracy "
        "otherwise.",
        "--monitor",
        meanings={"auto": "what suits the task and the classes"},
    )
    views: int = _training(
        1,
        "Random views of each training image that are computed once, for all epochs.",
        "--views",
        at_least=1,
        at_most=64,
    )
    cache: bool = _machine(
        True,
        "Cache the activations of frozen layers, or compute them in every epoch. If "
        "they are computed in every epoch, it has new views.",
        "--cache",
    )
    engine: Literal["auto", "openvino", "keras"] = _machine(
        "auto",
        "What runs the frozen layers.",
        "--engine",
        meanings={"auto": "the fastest that agrees with Keras"},
    )
    central_crop: float = setting(
        0.875,
        "Side of the central square that validation, test and prediction see, as a "
        "fraction of the image's shorter side, where the fit is `crop`. `model.keras` "
        "expects this square, and says so in its metadata.",
        above=0,
        at_most=1,
    )
    dropout: float = setting(
        0.2, "The dropout rate before the head.", at_least=0, at_most=0.9
    )
    batch_size: int | Literal["default", "auto"] = _training(
        "default",
        "Images per update; auto measures the fastest number. "
        "On cached features, `default` grows with the number of images.",
        "--batch",
        meanings={"default": "32, and more on cached features"},
        at_least=1,
    )
    seed: int = _training(
        42,
        "The number from which random weights and all views follow; the same number "
        "gives the same run again.",
        "--seed",
        at_least=0,
        at_most=2**31 - 1,
    )
    precision: Literal["auto", "float32", "bfloat16", "float16", "int8"] = _machine(
        "auto",
        "Number format of the backbone's arithmetic. int8 is for frozen layers whose "
        "activations are cached, on processors with VNNI or AMX; the rest is as with "
        "auto.",
        "--precision",
        meanings={"auto": "what the processor is fast at"},
    )
    devices: Literal["one", "all", "cpu"] = _machine(
        "one",
        "One accelerator, all of them and of all workers, or the processor.",
        "--devices",
    )
    wait: float = _machine(
        300.0,
        "How long the workers wait for each other at the start, such as 10m; with all "
        "devices of several machines.",
        "--wait",
        before=300.0,
        above=0,
        is_time=True,
    )
    checkpoint_every: float = _training(
        300.0,
        "Time between checkpoints within an epoch, or of a head on cached features.",
        "--checkpoint-every",
        above=0,
        is_time=True,
    )
    time_budget: float | Literal["none"] = _training(
        "none",
        "The longest time to train, such as 30m; computing cached features may take "
        "longer. It is for both phases together: each is given as many epochs as fit.",
        "--time-budget",
        meanings={"none": "no limit"},
        above=0,
        is_time=True,
    )
    report: bool = _machine(
        True,
        "Leave a page about the run in it, report.html, where that takes a moment.",
        "--report",
        before=False,
    )
    augment: Augment = field(default_factory=lambda: PRESETS["light"])
    frozen: Frozen = field(default_factory=Frozen)
    scratch: Scratch = field(default_factory=Scratch)
    fine_tune: FineTune = field(default_factory=FineTune)

    @property
    def first_phase(self) -> Literal["frozen", "scratch"]:
        """The phase that `train` runs, whose settings are in the table of its name."""
        return "scratch" if self.from_scratch is True else "frozen"

    @property
    def central_fraction(self) -> float:
        """How much of an image, or of its frame, the central view shows, in (0, 1].

        It is the side of the square as a fraction of the shorter side.
        """
        return self.central_crop if self.fit == "crop" else 1.0

    def to_toml(self) -> str:
        """Returns every setting as TOML; `load_config` reads it back."""
        return tomli_w.dumps(dataclasses.asdict(self))
