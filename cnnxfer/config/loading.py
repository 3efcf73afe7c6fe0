"""Settings from a recipe, a file and the command line, each checked."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from cnnxfer.config.augment import PRESETS, REGIONS, Augment
from cnnxfer.config.config import Config
from cnnxfer.config.phases import USUAL_RATES, FineTune
from cnnxfer.config.recipes import NO_RECIPE, recipe_path
from cnnxfer.config.setting import checked
from cnnxfer.errors import ConfigError, reason_of
from cnnxfer.registry import suggestion

Section = TypeVar("Section")


def load_config(
    path: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    base: Config | None = None,
) -> Config:
    """Returns the defaults, overridden by a file, and then by options.

    A recipe in the file lies below the file's other settings, one among the options
    above them and below the other options.

    Args:
        path: a TOML file with keys of `Config` and the tables `augment`, `frozen` and
            `fine_tune`; None for no file. `augment` may be the name of a level.
        overrides: the same; a value of None overrides nothing. Either may name a
            `recipe`; `none` among the options leaves out that of the file.
        base: in place of the defaults.

    Raises:
        ConfigError: if the file cannot be read, or a key or a value is wrong.
    """
    options = overrides or {}
    typed = options.get("recipe")
    config = base or Config()
    if path:
        place = f" in {path}"
        given = _completed(_read(path))
        own = with_recipe(config, given.get("recipe", NO_RECIPE), place)
        config = override(config if typed == NO_RECIPE else own, given, place)
    if typed is not None:
        config = with_recipe(config, typed)
    return override(config, options)


def check_views(config: Config) -> None:
    """Checks that several views of an image differ.

    A run's settings are read without this, so that no run is lost to it.

    Raises:
        ConfigError: if they would be the same.
    """
    if config.views > 1 and not config.augment.operations:
        raise ConfigError(
            f"--views is {config.views}, but without augmentation all views of an "
            "image are the same. Use --views 1, or --augment light."
        )


def check_phases(
    config: Config, phases: Sequence[str] = ("frozen", "fine_tune")
) -> None:
    """Checks that phases have the epochs that their settings need.

    Args:
        config: the settings; as with `check_views`, a run's are read without this.
        phases: which are to be trained, by the names of their tables.

    Raises:
        ConfigError: if there are fewer epochs than stages, or the warm-up would be
            longer than what it begins.
    """
    for name in phases:
        phase = getattr(config, name)
        epochs, stages = phase.epochs, 1
        if isinstance(phase, FineTune):
            stages = phase.gradual
        if stages > epochs:
            raise ConfigError(
                f"--gradual is {stages}, but --epochs is {epochs}; each stage needs an "
                "epoch."
            )
        # Each stage warms up; one-cycle has a rise of its own instead.
        if phase.schedule == "one-cycle" or phase.warmup_epochs <= epochs // stages:
            continue
        have = f"--epochs is {epochs}" + f" in {stages} stages" * (stages > 1)
        raise ConfigError(
            f"--warmup is {phase.warmup_epochs:g}, but {have} ([{name}]), so the rate "
            "would never reach its highest. Use a shorter --warmup, or more --epochs."
        )


def with_recipe(config: Config, name: str, place: str = "") -> Config:
    """Returns the settings with those of a recipe.

    Args:
        config: what the recipe changes.
        name: one of `RECIPES`, or `none`.
        place: where it is named; see `override`.

    Raises:
        ConfigError: if there is no such recipe.
    """
    config = override(config, {"recipe": name}, place)
    if name == NO_RECIPE:
        return config
    path = recipe_path(name)
    return override(config, _read(path), f" in {path}")


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
            changed[name] = checked(value, types[name], limits, label)
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


def _completed(values: dict[str, Any]) -> dict[str, Any]:
    """Returns settings of a file with the usual rate of an optimizer without one."""
    table = values.get("fine_tune")
    if not isinstance(table, Mapping) or "learning_rate" in table:
        return values
    rate = USUAL_RATES.get(str(table.get("optimizer")))  # a wrong one is told later
    return {**values, "fine_tune": {**table, "learning_rate": rate}}


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {reason_of(error)}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}.") from error
