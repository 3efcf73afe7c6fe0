"""`cnnxfer predict`: answers what images show."""

from pathlib import Path
from typing import Annotated, Any

import typer

import cnnxfer
from cnnxfer.cli import values
from cnnxfer.cli.options import with_options
from cnnxfer.cli.shared_options import (
    Json,
    Quiet,
    ResultsOut,
    RunsDir,
    Verbose,
)
from cnnxfer.cli.terminal import TerminalReporter, stdout
from cnnxfer.data.decoding.launch import launch_ahead
from cnnxfer.errors import ConfigError

SOME_UNREADABLE = 3  # exit code


@with_options("predict_into", essential="model out format sheet min_confidence top")
def predict(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT",
            help="Files, folders, globs, archives, web addresses, tables, @LIST, or - "
            "for a list on stdin.",
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            help="A run, or a backbone for its ImageNet classes.",
            show_default="the latest run, or efficientnet-lite0",
            autocompletion=values.models,
        ),
    ] = None,
    out: ResultsOut = None,
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    **options: Any,
) -> None:
    """Answer what images show: ranked classes, objects with boxes, or masks.

    Examples:
        cnnxfer predict new.jpg  # ask the latest run
        cnnxfer predict photos/ --sheet answers.html  # a page with pictures
        cnnxfer predict *.jpg --model resnet50  # the classes of ImageNet

    Ends with exit code 3 if some images cannot be read.
    """
    check_json(json, options["format"], out)
    if json:
        options["format"] = "json"
    launch_ahead()  # before this process imports what takes as long as its start
    from cnnxfer.prediction.outputs.formats import WRITERS

    # Lines that appear one by one show the progress, and a bar would break them up.
    name = "table" if options["format"] in (None, "auto") else options["format"]
    streams = out is None and any(it.streaming for it in WRITERS if it.name == name)
    reporter = TerminalReporter(bars=not (streams and stdout().is_terminal))
    totals = cnnxfer.predict_into(
        inputs,
        out=out or reporter.results,
        model=model,
        runs_dir=runs_dir,
        reporter=reporter,
        **options,
    )
    if totals.failures:
        raise typer.Exit(SOME_UNREADABLE)


def check_json(json: bool, format: str | None, out: Path | None) -> None:
    """Checks that `--json` is not typed with what says otherwise.

    Raises:
        ConfigError: if it is.
    """
    if json and (format or out):
        raise ConfigError(
            "--json prints JSON on stdout. Remove it, or --format and --out."
        )
