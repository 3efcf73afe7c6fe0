"""What can be set, checked before any work; TOML in, TOML out.

A default is the value in the class. The recipe that a configuration file names
overrides it, and the file overrides that. A recipe that is named on the command line
overrides the file, and every other option there overrides all.
"""

from cnnxfer.config.augment import PRESETS, Augment
from cnnxfer.config.config import Config
from cnnxfer.config.loading import (
    check_phases,
    check_views,
    load_config,
    override,
    with_recipe,
)
from cnnxfer.config.phases import FineTune, Frozen, Phase
from cnnxfer.config.recipes import RECIPES

__all__ = [
    "PRESETS",
    "RECIPES",
    "Augment",
    "Config",
    "FineTune",
    "Frozen",
    "Phase",
    "check_phases",
    "check_views",
    "load_config",
    "override",
    "with_recipe",
]
