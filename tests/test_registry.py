from dataclasses import dataclass

import pytest

from cnnxfer.errors import ConfigError
from cnnxfer.registry import Registry, did_you_mean, load_object, suggestion


@dataclass(frozen=True)
class Fruit:
    name: str


@pytest.fixture
def fruits() -> Registry[Fruit]:
    registry: Registry[Fruit] = Registry("fruit")
    for name in ("apple", "sugar-apple", "Blood_Orange"):
        registry.add(Fruit(name))
    return registry


@pytest.mark.parametrize("name", ["sugar-apple", "SugarApple", "sugar_apple"])
def test_case_and_separators_of_names_do_not_matter(
    fruits: Registry[Fruit], name: str
) -> None:
    assert fruits.get(name).name == "sugar-apple"
    assert name in fruits


def test_names_are_in_the_order_of_registration(fruits: Registry[Fruit]) -> None:
    assert fruits.names() == ["apple", "sugar-apple", "Blood_Orange"]
    assert [fruit.name for fruit in fruits] == fruits.names()
    assert "pear" not in fruits


def test_a_name_cannot_be_registered_twice(fruits: Registry[Fruit]) -> None:
    with pytest.raises(ValueError, match="fruit 'Sugar_Apple' is registered twice"):
        fruits.add(Fruit("Sugar_Apple"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("aple", "unknown fruit 'aple'. Did you mean 'apple'?"),
        (
            "zzz",
            "unknown fruit 'zzz'. Expected one of: apple, sugar-apple, Blood_Orange.",
        ),
    ],
)
def test_unknown_names(fruits: Registry[Fruit], name: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        fruits.get(name)
    assert str(caught.value) == message


def test_suggestions() -> None:
    many = [f"{letter}{letter}{letter}" for letter in "abcdefghijklmno"]
    assert suggestion("zzzz", many) == (
        " Expected one of: aaa, bbb, ccc, ddd, eee, fff, ggg, hhh, iii, jjj, kkk, lll "
        "and 3 more."
    )
    assert suggestion("mmn", many) == " Did you mean 'mmm'?"
    assert did_you_mean("zzzz", many) == ""


def test_load_object() -> None:
    assert load_object("cnnxfer.registry:load_object") is load_object
