"""What to say when a command line is wrong: what was found, and what to type."""

from __future__ import annotations

import json
import os
import re
import shlex
import tomllib
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import typer

from cnnxfer import other_tools
from cnnxfer.cli import help
from cnnxfer.cli.commands import COMMANDS
from cnnxfer.errors import CnnxferError
from cnnxfer.registry import did_you_mean
from cnnxfer.spelling import spelled

if TYPE_CHECKING:
    from cnnxfer.runs import Run

# Commands whose arguments may be such as `top=flowers-1`.
TAKE_ASSIGNMENTS = ("serve", "rename", "note")
_ASSIGNMENT = re.compile(r"([A-Za-z][\w-]*)=(.+)")


def unknown_command(context: Any, typed: Sequence[str]) -> str:
    """Returns what to say of a command that does not exist, the first word typed."""
    path, word = context.command_path, typed[0]
    names = context.command.list_commands(context)
    at_top = context.parent is None
    here = (
        other_tools.COMMANDS if at_top else other_tools.BELOW.get(context.info_name, {})
    )
    if right := here.get(word.lower()):
        words = right.split()
        line = _pasted(
            path, [*words, *_corrected(typed[1:], _below(context, words[0]))]
        )
        start = f"there is no command {word!r}; it is called {right!r} here."
        return f"{start} Type: {line}"
    if _names_backbone(context, word):
        below = "show" if context.info_name == "backbones" else "pull"
        line = _pasted(path, [below, *typed])
        return f"{word} is a backbone, and no command. Type: {line}"
    if context.info_name == "runs" and (run := _run_called(word, context)):
        line = _pasted(path, ["show", str(run.path), *typed[1:]])
        return f"{word} is a run, and no command. Type: {line}"
    if question := did_you_mean(word, names):
        meant = question.split("'")[1]
        line = _pasted(path, [meant, *typed[1:]])
        return f"there is no command {word!r}.{question} Type: {line}"
    if os.path.exists(word) and at_top:
        return (
            f"there is no command {word!r}, but it is here: train on it, or ask a run "
            f"about it. Type: {_pasted(path, ['train', *typed])}, or "
            f"{_pasted(path, ['predict', *typed])}"
        )
    return f"there is no command {word!r}. List those there are: {path} --help"


def _run_called(name: str, context: Any) -> Run | None:
    from cnnxfer.runs import find_run, resolve_runs_dir

    try:
        return find_run(name, resolve_runs_dir(context.params["runs_dir"]))
    except CnnxferError:
        return None


def _names_backbone(context: Any, word: str) -> bool:
    if context.info_name not in ("backbones", "weights"):
        return False
    from cnnxfer.backbones.catalog import BACKBONES

    return word in BACKBONES


def message_of(error: Any, context: Any, typed: Sequence[str]) -> str:
    """Returns what to say of an error of Typer's, which speaks as a parser does."""
    name = getattr(error, "option_name", "")
    kind = type(error).__name__
    if kind == "NoSuchOption":
        return _unknown_option(name, context, typed)
    if kind == "BadOptionUsage":
        option = _options(context).get(name)
        if option is not None and option.is_flag:
            line = _pasted(context.command_path, _replaced(typed, name, [name]))
            return f"{name} is on or off and takes no value. Type: {line}"
        value = help.metavar(option, context) if option is not None else "a value"
        return f"{name} needs a value: {value}.{_see(context)}"
    text = str(error).rstrip(".")
    return f"{text[:1].lower()}{text[1:]}.{_see(context)}"


def missing(context: Any, parameter: Any) -> str:
    """Returns what to say of an argument that was not typed."""
    text = (parameter.help or "").rstrip(".")
    text = text[:1].lower() + text[1:] if not text[1:2].isupper() else text
    examples = help.about(context.command.help or "").examples
    example = f" Type, for example: {examples[0][0]}" if examples else _see(context)
    return f"{context.command_path} needs {name_of(parameter)}: {text}.{example}"


