"""Loads settings from recipes, files and options, and validates each of them."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from cnnxfer.config.augment import PRESETS, REGIONS, Augment
from cnnxfer.config.config import Config
from cnnxfer.config.phases import USUAL_LEARNING_RATES, FineTune, Scratch
from cnnxfer.config.recipes import NO_RECIPE, recipe_path, task_path
from cnnxfer.config.setting import settings_in, validated
from cnnxfer.errors import ConfigError, reason_of
from cnnxfer.files import read_file
from cnnxfer.registry import suggestion
from cnnxfer.spelling import option

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Section = TypeVar("Section", bound="DataclassInstance")
LATER_PHASE = "scratch"  # the first runs have no settings of it


def load_config(
    path: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    base: Config | None = None,
) -> Config:
    """Returns the defaults, overridden by a file and then by options.

    A recipe that the file names is applied before the file's other settings. One that
    the options name is applied after the file and before the other options.

    Args:
        path: a TOML file with the settings of `Config` and the tables `augment`,
            `frozen`, `scratch` and `fine_tune`; None for no file. `augment` may also be
            the name of a level.
        overrides: settings in the same form; None as a value overrides nothing. The
            recipe `none` ignores the recipe of the file.
        base: the settings to start from; by default those of `Config()`.

    Raises:
        ConfigError: if the file cannot be read, or a name or a value is wrong.
    """
    return _with_layers(base or Config(), layers(path, overrides or {}))


@dataclass(frozen=True)
class Layer:
    """Settings that come before those of the layers below.

    Attributes:
        source: what kind of layer it is.
        values: the settings by name; those of a table are in a mapping.
        origin: where the values come from, as `override` takes it.
        name: which recipe or file it is.
    """

    source: Literal["task", "recipe", "file", "option"]
    values: Mapping[str, Any]
    origin: str = ""
    name: str = ""


def layers(path: Path | None, options: Mapping[str, Any]) -> Iterator[Layer]:
    """Yields the layers of settings above the defaults, the lowest first.

    This is the order that all settings are put together in; see `load_config`.
    """
    recipe = options.get("recipe")
    if path:
        yield from _layers_of_file(path, _read_toml(path), recipe)
    if recipe is not None:
        yield from _layers_of_recipe(recipe)
    yield Layer("option", options)


def _layers_of_file(
    path: Path, values: dict[str, Any], recipe: str | None = None
) -> Iterator[Layer]:
    origin = f" in {path}"
    if recipe != NO_RECIPE and "recipe" in values:
        yield from _layers_of_recipe(values["recipe"], origin)
    yield Layer("file", _with_usual_learning_rate(values), origin, str(path))


def _layers_of_recipe(name: str, origin: str = "") -> Iterator[Layer]:
    override(Config(), {"recipe": name}, origin)  # fails if there is no such recipe
    yield Layer("recipe", {"recipe": name}, origin, name)
    if name != NO_RECIPE:
        path = recipe_path(name)
        yield Layer("recipe", _read_toml(path), f" in {path}", name)


def _with_layers(config: Config, layers: Iterable[Layer]) -> Config:
    for layer in layers:
        config = override(config, layer.values, layer.origin)
    return config


def load_all_settings(path: Path) -> Config:
    """Returns the settings of a file that had all of them when a run was made.

    A setting that is newer than the run has the value that stands for what all runs
    did before there was such a setting.

    Raises:
        ConfigError: if the file cannot be read, lacks a setting that all runs have, or
            a name or a value is wrong.
    """
    values = _with_later_settings(_read_toml(path))
    config = _with_layers(Config(), _layers_of_file(path, values))
    if missing := _missing(dataclasses.asdict(config), values):
        raise ConfigError(
            f"{path} lacks {missing}; the settings of a run are all in its file. Put "
            "back the file as it was, or train a new run."
        )
    return config


def _with_later_settings(values: dict[str, Any]) -> dict[str, Any]:
    """Adds the settings that are newer than a run, with what it did without them."""
    completed = _before(Config) | {LATER_PHASE: dataclasses.asdict(Scratch())} | values
    for name, section in vars(Config()).items():
        table = completed.get(name)
        # A level of augmentation may stand for its table.
        if dataclasses.is_dataclass(section) and isinstance(table, Mapping):
            completed[name] = _before(type(section)) | dict(table)
    return completed


def _before(section: type[Any]) -> dict[str, Any]:
    return {
        name: setting.before
        for name, setting in settings_in(section).items()
        if setting.before is not None
    }


def _missing(all_values: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    """Returns the first setting that is not among the values, with its table; or ""."""
    for name, value in all_values.items():
        if name not in values:
            return name
        # A level of augmentation may stand for its table.
        is_table = isinstance(value, dict) and isinstance(values[name], dict)
        if is_table and (missing := _missing(value, values[name])):
            return f"{name}.{missing}"
    return ""


def check_views(config: Config) -> None:
    """Checks that the views of an image differ, if there are several.

    Raises:
        ConfigError: if all views would be the same.
    """
    if config.views > 1 and not config.augment.operations:
        raise ConfigError(
            f"{option('--views')} is {config.views}, but without augmentation all "
            f"views of an image are the same. Use {option('--views', 1)}, or "
            f"{option('--augment', 'light')}."
        )


def check_places(config: Config, task: str, *, boxes: bool) -> None:
    """Checks that boxes or masks can follow the views of an image.

    Args:
        config: the settings.
        task: what messages call the task.
        boxes: whether it learns boxes. Masks are ignored beyond the edges of an image,
            but an object seen there again would be one without its box.

    Raises:
        ConfigError: if images are mixed, a border covers objects, or they are seen
            again beyond the edges.
    """
    augment = config.augment
    for name in ("mixup", "cutmix"):
        if name in augment.operations:
            raise ConfigError(
                f"{name} is {getattr(augment, name)}, but the places of objects in "
                f"mixed images are unknown, so the task {task} cannot learn from them. "
                f"Set {name} = 0 in [augment]."
            )
    if augment.padding != "none":
        raise ConfigError(
            f"padding is {augment.padding}, but its border may cover objects that the "
            f"task {task} would then look for. Use {option('--augment', 'boxes')}, or "
            "set padding = 'none' in [augment]."
        )
    # A letterboxed image has grey around it, whatever the fill is.
    shown = augment.is_filled and config.fit != "letterbox"
    if boxes and shown and augment.fill in ("reflect", "wrap"):
        raise ConfigError(
            f"fill is {augment.fill!r}, which shows objects again beyond the edges of "
            f"an image, where the task {task} has no boxes for them. "
            'Set fill = "constant" in [augment].'
        )


def check_phases(config: Config, phases: Sequence[str]) -> None:
    """Checks that phases have as many epochs as their other settings need.

    Args:
        config: the settings of a run.
        phases: the names of the phases to check.

    Raises:
        ConfigError: if a phase has fewer epochs than stages, or the warm-up is longer
            than a stage.
    """
    for name in phases:
        phase = getattr(config, name)
        epochs, stages = phase.epochs, 1
        if isinstance(phase, FineTune):
            check_stages(phase)
            stages = phase.gradual
        # Each stage has a warm-up; one-cycle has its own rise instead.
        if phase.schedule == "one-cycle" or phase.warmup_epochs <= epochs // stages:
            continue
        epochs_text = f"{option('--epochs')} is {epochs}" + f" in {stages} stages" * (
            stages > 1
        )
        raise ConfigError(
            f"{option('--warmup')} is {phase.warmup_epochs:g}, but {epochs_text} "
            f"([{name}]), so the learning rate would never reach its highest value. "
            f"Use a shorter {option('--warmup')}, or more {option('--epochs')}."
        )


def check_stages(settings: FineTune) -> None:
    """Checks that each stage of fine-tuning has an epoch.

    Raises:
        ConfigError: if there are more stages than epochs.
    """
    if settings.gradual > settings.epochs:
        raise ConfigError(
            f"{option('--gradual')} is {settings.gradual}, but {option('--epochs')} is "
            f"{settings.epochs}; each stage needs an epoch."
        )


def defaults_of(task: str) -> Config:
    """Returns the settings of a run for which none are given.

    Args:
        task: the name of its task, or `auto` if that is not known yet.

    Raises:
        ConfigError: if a setting is wrong.
    """
    return _with_layers(Config(), layers_of_task(task))


def layers_of_task(task: str) -> Iterator[Layer]:
    """Yields the layer of a task's own defaults, if it has some."""
    path = task_path(task)
    if path.is_file():
        yield Layer("task", _read_toml(path), f" in {path}", task)


