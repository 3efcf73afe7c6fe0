"""Options that several commands share; every command has the first three."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from cnnxfer.cli import terminal


def or_of_group(context: typer.Context, option: typer.CallbackParam, value: Any) -> Any:
    """Takes what was typed before the command: `cnnxfer runs --json show`."""
    given = context.parent.params if context.parent else {}
    return value or given.get(option.name)


def _be_quiet(value: bool) -> bool:
    terminal.volume.quiet |= value
    return value


def _be_verbose(value: bool) -> bool:
    if value:
        terminal.volume.verbose = True
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0")  # see cnnxfer.quiet
    return value


Json = Annotated[
    bool,
    typer.Option(
        "--json", help="Print one JSON document on stdout.", callback=or_of_group
    ),
]
# These two act by themselves: a command lists them and need not look at them.
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", help="Print errors and warnings only.", callback=_be_quiet
    ),
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        help="Tell times, the causes of errors, and what libraries say.",
        callback=_be_verbose,
    ),
]
RunsDir = Annotated[
    Path | None,
    typer.Option(
        "--runs-dir",
        help="Where runs live.",
        show_default="$CNNXFER_RUNS, or runs",
        callback=or_of_group,
    ),
]
Engine = Annotated[
    str | None,
    typer.Option(
        "--engine",
        help="openvino, keras, or auto: the fastest that answers as Keras does.",
        show_default="auto",
    ),
]
EnginePrecision = Annotated[
    str,
    typer.Option(
        "--precision",
        help="float32, bfloat16, or auto: the fastest that answers as float32 does.",
    ),
]
Augment = Annotated[
    str | None,
    typer.Option(
        "--augment",
        help="How training views differ: none, textbook, light or strong.",
        show_default="light",
    ),
]
Devices = Annotated[
    str | None,
    typer.Option("--devices", help="What trains: one accelerator, all, or cpu."),
]
Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        "-d",
        help="A folder, table or archive, a TFDS name, or sample (synthetic).",
        show_default="sample",
    ),
]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="A TOML file of settings.")
]
Split = Annotated[
    str | None,
    typer.Option(
        "--split",
        help="Shares of train/validation/test, or slices.",
        show_default="75/15/10",
    ),
]
GroupBy = Annotated[
    str | None,
    typer.Option(
        "--group-by",
        help="What stays in one part: a table's column, or a pattern in ids.",
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(
        "--limit", help="Images to use at most, the same share of every class."
    ),
]
Exclude = Annotated[
    Path | None,
    typer.Option(
        "--exclude", help="A file that lists images to leave out, one on each line."
    ),
]
Seed = Annotated[
    int | None, typer.Option("--seed", help="What everything random follows from.")
]
Precision = Annotated[
    str | None,
    typer.Option(
        "--precision",
        help="What the backbone computes in: auto, float32, bfloat16 or float16.",
    ),
]
