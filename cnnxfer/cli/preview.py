"""`cnnxfer preview`: draws what the network will see in training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import cnnxfer
from cnnxfer.cli.data_options import Data, DataOption, the_data
from cnnxfer.cli.options import with_options
from cnnxfer.cli.shared_options import (
    ConfigFile,
    Json,
    Quiet,
    Verbose,
)
from cnnxfer.cli.terminal import TerminalReporter, print_json


@with_options("preview", essential="data out images views augment fit")
def preview(
    spec: Data = None,
    data: DataOption = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The PNG to write.")] = Path(
        "preview.png"
    ),
    config: ConfigFile = None,
    images: Annotated[
        int, typer.Option("--images", help="Images to show, one in each row.")
    ] = 6,
    views: Annotated[
        int, typer.Option("--views", help="Training views of each image.")
    ] = 6,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    **options: Any,
) -> None:
    """Draw what the network will see in training, before you train.

    Examples:
        cnnxfer preview photos/  # views of six images, in preview.png
        cnnxfer preview photos/ --augment strong  # other augmentation
        cnnxfer preview photos/ --fit letterbox  # all of each image
    """
    drawn = cnnxfer.preview(
        the_data(spec, data),
        out=out,
        config=config,
        images=images,
        views=views,
        reporter=TerminalReporter(),
        **options,
    )
    if json:
        print_json(drawn)
    else:
        print(drawn.path)
