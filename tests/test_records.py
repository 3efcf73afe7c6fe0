from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypedDict

import pytest

from cnnxfer.records import Within, from_json, parse_json


@dataclass(frozen=True)
class Part:
    size: int
    share: float = 1.0


@dataclass(frozen=True)
class Whole:
    parts: tuple[Part, ...]
    about: dict[str, Any]
    first: Part | None = None


class Entries(TypedDict, total=False):
    name: str
    kind: Literal["a", "b"]
    rate: Annotated[float, Within(0, 1)]


def test_a_dataclass_is_built_with_its_parts() -> None:
    text = '{"parts": [{"size": 3, "share": 1}], "about": {"x": [1]}, "first": null}'
    whole = from_json(Whole, parse_json(text))
    assert whole == Whole((Part(3, 1.0),), {"x": [1]}, None)
    assert isinstance(whole.parts[0].share, float)


def test_entries_that_are_not_known_remain() -> None:
    assert from_json(Entries, {"rate": 1, "more": [2]}) == {"rate": 1.0, "more": [2]}


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (Whole, [], r"it is \[\]; expected a table"),
        (Whole, {"parts": [], "about": {}}, "it has no first"),
        (
            Whole,
            {"parts": [], "about": {}, "first": None, "x": 1},
            "it has 'x', which is not known",
        ),
        (
            Whole,
            {"parts": [{"size": 1, "share": "y"}], "about": {}, "first": None},
            "parts, item 1.share is 'y'; expected a number",
        ),
        (list[str], ["a", 2], "item 2 is 2; expected a text"),
        (dict[str, float], {"a": True}, "a is True; expected a number"),
        (int, 1.0, "it is 1.0; expected a whole number"),
        (int, 10**20, "it is a huge number; expected a whole number"),
        (float, 10**20, "it is a huge number; expected a number"),
        (Entries, {"kind": "c"}, "kind is 'c'; expected one of a, b"),
        (Entries, {"kind": ["a"]}, r"kind is \['a'\]; expected one of a, b"),
        (Entries, {"rate": 2}, "rate is 2; expected a number between 0 and 1"),
        (Entries, {"rate": float("nan")}, "rate is nan; expected a number"),
        (Entries, {"name": None}, "name is None; expected a text"),
    ],
)
def test_what_differs_is_named(kind: type[Any], value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        from_json(kind, value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 99_999, "it is nested too deep"),
        ("9" * 5000, "it holds a number of too many digits"),
        ("[1", "it is not JSON"),
        (b"\xff\xff", "it is not a text in UTF-8"),
    ],
)
def test_texts_that_are_not_json_are_told(text: str | bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_json(text)
