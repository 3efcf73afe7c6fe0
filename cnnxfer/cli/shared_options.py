"""The options that several commands share; all commands have the first three."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from cnnxfer.cli import terminal, values


def own_or_group_value(
    context: typer.Context, option: typer.CallbackParam, value: Any
) -> Any:
    """Returns the value of an option, or that typed before the command.

    An example is `cnnxfer runs --json show`.
    """
    group_values = context.parent.params if context.parent else {}
    return value or group_values.get(option.name)


def _set_quiet(value: bool) -> bool:
    terminal.volume.quiet |= value
    return value


def _set_verbose(value: bool) -> bool:
    if value:
        terminal.volume.verbose = True
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0")  # see cnnxfer.keras_backend
    return value


Json = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print one JSON document on stdout.",
        callback=own_or_group_value,
    ),
]
ResultsOut = Annotated[
    Path | None,
    typer.Option(
        "--out",
        help="Write the results to this file, which .gz compresses, or folder.",
        show_default="they are printed",
    ),
]
# Their callbacks do the work: commands declare these two and need not use them.
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", help="Print errors and warnings only.", callback=_set_quiet
    ),
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        help="Print times, the causes of errors, and messages of libraries.",
        callback=_set_verbose,
    ),
]
RunsDir = Annotated[
    Path | None,
    typer.Option(
        "--runs-dir",
        help="The directory of all runs.",
        show_default="$CNNXFER_RUNS, or runs",
        callback=own_or_group_value,
    ),
]
_RUN = typer.Argument(
    metavar="RUN",
    help="A run: its name, the beginning of it, its path, or @1 for the one before the "
    "latest.",
    show_default="latest",
    autocompletion=values.runs,
)
RunName = Annotated[str, _RUN]
OptionalRunName = Annotated[str | None, _RUN]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", help="A TOML file of settings.", show_default="no file"),
]
