"""What `--help` shows: examples first, then options with their defaults."""

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from page_parts.command_reference import all_commands
from typer import Context

from cnnxfer.cli import help
from cnnxfer.cli.command import loaded
from cnnxfer.cli.commands import COMMANDS, LOOK_AFTER, TRAIN, USE
from cnnxfer.cli.main import run

ALL = all_commands()


def page(monkeypatch: pytest.MonkeyPatch, capsys: Any, width: int, typed: str) -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    assert run(["help", *typed.split()]) == 0
    out: str = capsys.readouterr().out
    return out


@pytest.mark.parametrize("command", ["", *ALL])
def test_help_begins_with_three_examples(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = page(monkeypatch, capsys, 80, command).splitlines()
    start = lines.index("Examples")
    assert lines[start - 1] == ""
    assert start <= 3  # after one sentence
    examples = lines[start + 1 : start + 4]
    assert all("cnnxfer" in line for line in examples)
    assert f"cnnxfer {command}".rstrip() in examples[0]
    assert lines[start + 4] == ""
    assert any(line.startswith(f"Usage: cnnxfer {command}".rstrip()) for line in lines)


@pytest.mark.parametrize("command", ALL)
def test_help_fits_the_terminal(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for width in (40, 80, 120):
        for line in page(monkeypatch, capsys, width, command).splitlines():
            # A command is not folded, since it is to be copied.
            assert len(line) <= width or re.match(r"    .*cnnxfer ", line)


def examples() -> Iterator[Any]:
    for name, command in ALL.items():
        for typed, _ in help.about(command.help).examples:
            words = shlex.split(typed.split(" | ")[0].split(" > ")[0])
            if words[0] == "cnnxfer":
                yield pytest.param(words[1:], id=f"{name}: {typed}")


@pytest.mark.parametrize("words", list(examples()))
def test_examples_can_be_typed(words: list[str]) -> None:
    command = loaded(COMMANDS[words.pop(0)])
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    context = command.make_context(command.name, words)
    for parameter in command.params:
        value = context.params.get(parameter.name)
        choices = (parameter.metavar or "").split(" | ")
        if value is not None and choices[0].islower():
            assert value in choices


@pytest.mark.parametrize("command", ALL)
def test_every_option_tells_its_default(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = " ".join(page(monkeypatch, capsys, 80, command).split())
    for parameter in ALL[command].params:
        default = help.default_of(parameter)
        assert default or parameter.required
        assert f"[default: {default}]" in shown or parameter.required


def test_the_essential_options_come_first() -> None:
    panels = dict(help.panels(ALL["train"].get_params(Context(ALL["train"]))))
    assert next(iter(panels)) == "Options"
    assert list(panels)[-1] == "Common"
    assert [option.name for option in panels["Options"]][:5] == [
        *("backbone", "recipe", "fine_tune", "epochs", "lr")
    ]
    assert [option.name for option in panels["Common"]] == [
        *("runs_dir", "json", "quiet", "verbose", "help")
    ]


def test_commands_are_grouped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = page(monkeypatch, capsys, 80, "")
    places = [shown.index(f"\n{title}\n") for title in (TRAIN, USE, LOOK_AFTER)]
    assert places == sorted(places)
    for name, entry in COMMANDS.items():
        assert shown.index(f"\n{entry.panel}\n") < shown.index(f"\n  {name} ")
        assert len(entry.text) <= 48


def test_defaults_are_told_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = " ".join(page(monkeypatch, capsys, 100, "train").split())
    assert "--lr NUMBER | auto" in shown
    assert "[default: auto (searched for)]" in shown
    assert "[default: none (no limit)]" in shown
    assert "[default: 10, or from scratch 30]" in shown
    assert "--report, --no-report" in shown
    assert "[default: on]" in shown


def test_colours_are_for_terminals(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "\x1b" not in page(monkeypatch, capsys, 80, "train")
