"""Reads what JSON holds as the type that was written, and names what differs from it.

Files of runs and of the cache are edited, copied in part, or damaged. Types of the
standard library say what they hold: dataclasses, `TypedDict`, and their parts.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from textwrap import shorten
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

Record = TypeVar("Record")

KINDS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
SIZE_LIMIT = 2**63  # of a whole number


@dataclass(frozen=True)
class Within:
    """Marks a number that lies between two others, as in `Annotated[int, Within(0)]`.

    Both ends are included; `math.nan` lies nowhere.
    """

    least: float
    most: float = math.inf


def parse_json(text: str | bytes) -> Any:
    """Returns the document of a JSON text.

    Raises:
        ValueError: if it is not one; the message says why, and begins with "it".
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    except UnicodeDecodeError as error:
        raise ValueError("it is not a text in UTF-8") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON ({error})") from error
    except ValueError as error:  # Python limits the digits of whole numbers
        raise ValueError("it holds a number of too many digits") from error


def from_json(kind: type[Record], value: Any, place: str = "it") -> Record:
    """Returns a value that JSON has as a type, after checking all its parts.

    Args:
        kind: a dataclass, a `TypedDict` (entries that it does not have remain as they
            are), int, float, str, bool or Any; a list, tuple or dict of one of these,
            a `Literal`, or an `Annotated` number; each also with `| None`.
        value: what JSON holds.
        place: what messages call it.

    Raises:
        ValueError: if a part is missing or of another type; the message names it.
    """
    result: Record = _read(kind, value, place)
    return result


def _read(kind: Any, value: Any, place: str) -> Any:
    if kind is Any:
        return value
    origin, parts = get_origin(kind) or kind, get_args(kind)
    if origin in (Union, UnionType):
        if value is None and NoneType in parts:
            return None
        (kind,) = (part for part in parts if part is not NoneType)
        return _read(kind, value, place)
    if origin is Annotated:
        number, within = _read(parts[0], value, place), parts[1]
        if not within.least <= number <= within.most:
            bounds = f"between {within.least:g} and {within.most:g}"
            raise _differs(place, value, f"a number {bounds}")
        return number
    if origin is Literal:
        if value not in parts or type(value) is not str:
            raise _differs(place, value, f"one of {', '.join(parts)}")
        return value
    if origin in (list, tuple):
        if not isinstance(value, list):
            raise _differs(place, value, "a list")
        if parts[0] is Any:  # there may be many, of which each would take a moment
            return origin(value)
        inside = "item" if place == "it" else f"{place}, item"
        items = enumerate(value, start=1)
        return origin(_read(parts[0], item, f"{inside} {n}") for n, item in items)
    if origin in KINDS:
        return _scalar(origin, value, place)
    if not isinstance(value, dict):
        raise _differs(place, value, "a table")
    if origin in (dict, Mapping):
        of = parts[1] if parts else Any
        return {
            name: _read(of, item, _inside(place, name)) for name, item in value.items()
        }
    known = _hints(kind)
    required = kind.__required_keys__ if is_typeddict(kind) else set(known)
    if missing := sorted(required - value.keys()):
        raise ValueError(f"{place} has no {missing[0]}")
    read = {
        name: _read(known[name], item, _inside(place, name)) if name in known else item
        for name, item in value.items()
    }
    if not is_dataclass(kind):
        return read
    if more := sorted(value.keys() - known.keys()):
        raise ValueError(f"{place} has {more[0]!r}, which is not known")
    build: Any = kind
    return build(**read)


def _scalar(kind: type[Any], value: Any, place: str) -> Any:
    if kind is float and type(value) is int and abs(value) < SIZE_LIMIT:
        return float(value)
    if type(value) is not kind or (kind is int and abs(value) >= SIZE_LIMIT):
        raise _differs(place, value, KINDS[kind])
    return value


@cache
def _hints(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    if is_typeddict(kind):
        return hints
    return {field.name: hints[field.name] for field in fields(kind)}


def _inside(place: str, name: str) -> str:
    return name if place == "it" else f"{place}.{name}"


def _differs(place: str, value: Any, expected: str) -> ValueError:
    # Of a huge number, Python would not even write the digits.
    is_huge = isinstance(value, int) and abs(value) >= SIZE_LIMIT
    found = "a huge number" if is_huge else shorten(repr(value), 60, placeholder="...")
    return ValueError(f"{place} is {found}; expected {expected}")
