"""Gives commands the options that are declared as settings."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import copy
from typing import Annotated, Any, TypeVar, get_args

import typer

from cnnxfer.cli import values
from cnnxfer.config.options import Option, options_of
from cnnxfer.config.setting import Setting

Command = TypeVar("Command", bound=Callable[..., None])


def with_options(function: str, essential: str = "") -> Callable[[Command], Command]:
    """Gives a command the options of a function of the API, for its `**options`.

    What is not typed is None, and what is typed is checked by the function.

    Args:
        function: its name.
        essential: the names of the options that `--help` shows first, by Python's.
    """

    def give(command: Command) -> Command:
        signature = inspect.signature(command, eval_str=True)
        own = [
            parameter.replace(kind=parameter.KEYWORD_ONLY)
            for parameter in signature.parameters.values()
            if parameter.kind is not parameter.VAR_KEYWORD
        ]
        parameters = {each.name: each for each in (*own, *_parameters(function))}
        first = [_essential(parameters.pop(name)) for name in essential.split()]
        command.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=[*first, *parameters.values()]
        )
        return command

    return give


def _parameters(function: str) -> Iterator[inspect.Parameter]:
    for name, option in options_of(function).items():
        kind = option.setting.kind
        yield inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                bool | None if kind is bool else str | None, _typer_option(option)
            ],
        )


def _essential(parameter: inspect.Parameter) -> inspect.Parameter:
    """Returns a parameter that stands among those that `--help` shows first."""
    kind, info = get_args(parameter.annotation)
    info = copy(info)
    info.rich_help_panel = None
    return parameter.replace(annotation=Annotated[kind, info])


def _typer_option(option: Option) -> Any:
    setting = option.setting
    name = setting.option or ""
    known: dict[str, Any] = {}
    if setting.kind is bool:
        # Only what is not the default is worth a name.
        is_on = setting.default is True
        opposite = setting.opposite or (is_on and name.replace("--", "--no-"))
        name = f"{name}/{opposite}" if opposite else name
    else:
        known["metavar"] = metavar(setting)
        known["autocompletion"] = values.of(setting)
    if setting.kind in (int, float) and not setting.is_time:
        known["parser"] = _number
    return typer.Option(
        *filter(None, (name, setting.short)),
        help=setting.help,
        show_default=in_words(option),
        rich_help_panel=setting.group,
        **known,
    )


def in_words(option: Option) -> str:
    """Returns what holds if an option is not typed."""
    setting = option.setting
    if option.inherited:
        return "as the run has it"
    default = setting.in_words(setting.default)
    if option.from_scratch is None:
        return default
    return f"{default}, or from scratch {setting.in_words(option.from_scratch)}"


def metavar(setting: Setting) -> str:
    """Returns what stands for the value of an option, such as `NUMBER | auto`."""
    kind = ""
    if setting.kind:
        own = (setting.option or "").removeprefix("--").upper()
        kind = {int: "N", float: "NUMBER"}.get(setting.kind, own)
        kind = "TIME" if setting.is_time else "PATH" if setting.is_path else kind
    return " | ".join(filter(None, (kind, *setting.words)))


def _number(text: str) -> float | str:
    """Returns the number that was typed, or what was typed instead."""
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text
