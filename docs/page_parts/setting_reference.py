"""Every setting, from the dataclasses that declare them."""

from __future__ import annotations

from typing import Any

from cnnxfer.config import PRESETS, RECIPES, Config
from cnnxfer.config.options import FUNCTIONS, Option, options_of
from cnnxfer.config.recipes import recipe_path, task_path
from cnnxfer.config.setting import LIMITS, Setting, settings_in
from page_parts.markdown import code, directive, sentence, table

# The tables of a configuration file, with their defaults.
SECTIONS: dict[str, Any] = {
    "": Config(),
    "augment": Config().augment,
    "frozen": Config().frozen,
    "scratch": Config().scratch,
    "fine_tune": Config().fine_tune,
}
_KINDS = {
    int: "whole number",
    float: "number",
    str: "text",
    bool: "true or false",
}


# Functions whose options are those of a command with another name.
OF_PREDICT = ("predict_into", "open_classifier")


def settings(section: str = "") -> str:
    """Returns the reference of a table's settings; those of no table for ""."""
    defaults = SECTIONS[section]
    entries = []
    for name, setting in settings_in(type(defaults)).items():
        full = full_name(section, setting)
        value = toml(setting, getattr(defaults, name))
        meaning = setting.meanings.get(getattr(defaults, name))
        facts = f"{kind_of(setting)}; default `{value}`"
        facts += f" ({meaning})" if meaning else ""
        if option := _OPTIONS.get(full):
            facts += f"; option {{option}}`cnnxfer {option}`"
        text = f"{sentence(setting.text)}\n\n*Value:* {facts}"
        entries.append(directive("confval", full, text))
    return "\n".join(entries)


def python_options() -> str:
    """Returns a table of the options of each function."""
    parts = []
    for function in FUNCTIONS:
        rows = [
            (
                f"`{name}`",
                sentence(option.setting.help),
                kind_of(option.setting),
                _default(option),
                _reference(function, option),
            )
            for name, option in options_of(function).items()
        ]
        parts.append(f"### Options of `{function}`\n")
        parts.append(table(("name", "", "value", "default", "setting"), rows))
    return "\n".join(parts)


def _default(option: Option) -> str:
    if option.inherited:
        return "as the run has it"
    default = f"`{toml(option.setting, option.setting.default)}`"
    if option.from_scratch is None:
        return default
    return f"{default}; from scratch `{toml(option.setting, option.from_scratch)}`"


def _reference(function: str, option: Option) -> str:
    """Returns where more is said of an option of a function."""
    if option.table is None:
        command = "predict" if function in OF_PREDICT else function
        return f"{{option}}`cnnxfer {command} {option.setting.option}`"
    return f"{{confval}}`{full_name(option.table, option.setting)}`"


def augmentation_levels() -> str:
    """Returns a table of the levels, with what each sets."""
    rows = []
    for level, preset in PRESETS.items():
        changed = (
            f"`{name} = {toml(setting, getattr(preset, name))}`"
            for name, setting in settings_in(type(preset)).items()
            if name != "level" and getattr(preset, name) != setting.default
        )
        rows.append((f"`{level}`", ", ".join(changed) or "nothing"))
    return table(("level", "sets"), rows)


def recipes() -> str:
    """Returns the files of the recipes."""
    return "\n".join(
        f"### `{name}`\n\n{code(recipe_path(name).read_text(encoding='utf-8'), 'toml')}"
        for name in RECIPES
    )


def task_defaults() -> str:
    """Returns the files of the defaults of tasks that have their own."""
    paths = (task_path(name) for name in settings_in(Config)["task"].words)
    return "\n\n".join(
        code(path.read_text(encoding="utf-8"), "toml")
        for path in paths
        if path.is_file()
    )


def full_name(section: str, setting: Setting) -> str:
    """Returns the name of a setting with its table in front: `frozen.epochs`."""
    return f"{section}.{setting.name}".lstrip(".")


def kind_of(setting: Setting) -> str:
    """Returns what a setting may be, in Markdown."""
    words = [f"`{word}`" for word in setting.words]
    if setting.kind is None:
        return f"one of {', '.join(words)}"
    kind = "time, such as `30m`," if setting.is_time else _KINDS[setting.kind]
    bounds = [
        f"{name.replace('_', ' ')} {getattr(setting, name):g}"
        for name in LIMITS
        if getattr(setting, name) is not None
    ]
    kind = f"{kind} {' and '.join(bounds)}".rstrip(", ")
    return ", or ".join((kind, *words))


def toml(setting: Setting, value: Any) -> str:
    """Returns a value as TOML has it; the shown digits are enough for people."""
    if isinstance(value, bool):
        return str(value).lower()
    is_text = isinstance(value, str) or setting.is_time
    return f'"{setting.typed(value)}"' if is_text else setting.typed(value)


# The first command with an option for a setting, by the setting's full name.
_OPTIONS = {
    full_name(option.table, option.setting): f"{function} {option.setting.option}"
    for function in reversed(FUNCTIONS)
    for option in options_of(function).values()
    if option.table is not None
}
