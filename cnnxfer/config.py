"""What can be set, checked before any work; TOML in, TOML out.

A default is the value in the class. A configuration file overrides it, and an option
on the command line overrides both.
"""

from __future__ import annotations

import dataclasses
import operator
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import tomli_w

from cnnxfer.errors import ConfigError, reason_of
from cnnxfer.registry import suggestion

OPTIMIZERS = ("sgd", "adamw")
SCHEDULES = ("constant", "cosine", "inverse-time")
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
DEVICES = ("one", "all", "cpu")
BATCH_NORM = ("frozen", "train")
ENGINES = ("auto", "openvino", "keras")
HEADS = ("linear", "mlp")
LEVELS = ("none", "textbook", "light", "strong")
FILLS = ("nearest", "reflect", "wrap", "constant")
SAMPLINGS = ("natural", "balanced")
LOSSES = ("cross-entropy", "focal")
MONITORS = ("auto", "accuracy", "macro-f1")

Section = TypeVar("Section")


def setting(default: Any, option: str | None = None, **limits: Any) -> Any:
    """Declares a setting: its default, its command-line option and its limits.

    Limits are `above`, `at_least`, `at_most` and `choices`. Without an option, the
    setting is in the reach of configuration files only.
    """
    return field(default=default, metadata={"option": option, **limits})


@dataclass(frozen=True)
class Phase:
    """How one phase trains. The defaults are the frozen phase's.

    Attributes:
        epochs: passes over the training images.
        learning_rate: the highest; the schedule lowers it step by step. 0 has the
            frozen phase find it. On kept features, it is that of features which are
            scaled to a spread of 1.
        optimizer: `sgd` (with momentum) or `adamw`, which is Adam without decay.
        momentum: of SGD.
        nesterov: Nesterov's form of momentum, for SGD.
        weight_decay: per step, times the learning rate (the decoupled form), but
            not of biases and normalization. 0 is none; on kept features, where a
            head needs it, 0 is 1.0.
        schedule: `cosine` to zero, `constant`, or `inverse-time`, the textbook's
            learning_rate / (1 + decay * step).
        decay: of `inverse-time`, per step.
        warmup_epochs: over which the rate climbs to its highest.
        clip_norm: longest gradient, over all weights together; 0 for any length.
        label_smoothing: share of a label that is spread over all classes, where an
            image has one.
    """

    epochs: int = setting(10, "--epochs", at_least=1)
    learning_rate: float = setting(0.0, "--lr", at_least=0)
    optimizer: str = setting("adamw", "--optimizer", choices=OPTIMIZERS)
    momentum: float = setting(0.9, at_least=0, at_most=1)
    nesterov: bool = setting(False)
    weight_decay: float = setting(0.0, at_least=0)
    schedule: str = setting("cosine", "--schedule", choices=SCHEDULES)
    decay: float = setting(0.01, at_least=0)
    warmup_epochs: float = setting(0.0, at_least=0)
    clip_norm: float = setting(0.0, at_least=0)
    label_smoothing: float = setting(0.0, at_least=0, at_most=0.9)


@dataclass(frozen=True)
class FineTune(Phase):
    """The fine-tuning phase: `Phase` and what learns in it.

    Attributes:
        last: share of the backbone's weighted layers that learn, counted from the
            output: `100%` is all of it.
        batch_norm: `frozen` keeps BatchNormalization's statistics and scales.
    """

    epochs: int = setting(8, "--epochs", at_least=1)
    learning_rate: float = setting(0.01, "--lr", above=0)
    optimizer: str = setting("sgd", "--optimizer", choices=OPTIMIZERS)
    nesterov: bool = setting(True)
    warmup_epochs: float = setting(0.5, at_least=0)
    clip_norm: float = setting(1.0, at_least=0)
    label_smoothing: float = setting(0.1, at_least=0, at_most=0.9)
    last: str = setting("33%", "--last")
    batch_norm: str = setting("frozen", "--bn", choices=BATCH_NORM)

    @property
    def fraction(self) -> float:
        """`last` as a fraction in (0, 1].

        Raises:
            ConfigError: if it is no such share.
        """
        try:
            fraction = float(self.last.removesuffix("%")) / 100
        except ValueError:
            fraction = 0.0
        if not self.last.endswith("%") or not 0 < fraction <= 1:
            raise ConfigError(
                f"--last is {self.last!r}; expected a share of the backbone such as "
                "30%, above 0% and at most 100%."
            )
        return fraction


