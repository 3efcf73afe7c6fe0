"""Gives commands the options that are declared as settings."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Annotated, Any, TypeVar

import typer

from cnnxfer.config.options import Option, options_of
from cnnxfer.config.setting import Setting
from cnnxfer.errors import ConfigError

Command = TypeVar("Command", bound=Callable[..., None])


def with_options(function: str) -> Callable[[Command], Command]:
    """Gives a command the options of a function of the API, for its `**options`.

    What is not typed is None, and what is typed is checked by the function.
    """

    def give(command: Command) -> Command:
        signature = inspect.signature(command, eval_str=True)
        parameters = [
            parameter
            for parameter in signature.parameters.values()
            if parameter.kind is not parameter.VAR_KEYWORD
        ]
        added = _parameters(function)
        command.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=[*parameters, *added]
        )
        return command

    return give


def the_data(spec: str | None, options: dict[str, Any]) -> str | None:
    """Returns the data that a command names as SPEC or by `--data`, which it removes.

    Raises:
        ConfigError: if it names both.
    """
    data: str | None = options.pop("data")
    if spec is not None and data is not None:
        raise ConfigError(
            f"the data is both {spec} and --data {data}. Name it once: {spec}"
        )
    return data if spec is None else spec


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


def _typer_option(option: Option) -> Any:
    setting = option.setting
    name = setting.option or ""
    known: dict[str, Any] = {}
    default: str | bool = setting.typed(setting.default)
    if setting.kind is bool:
        if isinstance(setting.default, bool):
            default = setting.default and name
        # Only what is not the default is worth a name.
        opposite = setting.opposite or (default and name.replace("--", "--no-"))
        name = f"{name}/{opposite}" if opposite else name
    else:
        known["metavar"] = metavar(setting)
    if option.from_scratch is not None:
        default = f"{default}; {setting.typed(option.from_scratch)} from scratch"
    if setting.kind in (int, float) and not setting.is_time:
        known["parser"] = _number
    if setting.words:
        known["autocompletion"] = lambda incomplete: [
            word for word in setting.words if word.startswith(incomplete)
        ]
    return typer.Option(
        *filter(None, (name, setting.short)),
        help=setting.help,
        show_default="the run's" if option.inherited else default,
        rich_help_panel=setting.group,
        **known,
    )


def metavar(setting: Setting) -> str:
    """Returns what stands for the value of an option, such as `<float> | auto`."""
    kind = "time" if setting.is_time else "path" if setting.is_path else ""
    if setting.kind:
        kind = f"<{kind or setting.kind.__name__}>"
    return " | ".join(filter(None, (kind, *setting.words)))


def _number(text: str) -> float | str:
    """Returns the number that was typed, or what was typed instead."""
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text
