"""What `--help` prints: a sentence, examples, and options with their defaults."""

from __future__ import annotations

import inspect
import os
import re
import shutil
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from cnnxfer.cli.commands import COMMANDS, Entry

MAX_WIDTH = 100
TERMS = 26  # columns of what options are called, where there is room
NARROW = 60  # below, texts stand under what they are about
FIRST, LAST = "Options", "Common"  # titles above options
_EXAMPLES = re.compile(r"\n+Examples:\n((?:    .*\n?|\n)+)")


@dataclass(frozen=True)
class About:
    """The parts of a docstring.

    Attributes:
        summary: its first sentence.
        text: the paragraphs that follow.
        examples: commands, each with what it is an example of.
    """

    summary: str
    text: tuple[str, ...]
    examples: tuple[tuple[str, str], ...]


def about(docstring: str) -> About:
    """Returns the parts of a docstring, whose section "Examples:" has commands."""
    docstring = inspect.cleandoc(docstring)
    found = _EXAMPLES.search(docstring)
    lines = found[1].splitlines() if found else []
    summary, *text = _EXAMPLES.sub("\n\n", docstring).strip().split("\n\n")
    return About(
        " ".join(summary.split()),
        tuple(" ".join(paragraph.split()) for paragraph in text if paragraph.strip()),
        tuple(_example(line) for line in lines if line.strip()),
    )


def _example(line: str) -> tuple[str, str]:
    command, _, text = line.partition("  # ")
    return command.strip(), text.strip()


def page(context: Any) -> str:
    """Returns the help of a command or of a group of commands."""
    width = min(shutil.get_terminal_size().columns, MAX_WIDTH)
    return "\n".join(_lines(context, width)) + "\n"


def _lines(context: Any, width: int) -> Iterator[str]:
    command = context.command
    known = about(command.help or "")
    yield from textwrap.wrap(known.summary, width)
    yield from _section("Examples", _examples(known.examples, width))
    for paragraph in known.text:
        yield ""
        yield from textwrap.wrap(paragraph, width)
    yield ""
    yield from textwrap.wrap(usage_line(context), width, subsequent_indent="    ")
    parameters = command.get_params(context)
    arguments = [each for each in parameters if each.param_type_name == "argument"]
    rows = [(metavar(each, context), _text(each)) for each in arguments]
    yield from _section("Arguments", _rows(rows, width))
    for title, names in _commands(context):
        yield from _section(title, _rows(names, width, terms=12))
    for title, members in panels(parameters):
        rows = [(_term(each, context), _text(each)) for each in members]
        yield from _section(title, _rows(rows, width))
    if getattr(command, "list_commands", None):
        yield ""
        yield from textwrap.wrap(
            f"More of a command: {context.command_path} COMMAND --help",
            width,
            break_on_hyphens=False,
        )


def usage_line(context: Any) -> str:
    """Returns the form of a command: `Usage: cnnxfer train [DATA] [OPTIONS]`."""
    command = context.command
    pieces = [
        metavar(each, context) if each.required else f"[{metavar(each, context)}]"
        for each in command.params
        if each.param_type_name == "argument"
    ]
    if getattr(command, "list_commands", None):
        pieces.append("COMMAND" if not command.invoke_without_command else "[COMMAND]")
    return f"Usage: {' '.join([context.command_path, *pieces, '[OPTIONS]'])}"


