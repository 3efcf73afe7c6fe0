"""`cnnxfer report`: writes a page about a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import cnnxfer
from cnnxfer.cli import values
from cnnxfer.cli.options import with_options
from cnnxfer.cli.shared_options import Json, Quiet, RunName, RunsDir, Verbose
from cnnxfer.cli.terminal import TerminalReporter, print_json


@with_options("report")
def report(
    run: RunName = "latest",
    other: Annotated[
        str | None,
        typer.Argument(
            metavar="OTHER",
            help="A run to put beside it.",
            show_default="no other",
            autocompletion=values.runs,
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            "-d",
            help="Where the run's images are now, if they have moved.",
            show_default="where they were",
            autocompletion=values.data,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="The page to write.", show_default="report.html in the run"
        ),
    ] = None,
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    **options: Any,
) -> None:
    """Write a page about a run, or two side by side: one HTML file with pictures.

    Examples:
        cnnxfer report  # report.html, in the latest run
        cnnxfer report flowers-1 flowers-2  # two runs side by side
        cnnxfer report --part test --pdf  # of the test images, as PDF, too
    """
    path = cnnxfer.report(
        run,
        other,
        data=data,
        out=out,
        runs_dir=runs_dir,
        reporter=TerminalReporter(),
        **options,
    )
    if json:
        print_json({"report": path})
    else:
        print(path)
