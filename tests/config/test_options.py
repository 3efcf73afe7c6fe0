"""Settings are the same on the command line, in Python, in files and in the docs."""

import ast
import re
import runpy
from pathlib import Path

import pytest
from page_parts.command_reference import all_commands, commands
from page_parts.markdown import sentence
from page_parts.setting_reference import python_options, toml
from typer import Context

from cnnxfer import api
from cnnxfer.api import options as option_types
from cnnxfer.config import load_config
from cnnxfer.config.options import FUNCTIONS, Option, options_of, settings_of
from cnnxfer.errors import ConfigError

SCRIPT = Path(__file__).parents[2] / "scripts" / "write_option_types.py"
COMMANDS = all_commands()
CONTEXT = Context(COMMANDS["train"])
COMMAND_REFERENCE, PYTHON_REFERENCE = f"\n{commands()}", python_options()
# The commands that call functions with options.
CALLED_BY = {name: name for name in FUNCTIONS if name in COMMANDS}
CALLED_BY["predict_into"] = CALLED_BY.pop("predict")
EACH = [
    pytest.param(function, name, option, id=f"{function} {name}")
    for function in FUNCTIONS
    if function in CALLED_BY
    for name, option in options_of(function).items()
]
IN_FILES = [each for each in EACH if each.values[2].table is not None]
# What commands have that isn't a setting of what they compute.
OWN = {"spec", "run", "config", "fine_tune", "runs_dir", "json", "quiet", "verbose"}
OWN |= {"help", "all_layers", "dry_run", "backbones", "budget", "write", "html"}
OWN |= {"strict", "data", "out", "images", "views"}
OWN |= {"inputs", "model", "other", "classes", "labels", "fail_under"}
OWN |= {"tensorboard", "mlflow", "name", "models", "epochs"}


@pytest.mark.parametrize(("function", "name", "option"), EACH)
def test_the_command_line_says_what_the_table_says(
    function: str, name: str, option: Option
) -> None:
    setting = option.setting
    typed = next(
        item for item in COMMANDS[CALLED_BY[function]].params if item.name == name
    )
    assert setting.option in typed.opts
    assert typed.help == setting.help
    assert typed.default is None
    assert typed.show_default == default_of(option)
    if setting.kind is not bool:
        completed = [item.value for item in typed.shell_complete(CONTEXT, "")]
        assert set(setting.words) <= set(completed)
        assert all(word in typed.metavar for word in setting.words)


@pytest.mark.parametrize("function", CALLED_BY)
def test_nothing_is_offered_that_is_not_in_the_table(function: str) -> None:
    offered = {item.name for item in COMMANDS[CALLED_BY[function]].params}
    assert offered - OWN <= options_of(function).keys() <= offered


def test_python_has_the_types_of_the_table() -> None:
    lines = runpy.run_path(str(SCRIPT))["lines"]()
    written = Path(option_types.__file__).read_text(encoding="utf-8")
    assert ast.dump(ast.parse(written)) == ast.dump(ast.parse("\n".join(lines))), (
        f"run: python {SCRIPT}"
    )
    for function in FUNCTIONS:
        expected = f"Unpack[{function.title().replace('_', '')}Keywords]"
        assert getattr(api, function).__annotations__["options"] == expected


@pytest.mark.parametrize(("function", "name", "option"), IN_FILES)
def test_files_take_what_options_take(
    tmp_path: Path, function: str, name: str, option: Option
) -> None:
    setting, path = option.setting, tmp_path / "x.toml"
    for value in (setting.default, *setting.words):
        table = f"[{option.table}]\n" if option.table else ""
        path.write_text(f"{table}{setting.name} = {toml(setting, value)}")
        given = settings_of(function, {name: value})
        for config in (load_config(path), load_config(None, given)):
            section = getattr(config, option.table) if option.table else config
            assert getattr(section, setting.name) == value


@pytest.mark.parametrize(("function", "name", "option"), EACH)
def test_the_reference_says_what_the_table_says(
    function: str, name: str, option: Option
) -> None:
    setting = option.setting
    _, _, section = COMMAND_REFERENCE.partition(
        f"\n## `cnnxfer {CALLED_BY[function]}`\n"
    )
    section = section.partition("\n## ")[0]
    entry = re.search(rf":::{{option}} {setting.option}\b.*\n(.*)", section)
    assert entry
    assert entry[1].startswith(sentence(setting.help))
    python = PYTHON_REFERENCE.split(f"### Options of `{function}`\n")[1].split("###")[0]
    (row,) = (line for line in python.splitlines() if line.startswith(f"| `{name}` |"))
    assert sentence(setting.help) in row
    for word in setting.words:
        assert f"`{word}`" in row
    if not option.inherited:
        default = default_of(option)
        assert f"Default: {default}." in entry[1].replace("`", "")
        assert f"| `{toml(setting, setting.default)}`" in row
    if option.from_scratch is not None:
        assert f"from scratch `{toml(setting, option.from_scratch)}` |" in row


def test_help_has_the_defaults_of_both_first_phases() -> None:
    options = {item.name: item for item in COMMANDS["train"].params}
    assert options["epochs"].show_default == "10, or from scratch 30"
    assert options["patience"].show_default == (
        "auto (10 on cached features, or never), or from scratch none (never stops "
        "early)"
    )
    assert options["optimizer"].show_default == "adamw"


def default_of(option: Option) -> str:
    """Returns a default as the command line shows it."""
    setting = option.setting
    if option.inherited:
        return "as the run has it"
    default = setting.in_words(setting.default)
    if option.from_scratch is None:
        return default
    return f"{default}, or from scratch {setting.in_words(option.from_scratch)}"


def test_no_reference_has_an_option_of_its_own() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", PYTHON_REFERENCE, re.MULTILINE)
    assert len(rows) == sum(len(options_of(function)) for function in FUNCTIONS)
    linked = re.findall(r"Setting: {confval}", COMMAND_REFERENCE)
    assert len(linked) == len(IN_FILES)


def test_an_option_that_is_misspelt_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"unknown option 'epocs'\. Did you mean 'ep"):
        settings_of("train", {"epocs": 3})


@pytest.mark.parametrize(
    ("function", "name", "answer"),
    [
        ("train", "learning_rate", "; it is called 'lr' here."),
        ("train", "model", "; it is called 'backbone' here."),
        ("predict", "run", "; it is called 'model' here."),
        ("train", "num_workers", ". As many processes read images as help."),
        ("train", "pretrained", ". A backbone .*, unless you say weights='none'."),
    ],
)
def test_words_of_other_tools_are_answered(
    function: str, name: str, answer: str
) -> None:
    with pytest.raises(ConfigError, match=f"^unknown option '{name}'{answer}$"):
        settings_of(function, {name: 1})


@pytest.mark.parametrize(("function", "name", "option"), IN_FILES)
def test_python_is_told_of_parameters(function: str, name: str, option: Option) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(None, settings_of(function, {name: object()}))
    assert str(caught.value).startswith(f"{name} is <object")
    assert "--" not in str(caught.value)
