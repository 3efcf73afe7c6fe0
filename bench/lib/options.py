"""Options that several benchmarks have."""

from __future__ import annotations

import argparse

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.errors import ConfigError


def add_backbones(parser: argparse.ArgumentParser, *default: str) -> None:
    """Adds `--backbones`."""
    parser.add_argument(
        "--backbones",
        type=_backbone,
        nargs="+",
        default=default,
        metavar="NAME",
        help=f"by default {', '.join(default)}",
    )


def add_rounds(parser: argparse.ArgumentParser, default: int) -> None:
    """Adds `--rounds`."""
    parser.add_argument(
        "--rounds", type=int, default=default, help=f"for medians; by default {default}"
    )


def add_seeds(parser: argparse.ArgumentParser) -> None:
    """Adds `--seeds`."""
    parser.add_argument(
        "--seeds",
        type=int,
        nargs="+",
        default=(0, 1, 2),
        metavar="SEED",
        help="one training each; by default 0, 1 and 2",
    )


def add_textbook_epochs(parser: argparse.ArgumentParser) -> None:
    """Adds `--textbook-epochs`."""
    parser.add_argument(
        "--textbook-epochs",
        type=int,
        default=5,
        metavar="N",
        help="of the textbook's frozen phase; by default 5",
    )


def _backbone(name: str) -> str:
    try:
        return BACKBONES.get(name).name
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
