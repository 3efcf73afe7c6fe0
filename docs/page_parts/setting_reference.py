"""Every setting, from the dataclasses that declare them."""

from __future__ import annotations

import dataclasses
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, get_type_hints

from cnnxfer.config import PRESETS, RECIPES, Augment, Config, FineTune, Frozen
from cnnxfer.config.recipes import recipe_path
from page_parts.markdown import code, directive, sentence, table

# The tables of a configuration file: their names, the classes that declare them, and
# the command whose options set what is in them.
SECTIONS: dict[str, tuple[type[Any], str]] = {
    "": (Config, "train"),
    "augment": (Augment, "train"),
    "frozen": (Frozen, "train"),
    "fine_tune": (FineTune, "unfreeze"),
}
_KINDS = {int: "whole number", float: "number", str: "text", bool: "true or false"}


@dataclasses.dataclass(frozen=True)
class Setting:
    """One setting, as the reference shows it.

    Attributes:
        name: with its table in front, such as `frozen.epochs`.
        kind: what it may be, in words.
        default: as it is written in a configuration file.
        option: of the command line; None if only files can set it.
        command: the command that has the option.
        text: what the setting does.
    """

    name: str
    kind: str
    default: str
    option: str | None
    command: str
    text: str


def settings_of(section: str) -> Iterator[Setting]:
    """Yields the settings of a table; those of no table for ""."""
    kind, command = SECTIONS[section]
    defaults = getattr(Config(), section) if section else Config()
    texts = attribute_texts(kind)
    types = get_type_hints(kind)
    for field in dataclasses.fields(kind):
        if dataclasses.is_dataclass(types[field.name]):
            continue  # a table of its own
        yield Setting(
            name=f"{section}.{field.name}".lstrip("."),
            kind=_kind(types[field.name], field.metadata),
            default=_default(getattr(defaults, field.name), field.metadata),
            option=field.metadata["option"],
            command=command,
            text=sentence(texts[field.name][:1].upper() + texts[field.name][1:]),
        )


def settings(section: str = "") -> str:
    """Returns the reference of a table's settings."""
    return "\n".join(_entry(item) for item in settings_of(section))


def augmentation_levels() -> str:
    """Returns a table of the levels, with what each sets."""
    rows = []
    for level, preset in PRESETS.items():
        changed = (
            f"`{field.name} = {_default(getattr(preset, field.name), field.metadata)}`"
            for field in dataclasses.fields(preset)
            if field.name != "level" and getattr(preset, field.name) != field.default
        )
        rows.append((f"`{level}`", ", ".join(changed) or "nothing"))
    return table(("level", "sets"), rows)


def recipes() -> str:
    """Returns the files of the recipes."""
    return "\n".join(
        f"### `{name}`\n\n{code(recipe_path(name).read_text(encoding='utf-8'), 'toml')}"
        for name in RECIPES
    )


def attribute_texts(kind: type[Any]) -> dict[str, str]:
    """Returns what docstrings of a class and its bases say of each attribute."""
    texts: dict[str, str] = {}
    for base in reversed(kind.__mro__[:-1]):
        docstring = inspect.cleandoc(base.__doc__ or "")
        block = re.search(r"^Attributes:\n((?: .*\n?|\n)+)", docstring, re.MULTILINE)
        lines = textwrap.dedent(block[1]) if block else ""
        for found in re.finditer(r"^(\w+): (.*(?:\n .*)*)", lines, re.MULTILINE):
            texts[found[1]] = " ".join(found[2].split())
    return texts


def _entry(item: Setting) -> str:
    facts = f"{item.kind}; default `{item.default}`"
    if item.option:
        facts += f"; option {{option}}`cnnxfer {item.command} {item.option}`"
    return directive("confval", item.name, f"{item.text}\n\n*Value:* {facts}")


def _kind(kind: type[Any], limits: Mapping[str, Any]) -> str:
    if "choices" in limits:
        return "one of " + ", ".join(f"`{choice}`" for choice in limits["choices"])
    words = "time, such as `30m`," if limits.get("duration") else _KINDS[kind]
    bounds = [
        f"{name.replace('_', ' ')} {limits[name]}"
        for name in ("above", "at_least", "at_most")
        if name in limits
    ]
    words = f"{words} {' and '.join(bounds)}".rstrip(", ")
    return words + "".join(f", or `{word}`" for word in limits.get("words", ()))


def _default(value: Any, limits: Mapping[str, Any]) -> str:
    """Returns a value as TOML has it, and as a word where it stands for one."""
    for word, number in limits.get("words", {}).items():
        if value == number:
            return f'"{word}"'
    if limits.get("duration") and value:
        return f'"{value / 60:g}m"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.3g}"
    return f'"{value}"' if isinstance(value, str) else str(value)
