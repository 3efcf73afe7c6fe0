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
AUGMENTATIONS = ("light", "strong")
CLASS_WEIGHTS = ("none", "balanced")

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
        label_smoothing: share of a label that is spread over all classes.
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
class Config:
    """All that decides what a run computes.

    Attributes:
        backbone: a name of the catalog.
        data: a specification of the data, such as `tf_flowers` or a folder.
        weights: `imagenet`, `none`, or a file.
        split: shares of train, validation and test, or `slices`.
        image_size: side in pixels; 0 for the backbone's own.
        head: `linear`, or `mlp` with a hidden layer.
        class_weights: `balanced` gives every class the same weight in the loss,
            however many images it has.
        views: how many random views of each training image are computed and kept.
        cache: whether they are kept; if not, every epoch of the frozen phase draws
            new ones, and the whole backbone runs on them again.
        augment: how training views differ: `light` by `crop` and `flip`; `strong` by
            size, shape and colour too, new in every epoch, so nothing is kept.
        engine: what computes the frozen backbone: the fastest that agrees with Keras
            (`auto`), or the one named.
        crop: side of the training views' random square, of the shorter side.
        flip: whether half of the training views are mirrored.
        central_crop: side of the square that validation, test and prediction see.
        dropout: rate in front of the head.
        batch_size: images a step; 0 is 32, and on kept features more for more images.
        seed: of the head's first weights and of every view.
        precision: of the backbone's arithmetic; `auto` follows the processor.
        devices: `one` accelerator, `all` of them, or the `cpu`.
        frozen: the first phase.
        fine_tune: the second.
    """

    backbone: str = setting("efficientnet-lite0", "--backbone")
    data: str = setting("sample", "--data")
    weights: str = setting("imagenet", "--weights")
    split: str = setting("75/15/10", "--split")
    image_size: int = setting(0, "--image-size", at_least=0)
    head: str = setting("linear", "--head", choices=HEADS)
    class_weights: str = setting("none", "--class-weights", choices=CLASS_WEIGHTS)
    views: int = setting(1, "--views", at_least=1, at_most=64)
    cache: bool = setting(True, "--no-cache")
    augment: str = setting("light", "--augment", choices=AUGMENTATIONS)
    engine: str = setting("auto", "--engine", choices=ENGINES)
    crop: float = setting(0.9, above=0, at_most=1)
    flip: bool = setting(True)
    central_crop: float = setting(0.875, above=0, at_most=1)
    dropout: float = setting(0.2, at_least=0, at_most=0.9)
    batch_size: int = setting(0, "--batch-size", at_least=0)
    seed: int = setting(42, "--seed", at_least=0, at_most=2**31 - 1)
    precision: str = setting("auto", "--precision", choices=PRECISIONS)
    devices: str = setting("one", "--devices", choices=DEVICES)
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
        path: a TOML file with keys of `Config` and the tables `frozen` and
            `fine_tune`; None for no file.
        overrides: the same keys and tables; a value of None overrides nothing.

    Raises:
        ConfigError: if the file cannot be read, or a key or a value is wrong.
    """
    config = Config()
    if path is not None:
        config = override(config, _read(path), f" in {path}")
    return override(config, overrides or {})


def override(section: Section, values: Mapping[str, Any], place: str = "") -> Section:
    """Returns `section` with some settings changed, each checked.

    Args:
        section: a `Config`, `Phase` or `FineTune`.
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
            if not isinstance(value, Mapping):
                raise ConfigError(f"{name}{place} must be a table: [{name}].")
            nested = f"{place}, [{name}]" if place else ""
            changed[name] = override(current, value, nested)
        else:
            limits = known[name].metadata
            label = f"{name}{place}" if place else limits["option"] or name
            changed[name] = _checked(value, types[name], limits, label)
    return dataclasses.replace(section, **changed)  # type: ignore[type-var]


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


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {reason_of(error)}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}.") from error