def load_task_config(
    path: Path | None, overrides: Mapping[str, Any], task: str
) -> Config:
    """Returns the settings for a task: `load_config`, from `defaults_of` the task."""
    return load_config(path, overrides, defaults_of(task))


def with_recipe(config: Config, name: str, origin: str = "") -> Config:
    """Returns settings overridden by those of a recipe.

    Args:
        config: the settings to start from.
        name: one of `RECIPES`, or `none`.
        origin: where the recipe is named, as `override` takes it.

    Raises:
        ConfigError: if there is no such recipe.
    """
    return _with_layers(config, _layers_of_recipe(name, origin))


def override(section: Section, values: Mapping[str, Any], origin: str = "") -> Section:
    """Returns `section` with some settings changed, after validating them.

    Args:
        section: a `Config` or one of its sections, or the options of a prediction.
        values: the new settings by name; None as a value changes nothing.
        origin: where the values come from, such as " in FILE", for the messages; "" for
            the command line, whose messages name the option instead.

    Raises:
        ConfigError: if a name or a value is wrong.
    """
    settings = settings_in(type(section))
    known = [item.name for item in dataclasses.fields(section)]
    changed: dict[str, Any] = {}
    for name, value in values.items():
        if value is None:
            continue
        if name not in known:
            tables = [
                f"[{table}]"
                for table in known
                if table not in settings
                and name in settings_in(type(getattr(section, table)))
            ]
            first, _, last = ", ".join(tables).rpartition(", ")
            place = f"{first} or {last}" if first else last
            belongs = f" It belongs in {place}." if tables else ""
            hint = belongs or suggestion(name, known)
            raise ConfigError(f"unknown setting {name!r}{origin}.{hint}")
        if setting := settings.get(name):
            label = f"{name}{origin}" if origin else option(setting.option or name)
            changed[name] = validated(value, setting, label)
            continue
        current = getattr(section, name)  # a table
        if name == "augment" and isinstance(value, str):
            value = {"level": value}
        if not isinstance(value, Mapping):
            raise ConfigError(f"{name}{origin} must be a table: [{name}].")
        nested = f"{origin}, [{name}]" if origin else ""
        override_table = _override_augment if name == "augment" else override
        changed[name] = override_table(current, value, nested)
    return dataclasses.replace(section, **changed)


