"""What `import cnnxfer` offers: its functions, and what they return."""

from __future__ import annotations

import ast
import collections.abc
import dataclasses
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, get_args, get_type_hints

import cnnxfer


def python_reference() -> str:
    """Returns a section of the functions and one of the classes they return."""
    functions = [
        name for name in cnnxfer.__all__ if inspect.isfunction(getattr(cnnxfer, name))
    ]
    lines = ["## Functions", ""]
    for name in functions:
        lines += [f"### `cnnxfer.{name}`", ""]
        lines += _eval_rst(f".. autofunction:: cnnxfer.{name}")
    lines += ["## What they return", ""]
    for kind in result_classes():
        lines += [f"### `{kind.__name__}`", ""]
        lines += _eval_rst(
            f".. autoclass:: {kind.__module__}.{kind.__qualname__}()",
            f"   :members: {', '.join(_members(kind))}",
        )
    return "\n".join(lines)


@cache
def result_classes() -> tuple[type[Any], ...]:
    """Returns the classes that functions return, and those that these consist of."""
    found: dict[type[Any], None] = {}
    for name in cnnxfer.__all__:
        function = getattr(cnnxfer, name)
        if inspect.isfunction(function):
            for kind in _classes(_hints(function)["return"]):
                _collect(kind, found)
    return tuple(found)


def _collect(kind: type[Any], found: dict[type[Any], None]) -> None:
    if kind in found:
        return
    found[kind] = None
    for field in dataclasses.fields(kind):
        if field.repr:  # what isn't shown is for the package itself
            hint = _hints(kind)[field.name]
            for inner in _classes(hint):
                _collect(inner, found)


def _members(kind: type[Any]) -> list[str]:
    """Returns the public properties, and methods that return something.

    Those that only do something, such as writing a file of a run, are for the package.
    """
    return [
        name
        for base in kind.__mro__[:-1]
        for name, member in vars(base).items()
        if not name.startswith("_")
        and (isinstance(member, property | classmethod) or _returns(member))
    ]


def _returns(member: Any) -> bool:
    returned = str(getattr(member, "__annotations__", {}).get("return"))
    is_for_effect = re.fullmatch(r"None|(.*\.)?Iterator\[None\]", returned)
    return inspect.isfunction(member) and not is_for_effect


def _classes(hint: Any) -> Iterator[type[Any]]:
    """Yields the dataclasses of cnnxfer in a type such as `list[Item] | None`."""
    if arguments := get_args(hint):
        for argument in arguments:
            yield from _classes(argument)
    elif dataclasses.is_dataclass(hint) and isinstance(hint, type):
        yield hint


def _hints(thing: Callable[..., Any] | type[Any]) -> dict[str, Any]:
    """Returns the types that annotations name, also those imported for them alone."""
    module = sys.modules[thing.__module__]
    names: dict[str, Any] = {"Iterator": collections.abc.Iterator}
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            imports = ast.Module(node.body, type_ignores=[])
            exec(compile(imports, module.__file__ or "", "exec"), names)
    return get_type_hints(thing, localns=names)


def _eval_rst(*lines: str) -> list[str]:
    return ["```{eval-rst}", *lines, "```", ""]
