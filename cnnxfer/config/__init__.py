"""What can be set, checked before any work; TOML in, TOML out.

A default is the value in the class. A recipe overrides it, a configuration file
overrides that, and an option on the command line overrides all.
"""

from cnnxfer.config.augment import PRESETS, Augment
from cnnxfer.config.config import Config
from cnnxfer.config.loading import load_config, override, with_recipe
from cnnxfer.config.phases import FineTune, Phase
from cnnxfer.config.recipes import RECIPES

__all__ = [
    "PRESETS",
    "RECIPES",
    "Augment",
    "Config",
    "FineTune",
    "Phase",
    "load_config",
    "override",
    "with_recipe",
]
