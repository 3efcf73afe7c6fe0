"""`cnnxfer explain`: what a model looks at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from cnnxfer import api
from cnnxfer.cli.options import with_options
from cnnxfer.cli.predict import SOME_UNREADABLE
from cnnxfer.cli.shared_options import Json, Quiet, RunsDir, Verbose
from cnnxfer.cli.tables import cell_table
from cnnxfer.cli.terminal import TerminalReporter, print_json, stdout

if TYPE_CHECKING:
    from cnnxfer.evaluation.explanations.explanation import Explanation


@with_options("explain")
def explain(
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
        ),
    ] = None,
    classes: Annotated[
        list[str] | None,
        typer.Option(
            "--class",
            help="A class to explain; may be repeated.",
            show_default="the most probable one",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            "-d",
            help="Where the run's training images are now, for --nearest.",
        ),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            help="Write a PNG for each picture to this folder, or "
            "all to this HTML file.",
        ),
    ] = Path("explanations"),
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    **options: Any,
) -> None:
    """Show where in pictures a model sees a class, by heat maps.

    Ends with exit code 3 if some pictures cannot be read.
    """
    found = api.explain(
        inputs,
        model=model,
        classes=classes or (),
        data=data,
        out=out,
        runs_dir=runs_dir,
        reporter=TerminalReporter(),
        **options,
    )
    if json:
        print_json([each.as_json() for each in found])
    else:
        stdout().print(_table(found))
    if any(each.prediction.error for each in found):
        raise typer.Exit(SOME_UNREADABLE)


def _table(found: Sequence[Explanation]) -> Table:
    table = cell_table(
        "image", "class", "probability", wide=("image", "class"), right=("probability",)
    )
    for each in found:
        name = each.prediction.path + each.prediction.frame_mark
        if each.prediction.error:
            table.add_row(name, each.prediction.error)
        for explained in each.classes:
            ranked = explained.ranked
            table.add_row(name, ranked.label, f"{ranked.probability:.1%}")
            name = ""
    return table
