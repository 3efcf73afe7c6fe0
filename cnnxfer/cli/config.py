"""`cnnxfer config`: a file of all settings, and what would apply."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnnxfer.cli.command import Commands
from cnnxfer.cli.data_options import Data, the_data
from cnnxfer.cli.options import with_options
from cnnxfer.cli.shared_options import ConfigFile, Json, Quiet, Verbose
from cnnxfer.cli.tables import cell_table
from cnnxfer.cli.terminal import TerminalReporter, print_json, stdout
from cnnxfer.config.commented import commented_toml
from cnnxfer.errors import ConfigError
from cnnxfer.files import check_parent_folder, write_text
from cnnxfer.reporting import printable

if TYPE_CHECKING:
    from cnnxfer.api.shown_settings import TrainSetting

group = Commands()


@group.callback(invoke_without_command=True)
def config(
    context: typer.Context,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Write a file of settings, or show what would apply. Without a command, show it.

    Examples:
        cnnxfer config init
        cnnxfer config show photos/ --config cnnxfer.toml
        cnnxfer config show photos/ --recipe fast --lr 0.01
    """
    if context.invoked_subcommand is None:
        show(json=json)


@group.command()
def init(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The file to write.")
    ] = Path("cnnxfer.toml"),
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Write a file of all settings with their defaults, each explained.

    Examples:
        cnnxfer config init
        cnnxfer config init roses.toml
        cnnxfer train photos/ --config roses.toml

    A file that exists is never written over. Every setting is a comment at first, so
    that the file changes nothing, and a recipe or a task can still bring its own.
    """
    check_parent_folder("FILE", file)
    if os.path.lexists(file):  # also the empty name, which is this folder's
        what = "is a folder" if file.is_dir() else "exists, and is not written over"
        raise ConfigError(f"{file} {what}. Name another file: cnnxfer config init FILE")
    write_text(file, commented_toml())
    if json:
        print_json({"path": file})
    else:
        print(printable(str(file)))
        TerminalReporter().info(f"next: cnnxfer train FOLDER --config {file}")


@group.command()
@with_options("train", essential="config")
def show(
    spec: Data = None,
    config: ConfigFile = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    **options: Any,
) -> None:
    """Show the settings that `train` would have with these options, and why.

    Examples:
        cnnxfer config show
        cnnxfer config show photos/ --config roses.toml --epochs 20
        cnnxfer config show photos/ --task detection --json

    An option comes before a recipe that is an option, that before the file of --config,
    that before a recipe that the file names, and that before the defaults: those of the
    task, and then those of all.
    """
    from cnnxfer import api  # slow to import

    data = the_data(spec, options.pop("data", None))
    _show(api.train_settings(data, config=config, **options), json)


def _show(settings: list[TrainSetting], json: bool) -> None:
    if json:
        print_json({"settings": settings})
        return
    table = cell_table("setting", "value", "from", wide=("value", "from"))
    for setting in settings:
        value = setting.value
        text = str(value).lower() if isinstance(value, bool) else str(value)
        table.add_row(setting.name, text, setting.origin.text)
    stdout().print(table)
    if next(setting for setting in settings if setting.name == "task").value == "auto":
        TerminalReporter().info(
            "the task follows from the data. Where these have boxes or masks, the "
            "task has other defaults: add --task to see them"
        )
