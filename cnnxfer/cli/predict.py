"""`cnnxfer predict`: ranks the classes of images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cnnxfer import api
from cnnxfer.cli.shared_options import (
    Engine,
    EnginePrecision,
    Json,
    Quiet,
    RunsDir,
    Verbose,
)
from cnnxfer.cli.terminal import TerminalReporter, stdout
from cnnxfer.data.dataset import MAX_PIXELS
from cnnxfer.errors import ConfigError
from cnnxfer.prediction.outputs.formats import WRITERS

SOME_UNREADABLE = 3  # exit code
INPUT, VIEWS, OUTPUT = "Input", "Views of each image", "Output"


def predict(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT",
            help="Files, folders, globs, archives, web addresses, tables, @LIST, or - "
            "for a list on stdin.",
        ),
    ],
    top: Annotated[
        int | None,
        typer.Option(
            "--top", help="How many classes to list for each image.", show_default="5"
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            help="A run, or a backbone for its ImageNet classes.",
            show_default="the latest run, or efficientnet-lite0",
        ),
    ] = None,
    min_confidence: Annotated[
        float | None,
        typer.Option(
            "--min-confidence",
            help="Answer `unsure` if no class reaches this probability.",
            show_default="none",
        ),
    ] = None,
    output_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            help=f"One of {', '.join(WRITERS.names())}.",
            show_default="by the suffix of --out, or table",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Write the results to this file; .gz compresses it.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with an unfinished --out FILE.jsonl.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    sheet: Annotated[
        Path | None,
        typer.Option(
            "--sheet",
            help="Write a contact sheet, an HTML page.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    copy_to: Annotated[
        Path | None,
        typer.Option(
            "--copy-to",
            help="Copy the files to this folder, into a folder for each class.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    recursive: Annotated[
        bool,
        typer.Option(
            "--recursive/--no-recursive",
            help="Search folders with their subfolders, or without.",
            rich_help_panel=INPUT,
        ),
    ] = True,
    column: Annotated[
        str | None,
        typer.Option(
            "--column",
            help="The column of tables that has the paths.",
            show_default="path, or the only column",
            rich_help_panel=INPUT,
        ),
    ] = None,
    frames: Annotated[
        str,
        typer.Option(
            "--frames",
            help="first, or all frames of files that have several.",
            rich_help_panel=INPUT,
        ),
    ] = "first",
    max_pixels: Annotated[
        int,
        typer.Option(
            "--max-pixels",
            help="Do not decode images with more pixels than this.",
            rich_help_panel=INPUT,
        ),
    ] = MAX_PIXELS,
    allow_private: Annotated[
        bool,
        typer.Option(
            "--allow-private",
            help="Allow web addresses in private networks.",
            rich_help_panel=INPUT,
        ),
    ] = False,
    tta: Annotated[
        str,
        typer.Option(
            "--tta",
            help="Average over several views: none, flip, five, ten or scales.",
            rich_help_panel=VIEWS,
        ),
    ] = "none",
    dense: Annotated[
        bool,
        typer.Option(
            "--dense",
            help="Look at the whole image, without cropping.",
            rich_help_panel=VIEWS,
        ),
    ] = False,
    heatmap: Annotated[
        Path | None,
        typer.Option(
            "--heatmap",
            help="Draw where the class is, into this folder (with --dense).",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    engine: Engine = None,
    precision: EnginePrecision = "auto",
    batch: Annotated[
        str, typer.Option("--batch", help="Images computed at once: auto, or a number.")
    ] = "auto",
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Rank the classes of images.

    Ends with exit code 3 if some images cannot be read.
    """
    if json and (output_format or out):
        raise ConfigError(
            "--json prints JSON on stdout. Remove it, or --format and --out."
        )
    if json:
        output_format = "json"
    # Lines that appear one by one show the progress, and a bar would break them up.
    streams = out is None and WRITERS.get(output_format or "table").streaming
    reporter = TerminalReporter(bars=not (streams and stdout().is_terminal))
    totals = api.predict_into(
        inputs,
        out=out or reporter.results,
        format=output_format,
        resume=resume,
        sheet=sheet,
        copy_to=copy_to,
        heatmap=heatmap,
        model=model,
        top=top,
        min_confidence=min_confidence,
        recursive=recursive,
        column=column,
        frames=frames,
        max_pixels=max_pixels,
        allow_private=allow_private,
        tta=tta,
        dense=dense,
        engine=engine or "auto",
        precision=precision,
        batch=_parse_batch(batch),
        runs_dir=runs_dir,
        reporter=reporter,
    )
    if totals.failures:
        raise typer.Exit(SOME_UNREADABLE)


def _parse_batch(batch: str) -> int | None:
    if batch == "auto":
        return None
    try:
        return int(batch)
    except ValueError:
        raise ConfigError(
            f"--batch is {batch!r}; it must be auto, or a number."
        ) from None