def _override_augment(
    current: Augment, values: Mapping[str, Any], origin: str
) -> Augment:
    """Returns `override(current, values)`, on the preset of a level in `values`."""
    if "level" in values:
        level = override(current, {"level": values["level"]}, origin).level
        current = PRESETS[level]
    augment = override(current, values, origin)
    regions = [name for name in REGIONS if name in augment.operations]
    if len(regions) > 1:
        one, other = regions[:2]
        raise ConfigError(
            f"{one} and {other}{origin} cannot be combined; with the level "
            f"{augment.level}, set one of them to 'none'."
        )
    least, most = augment.shorter_side, augment.shorter_side_to
    if least != "none" and (most == "none" or most < least):
        raise ConfigError(
            f"shorter_side_to{origin} is {most!r}; it must be at least shorter_side, "
            f"{least}."
        )
    return augment


def _with_usual_learning_rate(values: dict[str, Any]) -> dict[str, Any]:
    """Adds the usual learning rate for an optimizer of fine-tuning without a rate."""
    table = values.get("fine_tune")
    if not isinstance(table, Mapping) or "learning_rate" in table:
        return values
    rate = USUAL_LEARNING_RATES.get(str(table.get("optimizer")))  # None if unknown
    return {**values, "fine_tune": {**table, "learning_rate": rate}}


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_file(path).decode("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {reason_of(error)}.") from error
    except RecursionError as error:
        raise ConfigError(f"{path} is nested too deep for settings.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}.") from error
    except ValueError as error:  # Python limits the digits of whole numbers
        raise ConfigError(f"{path} has a number of too many digits.") from error
