"""Which networks are converted without TensorFlow, and how close they then answer.

By default one size of each family of the catalog. Rows are kept in a folder of TMPDIR
as they are measured, so that a second start goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial

from bench.exporting.place import Place
from bench.lib.options import add_backbones
from bench.lib.processes import run_process
from bench.lib.results import Cell, Table, show

FAMILIES = (
    *("efficientnet-lite0", "mobilenet", "mobilenetv2", "mobilenetv3small"),
    *("efficientnetb0", "efficientnetv2b0", "efficientnetv2s", "convnexttiny"),
    *("resnet50", "resnet50v2", "densenet121", "inceptionv3", "inceptionresnetv2"),
    *("xception", "nasnetmobile", "vgg16", "lenet5", "alexnet", "vgg11-bn"),
    *("googlenet", "resnet18", "se-resnet18", "se-inception", "depth-pooling"),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    add_backbones(parser, *FAMILIES)


def measure(options: argparse.Namespace) -> Table:
    """Converts each network in a process of its own."""
    place = Place()
    rows = [
        place.row("conversions", (name,), partial(_row, name))
        for name in options.backbones
    ]
    return Table(
        "Networks converted for OpenVINO by a process without TensorFlow",
        (
            "network",
            "pixels",
            "converted",
            "processor seconds",
            "largest difference to Keras, of the largest answer",
        ),
        rows,
        [
            "Random weights, with statistics of pictures in their normalization; four "
            "pictures in one batch, float32. The seconds are those that the process "
            "takes of a processor, its start, the reading of the file and the trial of "
            "several pictures included. What is not converted goes through TensorFlow."
        ],
    )


def _row(name: str) -> list[Cell]:
    command = [sys.executable, "-m", "bench.exporting.convert_one", name]
    found = json.loads(run_process(command).output.splitlines()[-1])
    show(name, **found)
    return [
        found["pixels"],
        f"no: {found['problem']}" if found["problem"] else "yes",
        found["seconds"],
        found.get("difference", "-"),
    ]
