"""`train_settings`: what a training would be done with, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Unpack

from cnnxfer.api.arguments import Pathlike, as_path
from cnnxfer.api.options import TrainKeywords
from cnnxfer.api.training_settings import checked_settings
from cnnxfer.config.loading import load_task_config
from cnnxfer.config.options import settings_of
from cnnxfer.config.origins import Origin, named_values, origins_of

# What `train` sets where something else is given, and the setting that decides it.
FOLLOWING = {"weights": "from_scratch", "image_size": "backbone"}


@dataclass(frozen=True)
class TrainSetting:
    """A setting of a training that would begin, as `train_settings` returns it.

    Attributes:
        name: its name in files, such as `frozen.epochs`.
        value: its value.
        origin: where that comes from.
    """

    name: str
    value: Any
    origin: Origin


def train_settings(
    data: Pathlike | None = None,
    *,
    config: Pathlike | None = None,
    **options: Unpack[TrainKeywords],
) -> list[TrainSetting]:
    """Returns the settings that `train` would have with the same arguments, and why.

    No image is read, and no weights are looked for. So the defaults of a task apply
    only where it is given; `train` finds it in the data.

    Args:
        data: the data, as `train` takes it.
        config: a TOML file of settings.
        **options: settings, by the names of their options.

    Returns:
        All settings but those of the first phase that is not run, in the order of
        files. Words are resolved as `train` does it: the names of backbones, paths and
        the size of images.

    Raises:
        ConfigError: if a setting is wrong.
    """
    path, given = as_path(config), {**options, "data": data}
    task = checked_settings(path, given, "auto").task
    settings = checked_settings(path, given, task)
    phase = settings.first_phase
    other = "frozen" if phase == "scratch" else "scratch"
    typed = settings_of("train", given, phase)
    origins = origins_of(path, typed, task, phase)
    as_given = load_task_config(path, typed, task)
    for name, decisive in FOLLOWING.items():
        if getattr(settings, name) != getattr(as_given, name):
            origins[name] = Origin("setting", decisive)
    return [
        TrainSetting(name, value, origins[name])
        for name, value in named_values(settings)
        if not name.startswith(f"{other}.")
    ]
