"""A file of all settings with their defaults, to be changed by hand."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

import tomli_w

from cnnxfer.config.config import Config
from cnnxfer.config.setting import LIMITS, Setting, settings_in

WIDTH = 88
START = (
    "Settings of `cnnxfer train`, each with its default. Take away the # in front of "
    "those that you want to change, and train with: "
    "cnnxfer train FOLDER --config THIS_FILE\n\n"
    "Options of the command line come before this file, and so does a recipe that is "
    "named there. After it come a recipe that it names, and the defaults, some of "
    "which depend on the task. What would apply, and why, is shown by: "
    "cnnxfer config show FOLDER --config THIS_FILE"
)
TABLES = {
    "augment": "How training views differ from the images. These are the amounts of "
    "the level light; where only the level is changed, it brings its own.",
    "frozen": "The first phase: a new head learns on the frozen backbone.",
    "scratch": "In its place with from_scratch: all layers learn from random weights.",
    "fine_tune": "Fine-tuning: the last layers of the backbone, or all, learn on.",
}
KINDS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


def commented_toml() -> str:
    """Returns all settings as TOML, each explained, as a comment with its default.

    With all comments taken away in front of settings, it means the same.
    """
    lines = [*_comment(START), *_section(Config())]
    for table, text in TABLES.items():
        lines += ["", "", *_comment(text), f"[{table}]"]
        lines += _section(getattr(Config(), table))
    return "\n".join(lines) + "\n"


def _section(section: Any) -> Iterator[str]:
    for name, setting in settings_in(type(section)).items():
        yield ""
        yield from _comment(f"{setting.text}\n{_allowed(setting)}")
        value = getattr(section, name)
        value = setting.typed(value) if setting.is_time else value
        yield f"#{tomli_w.dumps({name: value})}".rstrip()


def _comment(text: str) -> Iterator[str]:
    for line in text.splitlines():
        for part in textwrap.wrap(line, WIDTH - 2, break_on_hyphens=False) or [""]:
            yield f"# {part}".rstrip()


def _allowed(setting: Setting) -> str:
    """Returns what a setting may be, and its option."""
    words = [f'"{word}"' for word in setting.words]
    if setting.kind is None:
        text = f"Value: one of {', '.join(words)}."
    else:
        kind = 'a time such as "30m"' if setting.is_time else KINDS[setting.kind]
        bounds = [
            f"{name.replace('_', ' ')} {getattr(setting, name):g}"
            for name in LIMITS
            if getattr(setting, name) is not None
        ]
        kind += f" {' and '.join(bounds)}" * bool(bounds)
        text = f"Value: {', or '.join((kind, *words))}."
    return f"{text} Option: {setting.option}" if setting.option else text
