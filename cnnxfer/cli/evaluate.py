"""`cnnxfer evaluate`: measures a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from cnnxfer import api
from cnnxfer.cli.options import with_options
from cnnxfer.cli.shared_options import Json, Quiet, RunsDir, Verbose
from cnnxfer.cli.tables import cell_table
from cnnxfer.cli.terminal import TerminalReporter, print_json, stdout
from cnnxfer.reporting import counted, printable

if TYPE_CHECKING:
    from cnnxfer.evaluation.metrics import Evaluation
    from cnnxfer.tasks.task import Figures


@with_options("evaluate")
def evaluate(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run.")] = "latest",
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            "-d",
            help="Labelled images to measure on, or where the run's own are now.",
        ),
    ] = None,
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    **options: Any,
) -> None:
    """Measure a run on its test images."""
    evaluation = api.evaluate(
        run,
        data=data,
        runs_dir=runs_dir,
        reporter=TerminalReporter(),
        **options,
    )
    if json:
        print_json(evaluation.as_json())
    else:
        stdout().print(_table(evaluation.figures))
        print("\n".join(["", *_lines(evaluation)]))


def _table(figures: Figures) -> Table:
    (first, *columns), *rows = figures.table
    table = cell_table(first, *columns, wide=(first,), right=columns)
    for label, *values in rows:
        table.add_row(label, *values)
    return table


def _lines(evaluation: Evaluation) -> list[str]:
    counts = [counted(evaluation.images, "image")]
    if evaluation.unreadable:
        counts.append(f"{evaluation.unreadable:,} unreadable")
    if evaluation.missing:
        counts.append(f"{evaluation.missing:,} missing")
    if evaluation.seen:
        counts.append(f"{evaluation.seen:,} left out, which the run knows")
    before = evaluation.before
    return [
        f"{printable(evaluation.run)}: {', '.join(counts)}",
        *evaluation.figures.lines(before.figures if before else None),
        *([evaluation.changes] if before else []),
    ]
