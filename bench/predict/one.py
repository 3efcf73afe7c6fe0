"""How long one picture takes, and how much memory, each time in a new process.

`cnnxfer` sees the picture once with an empty cache, which prepares the next uses; then
the textbook's loop and `cnnxfer predict` take turns. A minute a backbone.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.lib.options import add_backbones, add_rounds
from bench.lib.photographs import find_photographs, write_links
from bench.lib.processes import run_process
from bench.lib.results import Cell, Table, show
from bench.predict.commands import PredictCommand, run_textbook

MODULES = """
import sys
from cnnxfer.cli.main import run
assert run(sys.argv[1:]) == 0
print(*{"keras", "tensorflow"} & set(sys.modules))
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    add_backbones(parser, "efficientnet-lite0", "resnet50")
    add_rounds(parser, 5)


def measure(options: argparse.Namespace) -> Table:
    """Measures each backbone; medians of the rounds."""
    rows: list[list[Cell]] = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        originals = find_photographs(folder / "originals")
        write_links(folder / "picture", originals, 1)
        for backbone in options.backbones:
            with TemporaryDirectory(dir=folder) as place:
                command = PredictCommand(Path(place), backbone)
                rows.append(_measure(command, folder / "picture", options.rounds))
    return Table(
        "Predicting one picture, a process of its own, from the second use on",
        (
            "backbone",
            "seconds",
            "peak MB",
            "times faster than the textbook's loop",
            "share of the textbook's memory",
            "imports Keras or TensorFlow",
        ),
        rows,
        [f"Medians of {options.rounds} round(s)."],
    )


def _measure(command: PredictCommand, folder: Path, rounds: int) -> list[Cell]:
    picture = next(folder.iterdir())
    first = command.run(picture)
    show(f"{command.backbone}, first use", seconds=first.wall_seconds)
    textbook, later = [], []
    for _ in range(rounds):
        textbook.append(run_textbook(command.backbone, folder, images=1).process)
        later.append(command.run(picture))
    seconds, peak = (
        [
            median(getattr(process, name) for process in each)
            for each in (textbook, later)
        ]
        for name in ("wall_seconds", "peak_mb")
    )
    modules = [sys.executable, "-c", MODULES, *command.arguments(picture)]
    imported = run_process(modules, command.environment).output.strip()
    return [
        command.backbone,
        seconds[1],
        peak[1],
        seconds[0] / seconds[1],
        peak[1] / peak[0],
        imported or "no",
    ]
