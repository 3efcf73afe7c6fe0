"""Which settings each function, and the command of its name, takes as options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from cnnxfer import other_tools
from cnnxfer.config.config import Config
from cnnxfer.config.prediction import (
    ClassifierOptions,
    EvaluateOptions,
    ExplainOptions,
    PredictIntoOptions,
    PredictOptions,
    ReportOptions,
)
from cnnxfer.config.serving import ServeOptions
from cnnxfer.config.setting import Setting, settings_in
from cnnxfer.errors import ConfigError
from cnnxfer.registry import suggestion
from cnnxfer.spelling import spelled


@dataclass(frozen=True)
class Option:
    """A setting that is an option.

    Attributes:
        setting: what it sets.
        table: the table in which files have the setting; "" for none of their tables,
            None if files do not have it.
        inherited: whether a run that is fine-tuned has its value.
        from_scratch: its default with `--from-scratch`, where that is another.
    """

    setting: Setting
    table: str | None = ""
    inherited: bool = False
    from_scratch: Any = None


# Functions that take some of the options of `train`.
_SOME = {
    "compare": "data weights split group_by limit exclude views engine seed precision "
    "devices",
    "check": "task split group_by exclude ignore",
    "preview": "task ignore augment fit image_size seed",
}
# Those whose options are not settings of files.
_OF_NO_FILE: dict[str, type[Any]] = {
    "predict": PredictOptions,
    "predict_into": PredictIntoOptions,
    "open_classifier": ClassifierOptions,
    "evaluate": EvaluateOptions,
    "explain": ExplainOptions,
    "report": ReportOptions,
    "serve": ServeOptions,
}
_OF_A_MODEL = ("predict", "predict_into", "evaluate", "explain")  # have `model`, too
FUNCTIONS = ("train", "unfreeze", "resume", *_SOME, *_OF_NO_FILE)
_INHERITED = (
    "cache report augment engine batch checkpoint_every seed precision devices "
)
_INHERITED += "wait"


@cache
def options_of(function: str) -> Mapping[str, Option]:
    """Returns the options of a function by their names in Python."""
    if function in _OF_NO_FILE:
        settings = settings_in(_OF_NO_FILE[function]).values()
        return {setting.parameter: Option(setting, None) for setting in settings}
    of_run = _options_in("") | _options_in("augment")
    if function == "train":
        # Those that both phases have belong to the one that is set; see `settings_of`.
        scratch, frozen = _options_in("scratch"), _options_in("frozen")
        for name in scratch.keys() & frozen.keys():
            default = scratch[name].setting.default
            if default != frozen[name].setting.default:
                frozen[name] = replace(frozen[name], from_scratch=default)
        return of_run | scratch | frozen
    if function == "unfreeze":
        inherited = {
            name: replace(of_run[name], inherited=True) for name in _INHERITED.split()
        }
        others = {name: of_run[name] for name in ("recipe", "time_budget")}
        return others | _options_in("fine_tune") | inherited
    if function == "resume":
        return {
            name: replace(of_run[name], inherited=True) for name in ("devices", "wait")
        }
    return {name: of_run[name] for name in _SOME[function].split()}


def settings_of(
    function: str, values: Mapping[str, Any], first_phase: str = "frozen"
) -> dict[str, Any]:
    """Returns the values of options as the settings that `load_config` takes.

    Args:
        function: whose options they are.
        values: by the names of the options in Python; None for one that is not given.
        first_phase: the phase that `train` runs, whose settings its options are.

    Raises:
        ConfigError: if the function has no option of such a name.
    """
    options = options_of(function)
    settings: dict[str, Any] = {}
    for name, value in values.items():
        if name not in options:
            raise ConfigError(_unknown(name, function))
        if value is not None:
            table = options[name].table
            table = first_phase if table == "frozen" else table
            place = settings.setdefault(table, {}) if table else settings
            place[options[name].setting.name] = value
    return settings


def _unknown(name: str, function: str) -> str:
    """Returns what to say of an option that a function does not have."""
    start, known = f"unknown option {name!r}", options_of(function)
    word = name.lower().replace("_", "-")
    for meant in other_tools.OPTIONS.get(word, ()):
        right = meant.replace("-", "_")
        if right in known or (right == "model" and function in _OF_A_MODEL):
            return f"{start}; it is called {right!r} here."
    if why := other_tools.NOT_NEEDED.get(word):
        return f"{start}. {spelled(why)}"
    return f"{start}.{suggestion(name, known)}"


def _options_in(table: str) -> dict[str, Option]:
    section: Any = getattr(Config(), table) if table else Config()
    return {
        setting.parameter: Option(
            replace(setting, default=getattr(section, setting.name)), table
        )
        for setting in settings_in(type(section)).values()
        if setting.option
    }
