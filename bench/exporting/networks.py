"""Every format of export with many networks: parity, size, time, memory and speed.

EfficientNet-Lite0 is trained on tf_flowers. The other networks have random weights, as
benchmarks may have no others, and the same classes and pictures. Rows are kept in a
folder of TMPDIR as they are measured, so that a second start goes on.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from bench.exporting.measuring import COLUMNS, NOTES, measure_exports
from bench.exporting.place import Place
from bench.lib.options import add_backbones
from bench.lib.processes import run_process
from bench.lib.results import Table
from cnnxfer.exporters.formats import FORMATS

TRAINED = "efficientnet-lite0"
OTHERS = (
    *("vgg16", "resnet50", "xception", "mobilenet", "mobilenetv3small"),
    *("efficientnetb0", "convnexttiny", "densenet121", "nasnetmobile", "inceptionv3"),
    *("resnet34", "googlenet"),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    add_backbones(parser, TRAINED, *OTHERS)
    add_formats(parser)


def add_formats(parser: argparse.ArgumentParser) -> None:
    """Adds `--formats`."""
    names = FORMATS.names()
    parser.add_argument(
        "--formats", nargs="+", choices=names, default=names, help="by default all"
    )


def measure(options: argparse.Namespace) -> Table:
    """Exports each network in each format, and measures what comes out."""
    place = Place()
    rows = measure_exports(
        "networks", options.backbones, options.formats, partial(_run, place), place
    )
    return Table(
        "Networks in the formats of other runtimes, float32",
        ("network", "format", *COLUMNS),
        rows,
        [
            *NOTES,
            f"{TRAINED} is trained on tf_flowers; the others have random weights, with "
            "statistics of photographs in their normalization and a head that tells "
            "pictures apart, five classes, and sizes of pictures as published. The "
            "largest difference is of a probability.",
        ],
    )


def _run(place: Place, backbone: str) -> Path:
    trained = place.flowers()
    if backbone == TRAINED:
        return trained
    run = trained.with_name(backbone)
    if not run.exists():
        module = "bench.exporting.random_run"
        run_process([sys.executable, "-m", module, str(trained), backbone, backbone])
    return run
