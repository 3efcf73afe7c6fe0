"""`evaluate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from cnnxfer import api
from cnnxfer.cli.options import (
    Engine,
    EnginePrecision,
    Json,
    Quiet,
    RunsDir,
    Verbose,
)
from cnnxfer.cli.terminal import TerminalReporter, print_json, stdout
from cnnxfer.reporting import printable

if TYPE_CHECKING:
    from cnnxfer.evaluation.metrics import Accuracy, ClassCount, Evaluation


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command()(evaluate)


def evaluate(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run.")] = "latest",
    data: Annotated[
        str | None,
        typer.Option("--data", "-d", help="Other labelled images than the test part."),
    ] = None,
    engine: Engine = None,
    precision: EnginePrecision = "auto",
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Measure a run on its test images."""
    evaluation = api.evaluate(
        run,
        data=data,
        engine=engine or "auto",
        precision=precision,
        runs_dir=runs_dir,
        reporter=TerminalReporter(),
    )
    if json:
        print_json(evaluation)
    else:
        stdout().print(_class_table(evaluation.classes))
        print("\n".join(["", *_lines(evaluation)]))


def _class_table(classes: tuple[ClassCount, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("class", overflow="fold")
    for column in ("images", "correct", "share"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in classes:
        share = f"{row.correct / row.images:.1%}" if row.images else ""
        label = Text(printable(row.label))
        table.add_row(label, str(row.images), str(row.correct), share)
    return table


def _lines(evaluation: Evaluation) -> list[str]:
    lines = [
        f"{printable(evaluation.run)}: {evaluation.images} images"
        + (f", {evaluation.unreadable} unreadable" if evaluation.unreadable else ""),
        f"top-1 accuracy {_percent(evaluation.top1)}",
    ]
    if evaluation.top5:
        lines.append(f"top-5 accuracy {_percent(evaluation.top5)}")
    if evaluation.before:
        lines.append(
            f"before fine-tuning {_percent(evaluation.before)} "
            f"-> after {evaluation.top1.value:.1%}"
        )
    return lines


def _percent(accuracy: Accuracy) -> str:
    return (
        f"{accuracy.value:.1%} (95% interval {accuracy.low:.1%} to {accuracy.high:.1%})"
    )
