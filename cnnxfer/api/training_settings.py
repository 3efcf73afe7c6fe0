"""The settings of a training, from what was typed: checked, with names resolved."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from cnnxfer import runs
from cnnxfer.api.arguments import (
    Pathlike,
    check_data_options,
    place_of_images,
    resolve_run,
)
from cnnxfer.api.options import UnfreezeKeywords
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.weights import check_own_weights, ensure_weights
from cnnxfer.config import (
    Config,
    check_phases,
    defaults_of,
    load_config,
    override,
    with_recipe,
)
from cnnxfer.config.class_weights_file import AUTO, NONE, check_class_weights
from cnnxfer.config.options import settings_of
from cnnxfer.config.phases import USUAL_LEARNING_RATES
from cnnxfer.config.setting import settings_in
from cnnxfer.data.sources import find_source
from cnnxfer.engines.options import check_choice
from cnnxfer.errors import ConfigError, with_advice
from cnnxfer.registry import suggestion
from cnnxfer.reporting import Reporter
from cnnxfer.spelling import command, option
from cnnxfer.training.phase import PHASES

# The settings of the first phase that fine-tuning cannot change. The images are found
# by their content, so `data` may change: they may have moved.
INHERITED_SETTINGS = (
    "backbone",
    "task",
    "split",
    "group_by",
    "limit",
    "exclude",
    "ignore",
    "image_size",
    "central_crop",
    "fit",
    "head",
)


def first_phase_settings(
    path: Path | None,
    options: Mapping[str, Any],
    task: str,
    runs_path: Path,
    reporter: Reporter,
) -> Config:
    """Returns the settings of a run that begins, whose weights are on this machine.

    Args:
        path: a file of settings; None for no file.
        options: those of `train`, by their names in Python; None for one not given.
        task: the name of the task, whose defaults they begin with, or `auto` until that
            is known.
        runs_path: the directory of all runs.
        reporter: shows the download of weights.

    Raises:
        ConfigError: if one is wrong, or they don't go together.
        RunError: if weights could not be downloaded.
    """
    settings = checked_settings(path, options, task)
    _check_cache(settings)
    return _with_weights(settings, runs_path, reporter)


def checked_settings(
    path: Path | None, options: Mapping[str, Any], task: str
) -> Config:
    """Returns the settings of a run that would begin, whose weights may be missing.

    Args:
        path: as `first_phase_settings` takes it, and so are the others.
        options: likewise.
        task: likewise.

    Raises:
        ConfigError: if one is wrong, or they don't go together.
    """
    _refuse_fine_tuned_config(path)
    settings = _as_given(path, options, defaults_of(task))
    check_data_options(settings)
    if task != "auto" or not _suit_some_task(path, options):
        check_phases(settings, [settings.first_phase, "fine_tune"])
    return _resolved(settings)


def _suit_some_task(path: Path | None, options: Mapping[str, Any]) -> bool:
    """Tells whether the epochs of some task go with what was given."""
    for task in settings_in(Config)["task"].words:
        settings = _as_given(path, options, defaults_of(task))
        with suppress(ConfigError):
            check_phases(settings, [settings.first_phase, "fine_tune"])
            return True
    return False


def fine_tuning_settings(
    parent: runs.Run,
    data: Pathlike | None,
    path: Path | None,
    options: UnfreezeKeywords,
) -> Config:
    """Returns the settings of a run that fine-tunes `parent`, after checking them."""
    # The time budget was for the parent.
    settings = dataclasses.replace(parent.config, time_budget="none")
    settings = load_config(path, base=settings)
    values = dict(options)
    if values.get("last") and values.get("start"):
        raise ConfigError(
            f"{option('--last', values['last'])} and "
            f"{option('--from', values['start'])} cannot be combined. Use one."
        )
    if recipe := values.pop("recipe", None):
        from_recipe = with_recipe(Config(), str(recipe))
        settings = dataclasses.replace(
            settings,
            recipe=from_recipe.recipe,
            augment=from_recipe.augment,
            batch_size=from_recipe.batch_size,
            precision=from_recipe.precision,
            cache=from_recipe.cache,
            fine_tune=from_recipe.fine_tune,
        )
    optimizer = str(values.get("optimizer"))
    if values.get("lr") is None and optimizer in USUAL_LEARNING_RATES:
        values["lr"] = USUAL_LEARNING_RATES[optimizer]
    # `start` would have precedence over `last`.
    if values.get("last"):
        values["start"] = "none"
    settings = override(settings, settings_of("unfreeze", values))
    retry = with_new_place("unfreeze", parent)
    place = place_of_images(parent, data, settings.data, retry)
    # `unfreeze` has no such option, so its own message would not help.
    with with_advice(
        f"{parent.path} was trained with it: put it back, or set class_weights in a "
        f"file that {option('--config')} names."
    ):
        check_class_weights(settings.class_weights)
    settings = _resolved(dataclasses.replace(settings, data=place))
    check_phases(settings, ["fine_tune"])
    _check_cache(settings)
    for name in INHERITED_SETTINGS:
        value, inherited = getattr(settings, name), getattr(parent.config, name)
        if value != inherited:
            raise ConfigError(
                f"{name} is {value!r} in {path}, but {inherited!r} in {parent.path}. "
                "Fine-tuning needs the same network and images. Remove this setting."
            )
    return settings


def with_new_place(name: str, run: runs.Run) -> str:
    """Returns the command that tells where the images of a run are now."""
    return command(name, run.path, data="NEW_PLACE")


def _refuse_fine_tuned_config(path: Path | None) -> None:
    """Checks that a file of settings does not belong to a fine-tuned run."""
    if not path or path.name != "config.toml":
        return
    run = runs.Run(path.resolve().parent)
    if not (run.path / "receipt.json").is_file():
        return
    if PHASES.get(run.phase).from_parent:
        raise ConfigError(
            f"{path} belongs to a fine-tuned run. Repeat that with: "
            f"{command('unfreeze', run.require_parent().path, config=path)}"
        )


def _as_given(
    path: Path | None, options: Mapping[str, Any], defaults: Config
) -> Config:
    """Returns the settings of a run that begins, as `train` takes them.

    Raises:
        ConfigError: if they are wrong, or don't say whether a backbone without weights
            is to learn.
    """
    # The file and the recipe may say which phase it is.
    decisive = {name: options.get(name) for name in ("recipe", "from_scratch")}
    first = load_config(path, decisive, defaults).first_phase
    settings = load_config(path, settings_of("train", options, first), defaults)
    if settings.from_scratch == "auto" and settings.weights == "none":
        raise ConfigError(
            f"{option('--weights', 'none')} alone would train a head on a random "
            f"backbone that stays as it is. Train all of it with "
            f"{option('--from-scratch', True)}; to measure what a random backbone is "
            f"good for, add {option('--freeze', True)}."
        )
    is_default = settings.weights == "imagenet" and not options.get("weights")
    if first == "scratch" and settings.weights != "none" and not is_default:
        raise ConfigError(
            f"{option('--from-scratch')} begins with random weights, and "
            f"{option('--weights', settings.weights)} are others. Use "
            f"{option('--weights', 'none')}, or leave out {option('--from-scratch')}; "
            f"{option('--init')} begins with the layers of a run."
        )
    if first == "scratch" and options.get("views") is not None:
        raise ConfigError(
            f"{option('--views')} is for views that are kept, and from scratch every "
            "epoch has new ones. Leave it out."
        )
    if first == "scratch" and settings.precision == "int8":
        raise ConfigError(
            f"{option('--precision', 'int8')} is for frozen layers, and from scratch "
            f"all layers learn. Use another {option('--precision')}."
        )
    if first == "frozen" and settings.scratch.init != "none" and options.get("init"):
        raise ConfigError(
            f"{option('--init')} is for a network that learns from random weights. "
            f"Add {option('--from-scratch', True)}."
        )
    return dataclasses.replace(
        settings,
        from_scratch=first == "scratch",
        weights="none" if first == "scratch" else settings.weights,
    )


def _check_cache(settings: Config) -> None:
    """Checks that activations can be computed and cached as the settings say."""
    kept = settings.cache and settings.augment.is_cacheable
    if settings.precision == "int8" and not kept:
        raise ConfigError(
            f"{option('--precision', 'int8')} is for frozen layers whose activations "
            "are cached, and with these settings every epoch computes them on new "
            f"views. Use {option('--precision', 'auto')}, or leave out "
            f"{option('--cache', False)} and {option('--augment')}."
        )
    if not settings.cache:
        return
    from cnnxfer.training.activations.store import ActivationStore

    ActivationStore()  # fails if the limit of the cache is wrong
    if settings.augment.is_cacheable and settings.precision != "float16":
        check_choice(settings.engine, settings.precision)


def _resolved(config: Config) -> Config:
    """Returns the settings with names and paths resolved, after checking them."""
    backbone = BACKBONES.get(config.backbone)
    source = find_source(config.data)
    check_class_weights(config.class_weights)
    _ = config.fine_tune.fraction  # fails if `last` is wrong
    return dataclasses.replace(
        config,
        backbone=backbone.name,
        # Absolute paths, since a run can be resumed from another directory.
        data=source.absolute(config.data),
        exclude=_absolute(config.exclude),
        class_weights=_absolute(config.class_weights),
        image_size=backbone.input_size(config.image_size),
    )


def _absolute(path: str) -> str:
    return path if path in (NONE, AUTO) else str(Path(path).resolve())


def _with_weights(config: Config, runs_path: Path, reporter: Reporter) -> Config:
    """Finds or downloads the weights; returns the settings with absolute paths."""
    if config.scratch.init != "none" and config.from_scratch:
        run = resolve_run(config.scratch.init, runs_path, reporter)
        run.require_model()
        scratch = dataclasses.replace(config.scratch, init=str(run.path.resolve()))
        return dataclasses.replace(config, scratch=scratch)
    if config.weights == "none":
        return config
    if config.weights == "imagenet":
        backbone = BACKBONES.get(config.backbone)
        ensure_weights(backbone, include_top=False, reporter=reporter)
        return config
    path = Path(config.weights)
    if not path.is_file():
        hint = suggestion(config.weights, ("imagenet", "none"))
        raise ConfigError(f"{option('--weights')} {path} is not a file.{hint}")
    check_own_weights(BACKBONES.get(config.backbone), path)
    return dataclasses.replace(config, weights=str(path.resolve()))
