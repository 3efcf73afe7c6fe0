"""`cnnxfer preview`: draws what the network will see in training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cnnxfer import api
from cnnxfer.cli.shared_options import Augment, ConfigFile, Json, Quiet, Seed, Verbose
from cnnxfer.cli.terminal import TerminalReporter, print_json


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command()(preview)


def preview(
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="SPEC", help="The data, as train takes it.", show_default="sample"
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The PNG to write.")] = Path(
        "preview.png"
    ),
    augment: Augment = None,
    config: ConfigFile = None,
    images: Annotated[
        int, typer.Option("--images", help="Images to show, one in each row.")
    ] = 6,
    views: Annotated[
        int, typer.Option("--views", help="Training views of each image.")
    ] = 6,
    image_size: Annotated[
        int | None,
        typer.Option(
            "--image-size",
            help="Side of the views in pixels.",
            show_default="the backbone's",
        ),
    ] = None,
    seed: Seed = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Draw what the network will see in training, before you train."""
    drawn = api.preview(
        data,
        out=out,
        augment=augment,
        config=config,
        images=images,
        views=views,
        image_size=image_size,
        seed=seed,
        reporter=TerminalReporter(),
    )
    if json:
        print_json(drawn)
    else:
        print(drawn.path)
