"""How long calibrating takes, and from how many pictures on int8 makes up for it.

The network before the head, at 224 pixels, is calibrated on 300 photographs; then
OpenVINO answers pixels in memory in each precision, in turn. All is in CPU seconds,
which other work on the machine hardly changes. On a processor without VNNI and AMX,
int8 computes wrongly, which its speed does not show. Two minutes a backbone.
"""

from __future__ import annotations

import argparse
import os
import time
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np

from bench.frozen.engines import CENTRAL, IMAGE_SIZE, build, write_examples
from bench.lib.options import add_backbones, add_rounds
from bench.lib.results import Cell, Table, show
from bench.lib.timing import drain
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.engines.calibration import PICTURES, calibrated, training_calibration
from cnnxfer.engines.converted import convert
from cnnxfer.engines.openvino_engine import OpenVinoEngine
from cnnxfer.hardware.processor import find_processor
from cnnxfer.networks.cut import network_before
from cnnxfer.reporting import Reporter
from cnnxfer.tasks.class_task import POOLED

IMAGES = 48  # of each lap


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    add_backbones(parser, "efficientnet-lite0", "resnet50", "xception")
    add_rounds(parser, 5)


def measure(options: argparse.Namespace) -> Table:
    """Measures each backbone; medians of the rounds."""
    precisions = ["float32", "bfloat16", "int8"]
    processor = find_processor()
    if not processor.bfloat16:
        precisions.remove("bfloat16")
    with TemporaryDirectory() as folder:
        rows = [
            _measure(name, Path(folder), precisions, options.rounds)
            for name in options.backbones
        ]
    notes = [
        f"In CPU seconds: of calibrating, and images in one, which a core has in a "
        f"second. Medians of {options.rounds} rounds of {IMAGES} images in memory."
    ]
    if not processor.int8:
        notes.append(
            "This processor has no VNNI or AMX: `--precision int8` refuses it."
        )
    return Table(
        f"Calibrating on {PICTURES} pictures, and images a CPU second afterwards",
        (
            *("backbone", "calibrating, CPU s", *precisions),
            *(f"int8 against {precisions[-2]}", "pays from, pictures"),
        ),
        rows,
        notes,
    )


def _measure(name: str, folder: Path, precisions: list[str], rounds: int) -> list[Cell]:
    os.environ["CNNXFER_CACHE"] = str(folder / "cache")
    backbone, reporter = BACKBONES.get(name), Reporter()
    written = write_examples(folder / name, PICTURES)
    examples = list(islice(cycle(written), PICTURES))
    classifier = build(backbone)
    network = network_before(classifier, backbone, POOLED)
    directory = convert(network, network.build, lambda: None, reporter)
    calibration = training_calibration(examples, CENTRAL, IMAGE_SIZE)
    started = time.process_time()
    place = calibrated(network, directory, calibration, reporter)
    seconds = time.process_time() - started
    show(name, calibrating=seconds)
    pixels = calibration.pixels()[:IMAGES]
    engines = [
        OpenVinoEngine(place if precision == "int8" else directory, precision)
        for precision in precisions
    ]
    # The first time is slower.
    laps = [[_rate(engine, pixels) for engine in engines] for _ in range(1 + rounds)]
    rates = [median(lap) for lap in zip(*laps[1:], strict=True)]
    gain = 1 / rates[-2] - 1 / rates[-1]  # seconds a picture
    pays_from = f"{seconds / gain:,.0f}" if gain > 0 else "never"
    show(name, **dict(zip(precisions, rates, strict=True)), pays_from=pays_from)
    return [name, seconds, *rates, rates[-1] / rates[-2], pays_from]


def _rate(engine: OpenVinoEngine, pixels: np.ndarray) -> float:
    """Returns the images that an engine answers in a CPU second."""
    size = engine.batch_size
    started = time.process_time()
    drain(engine.run(pixels[at : at + size] for at in range(0, len(pixels), size)))
    return len(pixels) / (time.process_time() - started)
