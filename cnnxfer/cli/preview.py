"""`cnnxfer preview`: draws what the network will see in training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cnnxfer import api
from cnnxfer.cli.options import with_options
from cnnxfer.cli.shared_options import ConfigFile, Json, Quiet, Spec, Verbose
from cnnxfer.cli.terminal import TerminalReporter, print_json


@with_options("preview")
def preview(
    spec: Spec = None,
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
    """Draw what the network will see in training, before you train."""
    drawn = api.preview(
        spec,
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