def _commands(context: Any) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yields the commands of a group under their titles, each with its text."""
    group = context.command
    names = group.list_commands(context) if hasattr(group, "list_commands") else []
    by_title: dict[str, list[tuple[str, str]]] = {}
    for name in names:
        entry: Entry | None = None if context.parent else COMMANDS.get(name)
        text = (
            entry.text
            if entry
            else about(group.get_command(context, name).help).summary
        )
        title = entry.panel if entry else "Commands"
        by_title.setdefault(title, []).append((name, text))
    yield from by_title.items()


def panels(parameters: Iterable[Any]) -> Iterator[tuple[str, list[Any]]]:
    """Yields options under their titles: the essential first, the common ones last."""
    by_title: dict[str, list[Any]] = {FIRST: []}
    for each in parameters:
        if each.param_type_name == "option":
            title = each.rich_help_panel or (LAST if is_common(each) else FIRST)
            by_title.setdefault(title, []).append(each)
    common = by_title.pop(LAST, [])
    by_title = {title: members for title, members in by_title.items() if members}
    yield from (by_title | {LAST: common}).items()


def is_common(option: Any) -> bool:
    """Tells whether an option is one of those that most commands have."""
    return option.name in ("runs_dir", "json", "quiet", "verbose", "help", "version")


def metavar(parameter: Any, context: Any) -> str:
    """Returns what stands for a value: `DATA`, `NUMBER | auto` or `one | all`."""
    given: str = parameter.metavar
    if not given:
        kind = parameter.display_type(context).strip("<>")
        own = parameter.opts[0].removeprefix("--").upper()
        names = {"int": "N", "float": "NUMBER", "path": "PATH", "str": own}
        given = names.get(kind, " | ".join(kind.split("|")))
    return f"{given}{'...' * (parameter.nargs == -1)}"


def _term(option: Any, context: Any) -> str:
    short = [name for name in option.opts if not name.startswith("--")]
    long = [name for name in option.opts if name.startswith("--")]
    names = ", ".join([*short, *long, *option.secondary_opts])
    value = "" if option.is_flag else f" {metavar(option, context)}"
    return f"{'' if short else '    '}{names}{value}"


def _text(parameter: Any) -> str:
    default = default_of(parameter)
    return (
        f"{parameter.help or ''}{f' [default: {default}]' if default else ''}".strip()
    )


def default_of(parameter: Any) -> str:
    """Returns in words what holds if a parameter is not typed; "" for nothing."""
    if isinstance(parameter.show_default, str):
        return parameter.show_default
    if parameter.required or parameter.name in ("help", "version"):
        return ""
    if getattr(parameter, "is_flag", False):
        return "on" if parameter.default else "off"
    return "" if parameter.default is None else str(parameter.default)


def _examples(examples: Iterable[tuple[str, str]], width: int) -> Iterator[str]:
    """Yields commands beside what they do, or under it where there is no room."""
    examples = tuple(examples)
    longest = max((len(command) for command, _ in examples), default=0)
    fits = all(2 + longest + 2 + len(text) <= width for _, text in examples)
    for command, text in examples:
        if fits:
            yield f"  {command:{longest}}  {text}".rstrip()
            continue
        yield from textwrap.wrap(
            text, width, initial_indent="  ", subsequent_indent="  "
        )
        yield f"    {command}"


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    lines = list(lines)
    if lines:
        yield ""
        yield _bold(title)
        yield from lines


def _rows(
    rows: Iterable[tuple[str, str]], width: int, terms: int = TERMS
) -> Iterator[str]:
    column = 2 + terms + 2 if width >= NARROW else 8
    for term, text in rows:
        head, *folded = _wrapped(f"  {term}", width, indent=8)
        lines = textwrap.wrap(text, width - column, break_on_hyphens=False)
        if not folded and len(head) + 2 <= column and lines:
            yield f"{head:{column}}{lines.pop(0)}"
        else:
            yield from (head, *folded)
        yield from (" " * column + line for line in lines)


def _wrapped(text: str, width: int, indent: int) -> list[str]:
    start = text[: len(text) - len(text.lstrip())]
    return textwrap.wrap(
        text.lstrip(),
        width,
        initial_indent=start,
        subsequent_indent=" " * indent,
        break_on_hyphens=False,
        break_long_words=False,
    )


def _bold(text: str) -> str:
    return text if os.environ.get("NO_COLOR") else f"\x1b[1m{text}\x1b[0m"
