"""`cnnxfer serve`: models that answer over HTTP."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

import cnnxfer
from cnnxfer.cli import values
from cnnxfer.cli.options import with_options
from cnnxfer.cli.shared_options import Json, Quiet, RunsDir, Verbose
from cnnxfer.cli.terminal import TerminalReporter, print_json


@with_options("serve")
def serve(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL",
            help="Runs, backbones or exports; NAME=MODEL has clients call it NAME.",
            show_default="the latest run, also when there is a newer one",
            autocompletion=values.models,
        ),
    ] = None,
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    **options: Any,
) -> None:
    """Answer over HTTP: TensorFlow Serving's REST, Open Inference v2, and a page.

    Examples:
        cnnxfer serve  # the latest run, here
        cnnxfer serve flowers=flowers-3 resnet50  # two models
        cnnxfer serve --host 0.0.0.0 --token SECRET  # to others

    Ends with Ctrl-C, after it has answered what it took.
    """

    def tell(address: str) -> None:
        if json:
            print_json({"address": address})
        else:
            print(f"ready: {address}")
        sys.stdout.flush()  # programs wait for it

    cnnxfer.serve(
        models or (),
        runs_dir=runs_dir,
        reporter=TerminalReporter(),
        on_ready=tell,
        **options,
    )
