"""How a setting is declared, what is known of it, and how its value is checked."""

from __future__ import annotations

import keyword
import math
import operator
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import MISSING, dataclass, field, fields, replace
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from cnnxfer.errors import ConfigError
from cnnxfer.records import KINDS
from cnnxfer.registry import suggestion


@dataclass(frozen=True)
class Setting:
    """What is known of a setting; all that names, reads or explains it asks here.

    Attributes:
        text: what it does; its first sentence is what `--help` says.
        option: what it is called on the command line, such as `--lr`; None if only
            files can set it.
        short: another form of it there, such as `-d`.
        opposite: what a flag is called that says no, if not `--no-` and the option.
        group: the title above it in `--help`.
        above: a limit of its numbers, which is excluded.
        at_least: a limit of its numbers, which is included.
        at_most: likewise.
        is_time: whether its number is in seconds, and may be a text such as `30m`; on
            the command line it always is one.
        is_path: whether its text may be a path.
        before: what runs do that were made before there was this setting, and whose
            files lack it; None for a setting that all runs have.
        meanings: what some of its values mean, such as "no limit" for "none"; where
            one is the default, `--help` says so.
        name: what it is called in files and in code.
        default: its value if none is given.
        kind: int, float, str or bool; None if it is always one of `words`.
        words: the words that it may be.
    """

    text: str
    option: str | None = None
    short: str | None = None
    opposite: str | None = None
    group: str | None = None
    above: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    is_time: bool = False
    is_path: bool = False
    before: Any = None
    meanings: Mapping[Any, str] = field(default_factory=dict)
    name: str = ""
    default: Any = None
    kind: type[Any] | None = None
    words: tuple[str, ...] = ()

    @property
    def help(self) -> str:
        """The first sentence of its text."""
        return self.text.partition(". ")[0].removesuffix(".") + "."

    @property
    def parameter(self) -> str:
        """What it is called in Python; "" if only files can set it."""
        name = (self.option or "").removeprefix("--").replace("-", "_")
        return self.name if keyword.iskeyword(name) else name

    def typed(self, value: Any) -> str:
        """Returns a value as it is typed on the command line."""
        if self.is_time and isinstance(value, float):
            return f"{value / 60:g}m"
        return f"{value:.3g}" if isinstance(value, float) else str(value)

    def in_words(self, value: Any) -> str:
        """Returns a value as `--help` tells it, such as `none (no limit)` or `on`."""
        if isinstance(value, bool):
            return "on" if value else "off"
        meaning = self.meanings.get(value)
        return (
            f"{self.typed(value)} ({meaning})"
            if meaning
            else self.typed(value) or "none"
        )

    @property
    def or_words(self) -> str:
        """Its words, as they end an enumeration: `, 'none', or 'auto'`."""
        *first, last = ["", *map(repr, self.words)]
        return ", ".join([*first, f"or {last}"]) if last else ""


def setting(default: Any, text: str, option: str | None = None, **known: Any) -> Any:
    """Declares a setting as a field of a dataclass, whose annotation is what it may be.

    The annotation is int, float, str or bool; a `Literal` of words; or one of each.
    """
    return field(default=default, metadata={"setting": Setting(text, option, **known)})


def changed(base: type[Any], name: str, default: Any, more: str = "") -> Any:
    """Declares a setting of a base class again: its default, and more of a text."""
    inherited = next(item for item in fields(base) if item.name == name)
    known: Setting = inherited.metadata["setting"]
    known = replace(known, text=f"{known.text} {more}".strip())
    return field(default=default, metadata={"setting": known})


def settings_in(section: type[Any]) -> Mapping[str, Setting]:
    """Returns the settings that a dataclass declares, by name."""
    # Kept, since every reading of a run's settings asks, and type hints take long.
    # mypy takes no dataclass for an argument of `functools.cache`.
    if section not in _settings:
        kinds = get_type_hints(section)
        _settings[section] = {
            item.name: _complete(
                item.metadata["setting"], item.name, item.default, kinds[item.name]
            )
            for item in fields(section)
            if "setting" in item.metadata
        }
    return _settings[section]


_settings: dict[type[Any], Mapping[str, Setting]] = {}


def _complete(declared: Setting, name: str, default: Any, annotation: Any) -> Setting:
    is_union = get_origin(annotation) in (Union, UnionType)
    parts = get_args(annotation) if is_union else (annotation,)
    literals = [part for part in parts if get_origin(part) is Literal]
    return replace(
        declared,
        name=name,
        default=None if default is MISSING else default,
        kind=next((part for part in parts if part not in literals), None),
        words=tuple(word for literal in literals for word in get_args(literal)),
    )


def validated(value: Any, setting: Setting, label: str) -> Any:
    """Returns the value of a setting after checking it; times become seconds.

    Args:
        value: the value from the user.
        setting: what it is for.
        label: what messages call the setting.

    Raises:
        ConfigError: if the value has another type or is beyond the limits.
    """
    kind, given = setting.kind, value
    if isinstance(value, str) and value in setting.words:
        return value
    if kind is None:
        raise ConfigError(
            f"{label} is {value!r}.{suggestion(str(value), setting.words)}"
        )
    if kind is str and isinstance(value, os.PathLike):
        value = os.fspath(value)
    if setting.is_time and isinstance(value, str):
        seconds = parse_duration(value, label)
        value = value if seconds is None else seconds
    if kind is float and type(value) is int:
        with suppress(OverflowError):
            value = float(value)
    is_finite = kind is not float or (type(value) is float and math.isfinite(value))
    if type(value) is not kind or not is_finite or value == "":
        expected = (
            "a time such as 90s, 30m or 1h30m" if setting.is_time else KINDS[kind]
        )
        raise ConfigError(
            f"{label} is {value!r}; expected {expected}{setting.or_words}."
        )
    if kind is str and value.encode(errors="ignore").decode() != value:
        raise ConfigError(
            f"{label} is {value!r}, which is not UTF-8, but config.toml must be. "
            "Rename it, or make a link to it with another name."
        )
    for name, is_within in LIMITS.items():
        limit = getattr(setting, name)
        if limit is not None and not is_within(value, limit):
            bound = f"{name.replace('_', ' ')} {limit}"
            raise ConfigError(
                f"{label} is {given}; it must be {bound}{setting.or_words}."
            )
    return value


def parse_duration(text: str, label: str) -> float | None:
    """Returns the seconds of a time such as `90s` or `1h30m`.

    Args:
        text: what was typed.
        label: what messages call its meaning.

    Returns:
        The number of seconds; None if the text is not a time.

    Raises:
        ConfigError: if its last number has no unit.
    """
    text = text.strip().lower()
    if found := _DURATION.fullmatch(text):
        hours, minutes, seconds = (float(number or 0) for number in found.groups())
        return hours * 3600 + minutes * 60 + seconds
    units = {"s": "seconds", "m": "minutes"}
    if readings := [unit for unit in units if _DURATION.fullmatch(text + unit)]:
        choices = " or ".join(f"{text}{unit} for {units[unit]}" for unit in readings)
        raise ConfigError(
            f"{label} is {text!r}, which does not say in what. Type {choices}."
        )
    return None


_DURATION = re.compile(
    r"(?=\d)(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?"
)
LIMITS: dict[str, Callable[[Any, Any], bool]] = {
    "above": operator.gt,
    "at_least": operator.ge,
    "at_most": operator.le,
}
