"""How commands are told of data: as what they work on, or by `--data`."""

from __future__ import annotations

from typing import Annotated

import typer

from cnnxfer.cli import values
from cnnxfer.config.config import Config
from cnnxfer.config.setting import settings_in
from cnnxfer.errors import ConfigError

DATA = settings_in(Config)["data"]

Data = Annotated[
    str | None,
    typer.Argument(
        metavar="DATA",
        help=DATA.help,
        show_default=DATA.in_words(DATA.default),
        autocompletion=values.data,
    ),
]
OnlyData = Annotated[
    str | None,
    typer.Argument(
        metavar="DATA",
        help=DATA.help,
        show_default="what --data says",
        autocompletion=values.data,
    ),
]
DataOption = Annotated[
    str | None,
    typer.Option(
        "--data",
        "-d",
        help="Another way to name DATA.",
        show_default="DATA",
        autocompletion=values.data,
    ),
]


def the_data(spec: str | None, data: str | None) -> str | None:
    """Returns the data that a command names as DATA or by `--data`.

    Raises:
        ConfigError: if it names both.
    """
    if spec is not None and data is not None:
        raise ConfigError(
            f"the data is both {spec} and --data {data}. Name it once: {spec}"
        )
    return data if spec is None else spec
