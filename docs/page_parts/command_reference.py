"""Every command of the command line, from what Typer knows of them."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

from typer.main import get_command

from cnnxfer.cli.main import app
from page_parts.markdown import code, directive, sentence
from page_parts.setting_reference import Setting, settings_of

# The tables whose settings a command's options set; the first that has one counts.
TABLES = {
    "train": ("frozen", "", "augment"),
    "unfreeze": ("fine_tune", "", "augment"),
    "compare": ("", "augment"),
    "preview": ("", "augment"),
}
_METAVARS = {int: "NUMBER", float: "NUMBER", Path: "PATH", str: "TEXT"}


def all_commands() -> dict[str, Any]:
    """Returns every command by its name, such as `runs show`; groups come first."""
    found: dict[str, Any] = {}
    for name, command in vars(get_command(app))["commands"].items():
        found[name] = command
        below = getattr(command, "commands", {})
        found |= {f"{name} {lower}": item for lower, item in below.items()}
    return found


def commands() -> str:
    """Returns a section for each command, with all its options."""
    return "\n".join(_section(name, item) for name, item in all_commands().items())


def _section(name: str, command: Any) -> str:
    level = "###" if " " in name else "##"
    arguments = [item for item in command.params if _is_argument(item)]
    options = [item for item in command.params if not _is_argument(item)]
    pieces = ["[OPTIONS]", *map(_usage, arguments)]
    if getattr(command, "commands", None):
        pieces.append("[COMMAND]")
    kinds = _kinds(command.callback)
    parts = [
        f"{level} `cnnxfer {name}`\n",
        inspect.cleandoc(command.help) + "\n",
        code(f"cnnxfer {name} {' '.join(pieces)}"),
        directive("program", f"cnnxfer {name}"),
    ]
    for item in arguments:
        text = sentence(item.help or "")
        if item.default is not None:
            text += f" Default: `{item.default}`."
        parts.append(directive("option", _usage(item), text))
    for panel, members in _panels(options):
        if panel:
            parts.append(f"**{panel}**\n")
        parts += [_option(item, name, kinds) for item in members]
    return "\n".join(parts)


def _option(option: Any, command: str, kinds: dict[str, type[Any]]) -> str:
    setting = _setting(option, command)
    text = sentence(option.help or "")
    if default := _default(option, setting, command):
        text += f" Default: {default}."
    if setting:
        text += f" Setting: {{confval}}`{setting.name}`."
    value = ""
    if kinds[option.name] is not bool:
        value = f" {option.metavar or _METAVARS[kinds[option.name]]}"
    names = [f"{name}{value}" for name in (*option.opts, *option.secondary_opts)]
    return directive("option", ", ".join(names), text)


def _default(option: Any, setting: Setting | None, command: str) -> str:
    """Returns what holds without the option, in Markdown; "" where nothing does."""
    if command == "unfreeze" and setting and not setting.name.startswith("fine_tune."):
        return "" if option.name == "time_budget" else "as the run has it"
    if option.secondary_opts:  # --cache/--no-cache
        on = option.default if option.default is not None else True
        return f"`{(option.opts if on else option.secondary_opts)[0]}`"
    if isinstance(option.show_default, str):
        return (
            option.show_default
            if " " in option.show_default
            else f"`{option.show_default}`"
        )
    if option.default not in (None, False):
        return f"`{option.default}`"
    if setting and setting.default not in ('""', "0"):
        return f"`{setting.default.strip(chr(34))}`"
    return ""


def _setting(option: Any, command: str) -> Setting | None:
    """Returns what an option sets, if it sets what configuration files can set."""
    names = {*option.opts, *option.secondary_opts}
    for section in TABLES.get(command, ()):
        for setting in settings_of(section):
            if setting.option in names:
                return dataclasses.replace(setting, command=command)
    return None


def _panels(options: Iterable[Any]) -> Iterator[tuple[str, list[Any]]]:
    """Yields options under the titles that `--help` has; those without come first."""
    panels: dict[str, list[Any]] = {"": []}
    for option in options:
        panels.setdefault(option.rich_help_panel or "", []).append(option)
    yield from panels.items()


def _kinds(callback: Any) -> dict[str, type[Any]]:
    """Returns the type of each parameter of a command, `None` aside."""
    kinds = get_type_hints(callback)
    return {
        name: next((it for it in get_args(kind) if it is not type(None)), kind)
        for name, kind in kinds.items()
    }


def _usage(argument: Any) -> str:
    text = argument.metavar or argument.name.upper()
    text += "..." if argument.nargs == -1 else ""
    return text if argument.required else f"[{text}]"


def _is_argument(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "argument")
