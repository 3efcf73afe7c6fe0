"""`cnnxfer merge`: the answers of all shards, put together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import cnnxfer
from cnnxfer.cli import values
from cnnxfer.cli.predict import SOME_UNREADABLE, check_json
from cnnxfer.cli.shared_options import Json, Quiet, ResultsOut, Verbose
from cnnxfer.cli.terminal import TerminalReporter
from cnnxfer.config.options import options_of

FORMAT = options_of("predict_into")["format"].setting


def merge(
    parts: Annotated[
        list[Path],
        typer.Argument(metavar="PART", help="The files of all shards, in any order."),
    ],
    out: ResultsOut = None,
    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar=" | ".join(FORMAT.words),
            help=FORMAT.help,
            show_default=FORMAT.in_words(FORMAT.default),
            autocompletion=values.words(FORMAT.words),
        ),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Put together what several machines answered, as if it had been one.

    Examples:
        cnnxfer merge part-*.jsonl --out answers.csv
        cnnxfer merge part-*.jsonl --out answers.jsonl.gz
        cnnxfer merge part-*.jsonl --format coco --out a.json  # objects, as labels

    The parts are those that `cnnxfer predict INPUT --shard 3/16 --out part-3.jsonl` has
    written, with the `.shard` file beside each. Nothing is written if one is missing,
    there twice, changed, or of another prediction.

    Ends with exit code 3 if some images could not be read.
    """
    check_json(json, format, out)
    reporter = TerminalReporter()
    totals = cnnxfer.merge(
        parts,
        out=out or reporter.results,
        format="json" if json else format or FORMAT.default,
        reporter=reporter,
    )
    if totals.failures:
        raise typer.Exit(SOME_UNREADABLE)
