"""One setting: how it is declared, and how its value is checked."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import field
from typing import Any

from cnnxfer.errors import ConfigError
from cnnxfer.registry import suggestion


def setting(default: Any, option: str | None = None, **limits: Any) -> Any:
    """Declares a setting: its default, its command-line option and its limits.

    Limits are `above`, `at_least`, `at_most` and `choices`. A number may also be given
    by one of `words`, a mapping to numbers, which may be beyond the limits; with
    `duration=True`, as a time such as `30m`. Without an option, the setting is in the
    reach of configuration files only.
    """
    return field(default=default, metadata={"option": option, **limits})


def checked(value: Any, kind: type[Any], limits: Mapping[str, Any], label: str) -> Any:
    """Returns the value of a setting.

    Args:
        value: as it was given; words and times become numbers.
        kind: of the setting.
        limits: see `setting`.
        label: what the setting is called in messages.

    Raises:
        ConfigError: if it is of another kind, or beyond the limits.
    """
    if kind is not str and isinstance(value, str):
        value = _number(value, kind, limits, label)
    if kind is float and type(value) is int:
        with suppress(OverflowError):
            value = float(value)
    if type(value) is not kind or (kind is float and not math.isfinite(value)):
        raise ConfigError(f"{label} is {value!r}; expected {_expected(kind, limits)}.")
    if kind is str and value.encode(errors="ignore").decode() != value:
        raise ConfigError(
            f"{label} is {value!r}, which is not UTF-8, as config.toml must be. "
            "Give it another name, or a link to it."
        )
    if "choices" in limits and value not in limits["choices"]:
        near = suggestion(str(value), limits["choices"])
        raise ConfigError(f"{label} is {value!r}.{near}")
    if value in limits.get("words", {}).values():
        return value
    for limit, (holds, words) in _LIMITS.items():
        if limit in limits and not holds(value, limits[limit]):
            bound = limits[limit]
            raise ConfigError(f"{label} is {value}; it must be {words} {bound}.")
    return value


def seconds_of(duration: str) -> float | None:
    """Returns the seconds of a time such as `90s`, `1h30m` or `600`, else None."""
    if found := _DURATION.fullmatch(duration.strip().lower()):
        hours, minutes, seconds, bare = (float(it or 0) for it in found.groups())
        return hours * 3600 + minutes * 60 + seconds + bare
    return None


def _number(text: str, kind: type[Any], limits: Mapping[str, Any], label: str) -> Any:
    """Returns the number that a text means, or the text where it means none."""
    words: Mapping[str, Any] = limits.get("words", {})
    if text in words:
        return words[text]
    if limits.get("duration"):
        seconds = seconds_of(text)
        return text if seconds is None else seconds
    if words:
        try:
            return kind(text)
        except ValueError:
            return text
    return text


def _expected(kind: type[Any], limits: Mapping[str, Any]) -> str:
    if limits.get("duration"):
        return "a time such as 90s, 30m or 1h30m"
    words = "".join(f", or {word!r}" for word in limits.get("words", ()))
    return _KINDS[kind] + words


# A number without a unit stands alone: 1h30 might mean minutes or seconds.
_DURATION = re.compile(
    r"(?=\d)(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?"
    r"|(\d+(?:\.\d+)?)"
)
_LIMITS: dict[str, tuple[Callable[[Any, Any], bool], str]] = {
    "above": (operator.gt, "above"),
    "at_least": (operator.ge, "at least"),
    "at_most": (operator.le, "at most"),
}
_KINDS = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    bool: "true or false",
}
