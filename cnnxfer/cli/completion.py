"""Completion of what is typed in a shell, without running or even parsing it.

A shell's function starts cnnxfer with `_CNNXFER_COMPLETE` in its environment and the
words up to the cursor as arguments. Each line of the answer is what may stand there,
a tab and what it is about.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Annotated, Any

import typer

from cnnxfer.cli import help
from cnnxfer.cli.command import loaded
from cnnxfer.cli.commands import COMMANDS
from cnnxfer.cli.shared_options import Json, Quiet, Verbose
from cnnxfer.cli.values import words as words_of
from cnnxfer.errors import ConfigError
from cnnxfer.registry import suggestion

SWITCH = "_CNNXFER_COMPLETE"
# Each falls back on the names of files. Bash counts `=` and `:` as words of their own,
# leaves quotes to its functions, and has no `compopt` on macOS.
SCRIPTS = {
    "bash": """_cnnxfer() {
    local line typed=("${COMP_WORDS[@]:1:COMP_CWORD}")
    COMPREPLY=()
    while IFS= read -r line; do
        COMPREPLY+=("$(printf %q "$line")")
    done < <(_CNNXFER_COMPLETE=bash "$1" "${typed[@]}" 2>/dev/null)
    if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == */ ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -o default -F _cnnxfer cnnxfer
""",
    "zsh": """_cnnxfer() {
    local -a typed lines
    typed=("${(@)words[2,CURRENT]}")
    lines=("${(@f)$(_CNNXFER_COMPLETE=zsh "$words[1]" "${(@)typed}" 2>/dev/null)}")
    if [[ -n "$lines" ]]; then
        _describe -V cnnxfer lines
    else
        _files
    fi
}
compdef _cnnxfer cnnxfer
""",
    "fish": """function __cnnxfer
    set -l typed (commandline -opc)[2..] (commandline -ct)
    set -l answers (_CNNXFER_COMPLETE=fish cnnxfer $typed 2>/dev/null)
    if test (count $answers) -gt 0
        printf '%s\\n' $answers
    else
        __fish_complete_path (commandline -ct)
    end
end
complete --command cnnxfer --no-files --keep-order --arguments '(__cnnxfer)'
""",
}
PLACES = {
    "bash": "echo 'eval \"$(cnnxfer completion bash)\"' >> ~/.bashrc",
    "zsh": "echo 'eval \"$(cnnxfer completion zsh)\"' >> ~/.zshrc",
    "fish": "echo 'cnnxfer completion fish | source' >> ~/.config/fish/config.fish",
}


def completion(
    shell: Annotated[
        str | None,
        typer.Argument(
            metavar="SHELL",
            help="Print what makes this shell complete: bash, zsh or fish.",
            show_default="say how it is set up",
            autocompletion=words_of(SCRIPTS),
        ),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Have your shell complete commands, options, backbones, runs and data.

    Examples:
        cnnxfer completion  # how it is set up, once, in each shell
        eval "$(cnnxfer completion bash)"  # in this bash
        cnnxfer completion fish | source  # in this fish
    """
    from cnnxfer.cli.terminal import print_json

    if shell is not None and shell not in SCRIPTS:
        raise ConfigError(
            f"there is no shell {shell!r} here.{suggestion(shell, SCRIPTS)}"
        )
    if json:
        print_json({shell: SCRIPTS[shell]} if shell else PLACES)
    elif shell:
        print(SCRIPTS[shell], end="")
    else:
        print("Type this once, for your shell; it is there in the next one you open:")
        print(*(f"  {name:5} {line}" for name, line in PLACES.items()), sep="\n")


def answer(shell: str, words: Sequence[str]) -> str:
    """Returns the lines that complete the last of the words, which may be empty."""
    if shell == "bash":
        words = [_unquoted(word) for word in words]
    found = list(candidates(words))
    if shell == "bash":
        return "".join(f"{value}\n" for value, _ in found)
    if shell == "zsh":
        found = [(value.replace(":", "\\:"), text) for value, text in found]
    mark = ":" if shell == "zsh" else "\t"
    return "".join(f"{value}{mark}{text}\n" for value, text in found)


def _unquoted(word: str) -> str:
    try:
        return "".join(shlex.split(word))
    except ValueError:  # a quote is open, and bash completes names of files there
        return word


def candidates(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yields what may stand in place of the last word, each with what it is about."""
    *before, last = words or [""]
    before = [word for word in before if word != "="]  # of bash
    last = last.removeprefix("=")
    if before[:1] == ["help"]:
        before = before[1:]
    name = next((word for word in before if not word.startswith("-")), None)
    if name is None:
        yield from _beginning(last, ((it.name, it.text) for it in COMMANDS.values()))
        return
    entry = COMMANDS.get(name)
    if entry is None:
        return
    command = loaded(entry)
    before = typed = before[before.index(name) + 1 :]
    while below := getattr(command, "commands", None):
        name = next((word for word in before if word in below), None)
        if name is None:
            if not last.startswith("-"):
                texts = (
                    (each, help.about(it.help or "").summary)
                    for each, it in below.items()
                )
                yield from _beginning(last, texts)
            break
        command, before = below[name], before[before.index(name) + 1 :]
    yield from _of_command(command, before, last, _runs_dir(typed))


def _runs_dir(typed: Sequence[str]) -> str | None:
    """Returns the directory of all runs, which groups take before their commands."""
    for word, after in pairwise([*typed, ""]):
        name, _, value = word.partition("=")
        if name == "--runs-dir":
            return value or after
    return None


def _of_command(
    command: Any, before: Sequence[str], last: str, runs_dir: str | None
) -> Iterator[tuple[str, str]]:
    context = typer.Context(command, info_name=command.name)
    options = [each for each in command.get_params(context) if hasattr(each, "is_flag")]
    by_name = {name: each for each in options for name in each.opts}
    typed, awaiting = _read(by_name, before)
    context.params["runs_dir"] = runs_dir
    assigned, _, value = last.partition("=")
    if awaiting is None and last.startswith("-") and assigned in by_name and value:
        yield from (
            (f"{assigned}={each}", text)
            for each, text in _values(by_name[assigned], context, value)
        )
    elif awaiting is not None:
        yield from _values(awaiting, context, last)
    elif last.startswith("-"):
        names = (
            (name, each.help or "")
            for each in options
            if each.multiple or not any(name in typed for name in each.opts)
            for name in (*each.opts, *each.secondary_opts)
            if name.startswith("--")
        )
        yield from _beginning(last, names)
    else:
        arguments = [each for each in command.params if not hasattr(each, "is_flag")]
        position = typed[""]
        place = min(position, len(arguments) - 1)
        if arguments and (position <= place or arguments[place].nargs == -1):
            yield from _values(arguments[place], context, last)


def _read(
    by_name: dict[str, Any], before: Sequence[str]
) -> tuple[dict[str, Any], Any | None]:
    """Returns the options that were typed, under "" how many arguments, and an option.

    That one is the option whose value comes next; None if it is none's.
    """
    typed: dict[str, Any] = {"": 0}
    awaiting: tuple[str, Any] | None = None
    for word in before:
        if awaiting is not None:
            typed[awaiting[0]], awaiting = word, None
        elif word.startswith("-"):
            name, is_assigned, value = word.partition("=")
            option = by_name.get(name)
            typed[name] = value
            if option is not None and not option.is_flag and not is_assigned:
                awaiting = (name, option)
        else:
            typed[""] += 1
    return typed, awaiting[1] if awaiting else None


def _values(parameter: Any, context: Any, start: str) -> Iterator[tuple[str, str]]:
    for item in parameter.shell_complete(context, start):
        yield item.value, item.help or ""


def _beginning(
    start: str, known: Iterator[tuple[str, str]]
) -> Iterator[tuple[str, str]]:
    return (each for each in known if each[0].startswith(start))


def main(words: Sequence[str]) -> None:
    """Prints what completes the words of a command line, for the shell that asks."""
    print(answer(os.environ[SWITCH], words), end="")
