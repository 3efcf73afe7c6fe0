"""What every benchmark here can be asked, and the machine that it runs on."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from results import Row

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.errors import ConfigError
from cnnxfer.machine.processor import find_processor


def options_parser(
    description: str | None, points: Sequence[int]
) -> argparse.ArgumentParser:
    """Returns a parser of `--points`, `--backbones` and `--out`.

    Args:
        description: what `--help` says first.
        points: that there are.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--points", type=int, nargs="+", choices=points, default=points, metavar="N"
    )
    parser.add_argument(
        "--backbones",
        type=_backbone,
        nargs="+",
        metavar="NAME",
        help="instead of those that each point has by itself",
    )
    parser.add_argument("--out", type=Path, help="a file for every figure, JSON lines")
    return parser


def describe_machine() -> Row:
    """Returns what figures depend on: the processor and the libraries."""
    processor = find_processor()
    return {
        "processor": processor.model,
        "logical_cores": processor.logical_cores,
        "features": " ".join(processor.features or ()),
        **{name: version(name) for name in ("tensorflow", "keras", "openvino")},
    }


def _backbone(name: str) -> str:
    try:
        return BACKBONES.get(name).name
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
