"""`predict`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Annotated

import typer

from cnnxfer import api
from cnnxfer.cli.options import (
    Engine,
    EnginePrecision,
    Json,
    Quiet,
    RunsDir,
    Verbose,
)
from cnnxfer.cli.terminal import TerminalReporter, stdout
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.prediction.writers import WRITERS

SOME_UNREADABLE = 3


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command()(predict)


def predict(
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT", help="Files, folders or globs.")
    ],
    top: Annotated[
        int | None,
        typer.Option("--top", help="How many classes to name.", show_default="5"),
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
    output_format: Annotated[
        str, typer.Option("--format", help=f"{', '.join(WRITERS.names())}.")
    ] = "table",
    engine: Engine = None,
    precision: EnginePrecision = "auto",
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Rank the classes of images.

    Ends with exit code 3 if some could not be read.
    """
    writer = WRITERS.get("json" if json else output_format)
    # Lines that appear one by one are progress enough, and a bar would garble them.
    bars = not (writer.gradual and stdout().is_terminal)
    reporter = TerminalReporter(bars=bars)
    predictions = api.predict(
        inputs,
        model=model,
        top=top,
        engine=engine or "auto",
        precision=precision,
        runs_dir=runs_dir,
        reporter=reporter,
    )
    failures: list[Prediction] = []
    writer.load()(_collect_failures(predictions, failures), sys.stdout)
    if failures:
        reporter.warn(f"{_count(failures)} could not be read.")
        raise typer.Exit(SOME_UNREADABLE)


def _collect_failures(
    predictions: Iterable[Prediction], failures: list[Prediction]
) -> Iterator[Prediction]:
    for prediction in predictions:
        if prediction.error is not None:
            failures.append(prediction)
        yield prediction


def _count(failures: list[Prediction]) -> str:
    return "1 image" if len(failures) == 1 else f"{len(failures)} images"
