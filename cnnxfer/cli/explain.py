"""`cnnxfer explain`: what a model looks at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import cnnxfer
from cnnxfer.cli import values
from cnnxfer.cli.options import with_options
from cnnxfer.cli.predict import SOME_UNREADABLE
from cnnxfer.cli.shared_options import Json, Quiet, RunsDir, Verbose
from cnnxfer.cli.tables import cell_table
from cnnxfer.cli.terminal import TerminalReporter, print_json, stdout
from cnnxfer.errors import ConfigError
from cnnxfer.spelling import option

if TYPE_CHECKING:
    from rich.table import Table

    from cnnxfer.evaluation.explanations.explanation import Explanation


@with_options("explain")
def explain(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INPUT",
            help="Files, folders, globs, archives, web addresses, tables, @LIST, or - "
            "for a list on stdin. Without any, the channels of --layer are shown.",
            show_default="no picture",
        ),
    ] = None,
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
            help="Images in which channels are looked at, or where the run's training "
            "images are now.",
            show_default="the run's training images",
            autocompletion=values.data,
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
    """Show where in pictures a model sees a class, or what its channels see.

    Examples:
        cnnxfer explain new.jpg  # where its answer comes from
        cnnxfer explain photos/ --top 3 --out heat.html  # three classes
        cnnxfer explain --layer conv2d_4  # what its channels see

    Ends with exit code 3 if some pictures cannot be read.
    """
    if not inputs:
        _explain_layer(
            options,
            classes,
            json,
            model=model,
            data=data,
            out=out,
            runs_dir=runs_dir,
        )
        return
    found = cnnxfer.explain(
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


def _explain_layer(
    options: dict[str, Any], classes: list[str] | None, json: bool, **given: Any
) -> None:
    layer = options.pop("layer")
    of_pictures = {"class": classes, **options}
    for name in (name for name, value in of_pictures.items() if value):
        raise ConfigError(
            f"{option('--' + name.replace('_', '-'))} is for pictures, and none is "
            "named. Name some, or leave it out."
        )
    found = cnnxfer.explain_layer(layer, reporter=TerminalReporter(), **given)
    if json:
        print_json(found.as_json())
        return
    table = cell_table("channel", "strongest in", wide=("strongest in",))
    for channel in found.channels:
        ids = ", ".join(patch.id for patch in channel.patches[:3])
        table.add_row(str(channel.number), ids)
    stdout().print(table)


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
