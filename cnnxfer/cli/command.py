"""Typer's commands with our help, our messages and our values."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from cnnxfer.cli import help, usage
from cnnxfer.cli.commands import COMMANDS, Entry
from cnnxfer.errors import ConfigError, RunError
from cnnxfer.records import KINDS
from cnnxfer.registry import load_object, suggestion

_Base: Any = object  # the class that Typer's commands and groups share is private


class _InOurWords(_Base):
    """What commands and groups share: their help, and what is typed for them."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Writes what `--help` prints."""
        formatter.write(help.page(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Reads what was typed, up to the name of a command in a group.

        Raises:
            ConfigError: if it is wrong.
        """
        typed = list(args)
        _take_values(self.get_params(ctx))
        try:
            left: list[str] = super().parse_args(ctx, args)
        except typer.TyperException as error:
            raise ConfigError(usage.message_of(error, ctx, typed)) from error
        return left


class Command(_InOurWords, TyperCommand):
    """A command that says itself what was typed wrong."""

    allow_extra_args = True  # so that they are complained of here

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Reads what was typed.

        Raises:
            ConfigError: if it is wrong.
        """
        typed = list(args)
        if message := usage.assignment(ctx, typed) or usage.without_value(ctx, typed):
            raise ConfigError(message)
        if left := super().parse_args(ctx, args):
            raise ConfigError(usage.left_over(ctx, typed, left))
        return left


class Group(_InOurWords, TyperGroup):
    """A group of commands that says itself what was typed wrong."""

    def resolve_command(
        self, ctx: Any, args: list[str]
    ) -> tuple[str | None, Any, list[str]]:
        """Returns the command that was typed, and what follows it.

        Raises:
            ConfigError: if there is no such command.
        """
        if args[0] not in self.list_commands(ctx):
            raise ConfigError(usage.unknown_command(ctx, args))
        return super().resolve_command(ctx, args)


class Root(Group):
    """The group of all commands, each of which is imported when it is used."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Returns their names."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Returns a command; None if there is none of this name."""
        entry = COMMANDS.get(cmd_name)
        return entry and loaded(entry)

    def invoke(self, ctx: Any) -> Any:
        """Runs a command; only cnnxfer itself ends one with an exit code.

        Raises:
            ConfigError: if there are options, but no command.
        """
        try:
            return super().invoke(ctx)
        except typer.TyperException as error:
            raise ConfigError(usage.message_of(error, ctx, [])) from error
        except SystemExit as error:
            if isinstance(error.__context__, BrokenPipeError):
                return 1  # Rich ends the process where the reader of stdout has ended
            raise RunError(
                f"a library ended {ctx.command_path} {ctx.invoked_subcommand} with the "
                f"exit code {error.code}, before it was done. Add -v to see which."
            ) from error


class Commands(typer.Typer):
    """A group of commands, to be filled by its decorators."""

    def __init__(self, cls: type[Group] = Group, **known: Any) -> None:
        """Makes a group without commands."""
        super().__init__(
            cls=cls, add_completion=False, pretty_exceptions_enable=False, **known
        )

    def command(  # type: ignore[override]
        self, name: str | None = None
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Adds a function as a command, called as the function or by another name."""
        return super().command(name, cls=Command)


def loaded(entry: Entry) -> Any:
    """Returns a command, or a group of commands, after importing it."""
    found = load_object(entry.path)
    if isinstance(found, Commands):
        group = get_command(found)
        group.name = entry.name
        return group
    alone = Commands()
    alone.command(entry.name)(found)
    return get_command(alone)


def _take_values(parameters: list[Any]) -> None:
    """Has parameters take what was typed without Typer's validation.

    That loads pydantic, which takes longer than all the rest, and its messages are
    those of a parser.
    """
    for parameter in parameters:
        parameter.process_value = partial(_value, parameter)


def _value(parameter: Any, context: Any, typed: Any) -> Any:
    """Returns the value of a parameter for what was typed; None if nothing was."""
    value = typed
    if typed in (None, ()):
        if parameter.required:
            raise ConfigError(usage.missing(context, parameter))
        value = None
    elif parameter.nargs == -1 or parameter.multiple:
        value = list(typed)
    elif not isinstance(typed, bool):
        value = _converted(parameter, typed)
    return (
        parameter.callback(context, parameter, value) if parameter.callback else value
    )


def _converted(parameter: Any, typed: Any) -> Any:
    known = parameter.type_descriptor
    name = usage.name_of(parameter)
    if known.parameter_info.parser:
        return known.parameter_info.parser(typed)
    if known.is_choice and typed not in known.choices:
        raise ConfigError(f"{name} is {typed!r}.{suggestion(typed, known.choices)}")
    if known.annotation is Path:
        return Path(typed)
    if known.annotation is int:
        try:
            return int(typed)
        except ValueError as error:
            raise ConfigError(f"{name} is {typed!r}; expected {KINDS[int]}.") from error
    return typed