@dataclass(frozen=True)
class Augment:
    """How training views differ. The defaults change nothing.

    What a view shows is a square or a rectangle of the picture, chosen by one of
    `crop`, `area` and `shorter_side`. Of each other setting, a view draws its own
    amount, uniformly from all up to the one given, in both directions.

    Attributes:
        level: the preset that the others start from.
        crop: side of a random square, of the shorter side; 0 for the square in the
            middle that validation sees.
        area: least share of the picture that a random rectangle has; 0 for none.
        aspect: the widest shape of that rectangle, width over height; the narrowest
            is its inverse.
        shorter_side: least length in pixels to which the shorter side is scaled,
            before a square of the network's size is taken; 0 for none.
        shorter_side_to: the greatest.
        flip: whether half of the views are mirrored left to right.
        vertical_flip: whether half of them are mirrored top to bottom.
        rotation: in degrees.
        shift: of the view's side, across and down.
        shear: in degrees, across and down.
        zoom: 0.2 shows things 1.2 times larger, or smaller, at most.
        fill: what is seen beyond the picture's edges: `nearest` pixels, the picture
            mirrored (`reflect`) or repeated (`wrap`), or a `constant` grey.
        fill_value: that grey, and the one of `cutout`, from 0 to 255.
        brightness: 0.4 scales all values by 0.6 to 1.4.
        contrast: the same for their distance from the mean luma.
        saturation: the same for their distance from the pixel's luma.
        hue: turns colours, in degrees of the circle of colours.
        channel_shift: added to red, green and blue each, in levels of 255.
        greyscale: share of the views that lose their colours.
        blur: standard deviation in pixels of the network's; half of the views have
            none.
        noise: standard deviation in levels of 255; half of the views have none.
        cutout: side of a square that is covered, of the view's side; always this.
        randaugment: how many operations of RandAugment a view goes through.
        magnitude: how strong these are, from 0 to 10.
        mixup: alpha of MixUp, which blends two images and their labels; 0 for none.
        cutmix: alpha of CutMix, which puts a part of one into another; 0 for none.
            With both, half of the batches go through each.

    Sources: area and aspect: Szegedy et al., 2015, https://arxiv.org/abs/1409.4842;
    shorter_side: Simonyan and Zisserman, 2015, https://arxiv.org/abs/1409.1556; light
    and colour: Howard, 2013, https://arxiv.org/abs/1312.5402; cutout: DeVries and
    Taylor, 2017, https://arxiv.org/abs/1708.04552; randaugment: Cubuk et al., 2019,
    https://arxiv.org/abs/1909.13719; mixup: Zhang et al., 2018,
    https://arxiv.org/abs/1710.09412; cutmix: Yun et al., 2019,
    https://arxiv.org/abs/1905.04899.
    """

    level: str = setting("none", "--augment", choices=LEVELS)
    crop: float = setting(0.0, at_least=0, at_most=1)
    area: float = setting(0.0, at_least=0, at_most=1)
    aspect: float = setting(4 / 3, at_least=1, at_most=4)
    shorter_side: int = setting(0, at_least=0, at_most=4096)
    shorter_side_to: int = setting(0, at_least=0, at_most=4096)
    flip: bool = setting(False)
    vertical_flip: bool = setting(False)
    rotation: float = setting(0.0, at_least=0, at_most=180)
    shift: float = setting(0.0, at_least=0, at_most=1)
    shear: float = setting(0.0, at_least=0, at_most=45)
    zoom: float = setting(0.0, at_least=0, at_most=3)
    fill: str = setting("reflect", choices=FILLS)
    fill_value: int = setting(128, at_least=0, at_most=255)
    brightness: float = setting(0.0, at_least=0, at_most=1)
    contrast: float = setting(0.0, at_least=0, at_most=1)
    saturation: float = setting(0.0, at_least=0, at_most=1)
    hue: float = setting(0.0, at_least=0, at_most=180)
    channel_shift: float = setting(0.0, at_least=0, at_most=255)
    greyscale: float = setting(0.0, at_least=0, at_most=1)
    blur: float = setting(0.0, at_least=0, at_most=20)
    noise: float = setting(0.0, at_least=0, at_most=255)
    cutout: float = setting(0.0, at_least=0, at_most=1)
    randaugment: int = setting(0, at_least=0, at_most=14)
    magnitude: float = setting(5.0, at_least=0, at_most=10)
    mixup: float = setting(0.0, at_least=0, at_most=10)
    cutmix: float = setting(0.0, at_least=0, at_most=10)

    @cached_property  # every view asks
    def operations(self) -> dict[str, Any]:
        """The settings that make views differ, by name: those that are not 0."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: it for name, it in values.items() if it and name not in MANNERS}

    @property
    def plain(self) -> bool:
        """Whether views differ by crop and flip alone, so that few stand for many."""
        return self.operations.keys() <= {"crop", "flip"}

    @property
    def region(self) -> str:
        """The one of `REGIONS` that decides what part is seen; "" for the middle."""
        return next((name for name in REGIONS if name in self.operations), "")


# What decides where a view lies: one of them at most.
REGIONS = ("crop", "area", "shorter_side")
# How something is done that other settings ask for.
MANNERS = ("level", "aspect", "shorter_side_to", "fill", "fill_value", "magnitude")
PRESETS = {
    "none": Augment(),
    "textbook": Augment("textbook", crop=0.9, flip=True),
    "light": Augment("light", crop=0.9, flip=True),
    "strong": Augment(
        "strong", area=0.35, flip=True, brightness=0.4, contrast=0.4, saturation=0.4
    ),
}


@dataclass(frozen=True)
class Config:
    """All that decides what a run computes.

    Attributes:
        backbone: a name of the catalog.
        data: a specification of the data, such as `tf_flowers` or a folder.
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
        views: how many random views of each training image are computed and kept.
        cache: whether they are kept; if not, every epoch of the frozen phase draws
            new ones, and the whole backbone runs on them again.
        engine: what computes the frozen backbone: the fastest that agrees with Keras
            (`auto`), or the one named.
        central_crop: side of the square that validation, test and prediction see.
        dropout: rate in front of the head.
        batch_size: images a step; 0 is 32, and on kept features more for more images.
        seed: of the head's first weights and of every view.
        precision: of the backbone's arithmetic; `auto` follows the processor.
        devices: `one` accelerator, `all` of them, or the `cpu`.
        augment: how training views differ. Unless by crop and flip alone, they are
            new in every epoch, so nothing is kept.
        frozen: the first phase.
        fine_tune: the second.
    """

    backbone: str = setting("efficientnet-lite0", "--backbone")
    data: str = setting("sample", "--data")
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
    batch_size: int = setting(0, "--batch-size", at_least=0)
    seed: int = setting(42, "--seed", at_least=0, at_most=2**31 - 1)
    precision: str = setting("auto", "--precision", choices=PRECISIONS)
    devices: str = setting("one", "--devices", choices=DEVICES)
    augment: Augment = field(default_factory=lambda: PRESETS["light"])
    frozen: Phase = field(default_factory=Phase)
    fine_tune: FineTune = field(default_factory=FineTune)

    def to_toml(self) -> str:
        """Returns every setting as TOML; `load_config` reads it back."""
        return tomli_w.dumps(dataclasses.asdict(self))


def load_config(
    path: Path | None = None, overrides: Mapping[str, Any] | None = None
) -> Config:
    """Returns the defaults, overridden by a file and then by options.

    Args:
        path: a TOML file with keys of `Config` and the tables `augment`, `frozen` and
            `fine_tune`; None for no file. `augment` may be the name of a level.
        overrides: the same; a value of None overrides nothing.

    Raises:
        ConfigError: if the file cannot be read, or a key or a value is wrong.
    """
    config = Config()
    if path is not None:
        config = override(config, _of_today(_read(path)), f" in {path}")
    config = override(config, overrides or {})
    if config.views > 1 and not config.augment.operations:
        raise ConfigError(
            f"--views is {config.views}, but without augmentation all views of an "
            "image are the same. Use --views 1, or --augment light."
        )
    return config


def override(section: Section, values: Mapping[str, Any], place: str = "") -> Section:
    """Returns `section` with some settings changed, each checked.

    Args:
        section: a `Config` or a section of one.
        values: settings by name; None changes nothing.
        place: where they come from (" in FILE"); "" for the command line, whose
            options the messages then name.

    Raises:
        ConfigError: if a name or a value is wrong.
    """
    known = {item.name: item for item in fields(section)}  # type: ignore[arg-type]
    types = get_type_hints(type(section))
    changed: dict[str, Any] = {}
    for name, value in values.items():
        if value is None:
            continue
        if name not in known:
            near = suggestion(name, known)
            raise ConfigError(f"unknown setting {name!r}{place}.{near}")
        current = getattr(section, name)
        if dataclasses.is_dataclass(current):
            if name == "augment" and isinstance(value, str):
                value = {"level": value}
            if not isinstance(value, Mapping):
                raise ConfigError(f"{name}{place} must be a table: [{name}].")
            nested = f"{place}, [{name}]" if place else ""
            if isinstance(current, Augment):
                changed[name] = _augmented(current, value, nested)
            else:
                changed[name] = override(current, value, nested)
        else:
            limits = known[name].metadata
            label = f"{name}{place}" if place else limits["option"] or name
            changed[name] = _checked(value, types[name], limits, label)
    return dataclasses.replace(section, **changed)  # type: ignore[type-var]


def _augmented(current: Augment, values: Mapping[str, Any], place: str) -> Augment:
    """Returns `override(current, values)`; a level starts from its preset."""
    if "level" in values:
        level = override(current, {"level": values["level"]}, place).level
        current = PRESETS[level]
    augment = override(current, values, place)
    regions = [name for name in REGIONS if getattr(augment, name)]
    if len(regions) > 1:
        one, other = regions[:2]
        raise ConfigError(
            f"{one} and {other}{place} exclude each other; with the level "
            f"{augment.level}, set one of them to 0."
        )
    if augment.shorter_side_to < augment.shorter_side:
        raise ConfigError(
            f"shorter_side_to{place} is {augment.shorter_side_to}; it must be at least "
            f"shorter_side, {augment.shorter_side}."
        )
    return augment


def _checked(value: Any, kind: type[Any], limits: Mapping[str, Any], label: str) -> Any:
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise ConfigError(f"{label} is {value!r}; expected {_KINDS[kind]}.")
    if kind is str and value.encode(errors="ignore").decode() != value:
        raise ConfigError(
            f"{label} is {value!r}, which is not UTF-8, as config.toml must be. "
            "Give it another name, or a link to it."
        )
    if "choices" in limits and value not in limits["choices"]:
        near = suggestion(str(value), limits["choices"])
        raise ConfigError(f"{label} is {value!r}.{near}")
    for limit, (holds, words) in _LIMITS.items():
        if limit in limits and not holds(value, limits[limit]):
            bound = limits[limit]
            raise ConfigError(f"{label} is {value}; it must be {words} {bound}.")
    return value


_LIMITS: dict[str, tuple[Callable[[Any, Any], bool], str]] = {
    "above": (operator.gt, "above"),
    "at_least": (operator.ge, "at least"),
    "at_most": (operator.le, "at most"),
}
_KINDS = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    bool: "true or false",
}


def _of_today(values: dict[str, Any]) -> dict[str, Any]:
    """Returns settings of a file, of which the oldest runs have other names."""
    level = values.get("augment", "light")
    if isinstance(level, str):  # "strong" had a region of its own
        given = {name: values.pop(name) for name in ("crop", "flip") if name in values}
        values["augment"] = {"level": level} | (given if level == "light" else {})
    if values.get("class_weights") == "balanced":
        values["class_weights"] = "auto"
    return values


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {reason_of(error)}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}.") from error
