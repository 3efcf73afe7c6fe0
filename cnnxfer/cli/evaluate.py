"""`cnnxfer evaluate`: measures a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import cnnxfer
from cnnxfer.cli import values
from cnnxfer.cli.options import with_options
from cnnxfer.cli.shared_options import Json, OptionalRunName, Quiet, RunsDir, Verbose
from cnnxfer.cli.tables import cell_table
from cnnxfer.cli.terminal import TerminalReporter, print_json, stdout
from cnnxfer.console import show_result
from cnnxfer.errors import RunError
from cnnxfer.reporting import printable

if TYPE_CHECKING:
    from rich.table import Table

    from cnnxfer.tasks.task import Figures


@with_options("evaluate")
def evaluate(
    run: OptionalRunName = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            help="In place of a run: an exported network, or a backbone for its "
            "ImageNet classes; with --data.",
            show_default="the run",
            autocompletion=values.models,
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            "-d",
            help="Labelled images to measure on, or where the run's own are now.",
            show_default="the run's test images",
            autocompletion=values.data,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Write the answer to each image into this file: .csv, .jsonl or "
            ".parquet.",
            show_default="none is written",
        ),
    ] = None,
    fail_under: Annotated[
        str | None,
        typer.Option(
            "--fail-under",
            metavar="SHARE",
            help="End with exit code 1 if the accuracy, AP or IoU is less, such as "
            "0.92 or 92%.",
            show_default="no limit",
        ),
    ] = None,
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    **options: Any,
) -> None:
    """Measure a run on its test images, or any model on labelled ones.

    Examples:
        cnnxfer evaluate --fail-under 92%  # exit code 1 below it
        cnnxfer evaluate --data photos/  # other labelled images
        cnnxfer evaluate --model exports/onnx --data photos/  # an export
    """
    reporter = TerminalReporter()
    evaluation = cnnxfer.evaluate(
        run,
        model=model,
        data=data,
        out=out,
        fail_under=fail_under,
        runs_dir=runs_dir,
        reporter=reporter,
        **options,
    )
    if json:
        print_json(evaluation.as_json())
    else:
        stdout().print(_table(evaluation.figures))
        print("\n".join(["", *map(printable, evaluation.lines), ""]))
        show_result(evaluation.result, stdout())
    if out:
        reporter.info(f"written: {out}")
    if evaluation.shortfall:
        raise RunError(evaluation.shortfall)


def _table(figures: Figures) -> Table:
    (first, *columns), *rows = figures.table.texts
    table = cell_table(first, *columns, wide=(first,), right=columns)
    for row in rows:
        table.add_row(*row)
    return table