def left_over(context: Any, typed: Sequence[str], left: Sequence[str]) -> str:
    """Returns what to say of words that no argument takes."""
    path, first = context.command_path, left[0]
    taken = [name_of(each) for each in context.command.params if _is_argument(each)]
    if taken:
        takes = f"takes {' and '.join(f'one {name}' for name in taken)}"
    else:
        takes = "takes options only"
    before = typed[typed.index(first) - 1] if first in typed[1:] else ""
    option = _options(context).get(before)
    if option is not None and option.is_flag:
        line = _pasted(path, _replaced(typed, first, []))
        return f"{before} is on or off and takes no value. Type: {line}"
    if (words := _corrected(typed, context)) != list(typed):  # such as `-bs 32`
        return f"options begin with two hyphens. Type: {_pasted(path, words)}"
    if "--data" in _options(context) and os.path.exists(first):
        line = _pasted(path, _replaced(typed, first, ["--data", first]))
        return (
            f"{path} {takes}, and {first!r} is left over. Are these its images? {line}"
        )
    return f"{path} {takes}, and {first!r} is left over.{_see(context)}"


def assignment(context: Any, typed: Sequence[str]) -> str | None:
    """Returns what to say if options were typed as `epochs=10`; None if none was."""
    if context.info_name in TAKE_ASSIGNMENTS:
        return None
    words: list[str] = []
    wrong = ""
    end = typed.index("--") if "--" in typed else len(typed)
    for before, word in zip(["", *typed], typed[:end], strict=False):
        found = _ASSIGNMENT.fullmatch(word)
        is_word = not found or before.startswith("-") or os.path.exists(word)
        name = None if is_word or not found else _called_here(found[1], context)
        if name and found:
            wrong = wrong or word
            words += [name, found[2]]
        else:
            words.append(word)
    if not wrong:
        return None
    line = _pasted(context.command_path, [*words, *typed[end:]])
    return f"{wrong} is not how an option is typed. Type: {line}"


def without_value(context: Any, typed: Sequence[str]) -> str | None:
    """Returns what to say if an option took the next one for its value, or None."""
    options = _options(context)
    before = ""  # an option that takes the next word
    for word in typed:
        if before and word.partition("=")[0] in options and word.startswith("--"):
            value = help.metavar(options[before], context)
            return f"{before} needs a value: {value}.{_see(context)}"
        if word == "--" and not before:
            return None
        option = None if before else options.get(word)
        before = word if option is not None and not option.is_flag else ""
    return None


def name_of(parameter: Any) -> str:
    """Returns what messages call a parameter: `--sort`, or `DATA`."""
    if _is_argument(parameter):
        return str(parameter.metavar)
    long = [name for name in parameter.opts if name.startswith("--")]
    return str((long or parameter.opts)[0])


def _unknown_option(name: str, context: Any, typed: Sequence[str]) -> str:
    path = context.command_path
    # Typer names the first letter of `-lr`.
    names = [word.partition("=")[0] for word in typed]
    whole = next((it for it in names if it == name), None) or next(
        (it for it in names if it.startswith(name)), name
    )
    word = whole.lstrip("-").lower().replace("_", "-")
    start = f"{path} has no {whole}"
    if context.parent is None and (found := [it for it in typed if it in COMMANDS]):
        rest = [it for it in typed if it != found[0]]
        rest = _corrected(rest, _below(context, found[0]))
        line = _pasted(path, [found[0], *rest])
        return f"{start}; options stand behind the command. Type: {line}"
    if right := _called_here(word, context):
        line = _pasted(path, _corrected(typed, context))
        return f"{start}; it is called {right} here. Type: {line}"
    for argument in (each for each in context.command.params if _is_argument(each)):
        if word in other_tools.ARGUMENTS.get(name_of(argument), ()):
            line = _pasted(path, _corrected(_replaced(typed, whole, []), context))
            return f"{start}; {name_of(argument)} is typed without one. Type: {line}"
    if why := other_tools.NOT_NEEDED.get(word):
        return f"{start}. {spelled(why)}"
    if place := _place_in_files(word, whole, typed, context):
        return f"{start}, but files have it. {place}"
    if question := did_you_mean(whole, _options(context)):
        line = _pasted(path, _replaced(typed, whole, [question.split("'")[1]]))
        return f"{start}.{question} Type: {line}"
    for meant in (word, *other_tools.OPTIONS.get(word, ())):
        if others := _commands_with(f"--{meant}"):
            called = f"it is called --{meant} and" if meant != word else "it"
            return f"{start}; {called} is an option of {others}.{_see(context)}"
    return f"{start}.{_see(context)}"


