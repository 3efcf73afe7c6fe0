"""`cnnxfer export`: a model in the formats of other runtimes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import cnnxfer
from cnnxfer.cli import values
from cnnxfer.cli.shared_options import Json, Quiet, RunsDir, Verbose
from cnnxfer.cli.terminal import TerminalReporter, print_json
from cnnxfer.exporters.formats import ALL, FORMATS
from cnnxfer.files import format_bytes

NAMES = ", ".join([*FORMATS.names(), ALL])


def export(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL",
            help="A run, or a backbone for its ImageNet classes.",
            show_default="the latest run",
            autocompletion=values.models,
        ),
    ] = None,
    format: Annotated[
        str, typer.Option("--format", "-f", help=f"{NAMES}; several with commas.")
    ] = "onnx",
    precision: Annotated[
        str,
        typer.Option(
            "--precision", help="What weights are stored in: float32, float16 or int8."
        ),
    ] = "float32",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="The folder for exports.", show_default="exports in the run"
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            "-d",
            help="Where the run's images are now; for a backbone, pictures to compare "
            "answers on.",
            show_default="the run's data",
            autocompletion=values.data,
        ),
    ] = None,
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Write a model for another runtime, and check that it answers as Keras does.

    Examples:
        cnnxfer export  # the latest run, as ONNX
        cnnxfer export --format litert --precision int8  # small, for phones
        cnnxfer export resnet50 --format onnx,openvino  # an ImageNet model
    """
    exports = cnnxfer.export(
        model,
        format=format,
        precision=precision,
        out=out,
        data=data,
        runs_dir=runs_dir,
        reporter=TerminalReporter(),
    )
    if json:
        print_json([one.as_json() for one in exports])
        return
    for one in exports:
        print(
            f"{one.folder}: {format_bytes(one.size_bytes)}, written in "
            f"{one.seconds:.1f} s, {one.parity.sentence}"
        )
