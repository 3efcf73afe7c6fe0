"""The settings of a run: their defaults and limits, read from and written to TOML.

The defaults are the values in the classes. They are overridden, in this order, by the
recipe that a configuration file names, by the file's other settings, by a recipe named
on the command line, and by the other options of the command line.
"""

from cnnxfer.config.augment import PRESETS, Augment
from cnnxfer.config.config import Config, Fit
from cnnxfer.config.loading import (
    check_phases,
    check_places,
    check_stages,
    check_views,
    defaults_of,
    load_all_settings,
    load_config,
    load_task_config,
    override,
    with_recipe,
)
from cnnxfer.config.phases import FineTune, Frozen, Phase, Scratch
from cnnxfer.config.recipes import RECIPES

__all__ = [
    "PRESETS",
    "RECIPES",
    "Augment",
    "Config",
    "FineTune",
    "Fit",
    "Frozen",
    "Phase",
    "Scratch",
    "check_phases",
    "check_places",
    "check_stages",
    "check_views",
    "defaults_of",
    "load_all_settings",
    "load_config",
    "load_task_config",
    "override",
    "with_recipe",
]
