"""Every command of the command line, from what Typer knows of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args, get_type_hints

from cnnxfer.cli.command import loaded
from cnnxfer.cli.commands import COMMANDS
from cnnxfer.cli.help import about, default_of, panels
from cnnxfer.config.options import FUNCTIONS, options_of
from page_parts.markdown import code, directive, sentence, with_options
from page_parts.setting_reference import full_name

_METAVARS = {int: "<int>", float: "<float>", Path: "<path>", str: "<str>"}


def all_commands() -> dict[str, Any]:
    """Returns every command by its name, such as `runs show`; groups come first."""
    found: dict[str, Any] = {}
    for name, entry in COMMANDS.items():
        found[name] = command = loaded(entry)
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
    known = about(command.help)
    parts = [
        f"{level} `cnnxfer {name}`\n",
        *(f"{with_options(text)}\n" for text in (known.summary, *known.text)),
        code("\n".join(typed for typed, _ in known.examples), "sh"),
        code(f"cnnxfer {name} {' '.join(pieces)}"),
        directive("program", f"cnnxfer {name}"),
    ]
    for item in arguments:
        text = sentence(item.help or "")
        if default := _default(item):
            text += f" Default: {default}."
        parts.append(directive("option", _usage(item), text))
    for panel, members in panels(options):
        parts.append(f"**{panel}**\n")
        parts += [_option(item, name, kinds) for item in members]
    return "\n".join(parts)


def _option(option: Any, command: str, kinds: dict[str, type[Any]]) -> str:
    text = sentence(option.help or "")
    if default := _default(option):
        text += f" Default: {default}."
    function = "predict_into" if command == "predict" else command  # which it calls
    found = options_of(function).get(option.name) if function in FUNCTIONS else None
    if found and found.table is not None:
        text += f" Setting: {{confval}}`{full_name(found.table, found.setting)}`."
    value = option.metavar or _METAVARS.get(kinds.get(option.name, bool), "")
    names = [
        f"{name} {value}".rstrip() for name in (*option.opts, *option.secondary_opts)
    ]
    return directive("option", ", ".join(names), text)


def _default(parameter: Any) -> str:
    """Returns what holds if a parameter is not typed, in Markdown; "" for nothing."""
    value, mark, meaning = default_of(parameter).partition(" (")
    is_typed = value and " " not in value and value not in ("on", "off")
    return f"`{value}`{mark}{meaning}" if is_typed else f"{value}{mark}{meaning}"


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