def _place_in_files(word: str, whole: str, typed: Sequence[str], context: Any) -> str:
    """Returns how a setting is written that is no option; "" if there is none."""
    trains = context.info_name in ("train", "unfreeze")
    if "--config" not in _options(context) or (
        not trains and _commands_with(f"--{word}")
    ):
        return ""
    from cnnxfer.config.config import Config
    from cnnxfer.config.setting import settings_in

    name, config = word.replace("-", "_"), Config()
    value = _in_toml(_value_of(whole, typed))
    phase = "fine_tune" if context.info_name == "unfreeze" else "frozen"
    if "--from-scratch" in typed:
        phase = "scratch"
    for table in ("", "augment", phase):
        section: Any = getattr(config, table) if table else config
        if name in settings_in(type(section)):
            below = f" below [{table}]" if table else ""
            return f"Write {name} = {value}{below} into a file, and add --config FILE"
    return ""


def _value_of(option: str, typed: Sequence[str]) -> str:
    """Returns what was typed as the value of an option; "VALUE" for nothing."""
    for word, after in pairwise([*typed, "--"]):
        name, mark, value = word.partition("=")
        if name == option:
            return value if mark else "VALUE" if after.startswith("--") else after
    return "VALUE"


def _in_toml(value: str) -> str:
    """Returns a value as a file has it: texts in quotes."""
    try:
        tomllib.loads(f"value = {value}")
    except tomllib.TOMLDecodeError:
        return value if value == "VALUE" else json.dumps(value, ensure_ascii=False)
    return value


def _commands_with(option: str) -> str:
    """Returns the commands that have an option, as "train and unfreeze"; or ""."""
    from cnnxfer.config.options import FUNCTIONS, options_of

    found = (
        function.removesuffix("_into")
        for function in FUNCTIONS
        if any(it.setting.option == option for it in options_of(function).values())
    )
    return " and ".join(name for name in dict.fromkeys(found) if name in COMMANDS)


def _is_argument(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "argument")


def _called_here(word: str, context: Any) -> str | None:
    """Returns the option of a command that a word of another tool means, or its own."""
    word = word.lower().replace("_", "-")
    options = _options(context)
    meant = (word, *other_tools.OPTIONS.get(word, ()))
    return next((f"--{name}" for name in meant if f"--{name}" in options), None)


def _options(context: Any) -> dict[str, Any]:
    return {
        name: each
        for each in context.command.get_params(context)
        if not _is_argument(each)
        for name in (*each.opts, *each.secondary_opts)
    }


def _replaced(typed: Sequence[str], wrong: str, right: Sequence[str]) -> list[str]:
    """Returns words with the wrong one replaced; `--wrong=value` keeps its value."""
    words: list[str] = []
    for word in typed:
        name, _, value = word.partition("=")
        if word == wrong:
            words += right
        elif name == wrong:
            words += [*right, value] if right != [wrong] else right
        else:
            words.append(word)
    return words


def _corrected(typed: Sequence[str], context: Any) -> list[str]:
    """Returns the words with all options as the command calls them."""
    options = _options(context)
    words: list[str] = []
    for word in typed:
        name, mark, value = word.partition("=")
        is_foreign = name.startswith("-") and name not in options
        if is_foreign and (right := _called_here(name.lstrip("-"), context)):
            words += [right, value] if mark else [right]
        else:
            words.append(word)
    return words


def _below(context: Any, name: str) -> Any:
    """Returns what a command of a group is typed in; that of the group for another."""
    command = context.command.get_command(context, name)
    if command is None:
        return context
    return typer.Context(command, parent=context, info_name=name)


def _pasted(path: str, words: Sequence[str]) -> str:
    return f"{path} {shlex.join(words)}"


def _see(context: Any) -> str:
    return f" See: {context.command_path} --help"
