"""How a setting is declared, and how its value is validated."""

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
    """Declares a setting as a field of a dataclass.

    Args:
        default: the value if none is given.
        option: the name of the command-line option; None for a setting that only
            configuration files can change.
        **limits: `above`, `at_least`, `at_most` and `choices` limit the values.
            `words` maps words to the numbers that they stand for, which may be beyond
            the limits. With `duration=True`, a time such as `30m` is accepted.
    """
    return field(default=default, metadata={"option": option, **limits})


def validated(
    value: Any, kind: type[Any], limits: Mapping[str, Any], label: str
) -> Any:
    """Returns the value of a setting after checking it.

    Args:
        value: the value from the user; words and times become numbers.
        kind: the type of the setting: int, float, str or bool.
        limits: the limits that were given to `setting`.
        label: what messages call the setting.

    Raises:
        ConfigError: if the value has another type or is beyond the limits.
    """
    if kind is not str and isinstance(value, str):
        value = _parse_number(value, kind, limits)
    if kind is float and type(value) is int:
        with suppress(OverflowError):
            value = float(value)
    if type(value) is not kind or (kind is float and not math.isfinite(value)):
        raise ConfigError(f"{label} is {value!r}; expected {_expected(kind, limits)}.")
    if kind is str and value.encode(errors="ignore").decode() != value:
        raise ConfigError(
            f"{label} is {value!r}, which is not UTF-8, but config.toml must be. "
            "Rename it, or make a link to it with another name."
        )
    if "choices" in limits and value not in limits["choices"]:
        hint = suggestion(str(value), limits["choices"])
        raise ConfigError(f"{label} is {value!r}.{hint}")
    if value in limits.get("words", {}).values():
        return value
    for limit, (is_within, words) in _LIMITS.items():
        if limit in limits and not is_within(value, limits[limit]):
            bound = limits[limit]
            raise ConfigError(f"{label} is {value}; it must be {words} {bound}.")
    return value


def parse_duration(text: str) -> float | None:
    """Returns the seconds of a time such as `90s`, `1h30m` or `600`.

    Returns:
        The number of seconds; None if the text is not a time.
    """
    if found := _DURATION.fullmatch(text.strip().lower()):
        hours, minutes, seconds, unitless = (
            float(number or 0) for number in found.groups()
        )
        return hours * 3600 + minutes * 60 + seconds + unitless
    return None


def _parse_number(text: str, kind: type[Any], limits: Mapping[str, Any]) -> Any:
    """Returns the number that a text means, or the text if it means none."""
    words: Mapping[str, Any] = limits.get("words", {})
    if text in words:
        return words[text]
    if limits.get("duration"):
        seconds = parse_duration(text)
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


# A number without a unit stands alone: the 30 of 1h30 may be minutes or seconds.
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
