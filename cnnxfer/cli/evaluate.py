"""`cnnxfer evaluate`: measures a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from cnnxfer import api
from cnnxfer.cli.shared_options import (
    Engine,
    EnginePrecision,
    Json,
    Quiet,
    RunsDir,
    Verbose,
)
from cnnxfer.cli.terminal import TerminalReporter, print_json, stdout
from cnnxfer.reporting import counted, printable

if TYPE_CHECKING:
    from cnnxfer.evaluation.metrics import Evaluation
    from cnnxfer.evaluation.significance import Accuracy


def evaluate(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run.")] = "latest",
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            "-d",
            help="Labelled images to measure on, instead of the test images.",
        ),
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
        stdout().print(_class_table(evaluation))
        print("\n".join(["", *_lines(evaluation)]))


def _class_table(evaluation: Evaluation) -> Table:
    several = evaluation.exact is not None
    table = Table(box=None, pad_edge=False)
    table.add_column("class", overflow="fold")
    columns = ["images", "recall", "precision", "F1"]
    columns += ["threshold", "AP"] if several else []
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    for row in evaluation.classes:
        figures = [
            str(row.images),
            _percent(row.recall.value if row.recall else None),
            _percent(row.precision.value if row.precision else None),
            _percent(row.f1),
        ]
        if several:
            figures += [f"{row.threshold:.3f}", _percent(row.average_precision)]
        table.add_row(Text(printable(row.label)), *figures)
    return table


def _lines(evaluation: Evaluation) -> list[str]:
    counts = [counted(evaluation.images, "image")]
    if evaluation.unreadable:
        counts.append(f"{evaluation.unreadable:,} unreadable")
    if evaluation.seen:
        counts.append(f"{evaluation.seen:,} left out, which the run knows")
    lines = [f"{printable(evaluation.run)}: {', '.join(counts)}"]
    before = evaluation.before
    if evaluation.exact:
        lines += [
            f"{_macro_f1(evaluation)}, micro-F1 {_percent(evaluation.micro_f1)}, "
            f"mean average precision {_percent(evaluation.mean_average_precision)}",
            f"all labels right in {_with_interval(evaluation.exact)}",
        ]
        if before:
            lines.append(f"before fine-tuning {_macro_f1(before)}")
            lines.append(evaluation.changes)
        return lines
    lines.append(f"top-1 accuracy {_with_interval(evaluation.top1)}")
    if evaluation.top5:
        lines.append(f"top-5 accuracy {_with_interval(evaluation.top5)}")
    lines.append(_macro_f1(evaluation))
    if before:
        lines.append(
            f"before fine-tuning {_with_interval(before.top1)} "
            f"-> after {evaluation.top1.value:.1%}"
        )
        lines.append(evaluation.changes)
    return lines


def _macro_f1(evaluation: Evaluation) -> str:
    measured = sum(row.images > 0 for row in evaluation.classes)
    left_out = len(evaluation.classes) - measured
    classes = "1 class" if measured == 1 else f"{measured} classes"
    of = f" of the {classes} with images" if left_out else ""
    return f"macro-F1{of} {evaluation.macro_f1:.1%}"


def _with_interval(share: Accuracy) -> str:
    return f"{share.value:.1%} (95% interval {share.low:.1%} to {share.high:.1%})"


def _percent(fraction: float | None) -> str:
    return "" if fraction is None else f"{fraction:.1%}"
