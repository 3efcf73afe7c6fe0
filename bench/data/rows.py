"""How each step on the way of an index grows with the number of its rows.

The rows are made up: their perceptual hashes as `data_growth` makes them, all else by
formula. Each step has a process of its own, which holds the rows, as commands do. How a
step grows is the power of ten by which ten times as many rows take longer: 1 if the
time grows as they do, 1.08 as `n log n` does between 100,000 and a million.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from bench.data.growth import made_up_hashes, photograph_frequencies
from bench.data.row_steps import READ, STEPS, WRITE
from bench.lib.processes import run_process
from bench.lib.results import Cell, Table, show


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    parser.add_argument(
        "--rows",
        type=int,
        nargs="+",
        default=(1_000, 10_000, 100_000, 1_000_000),
        metavar="N",
        help="of each step; by default 1,000 to 1,000,000",
    )
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=list(STEPS))


def measure(options: argparse.Namespace) -> Table:
    """Does every step with each number of rows."""
    seconds: dict[str, list[float]] = {step: [] for step in options.steps}
    peaks: dict[str, list[float]] = {step: [] for step in options.steps}
    for number in options.rows:
        with TemporaryDirectory() as name:
            folder = Path(name)
            photographs = photograph_frequencies(folder / "originals")
            np.save(folder / "hashes.npy", made_up_hashes(photographs, number))
            if READ in options.steps and WRITE not in options.steps:
                _do(WRITE, folder, number)
            for step in options.steps:
                taken, peak_mb = _do(step, folder, number)
                seconds[step].append(taken)
                peaks[step].append(peak_mb)
                show(step, rows=number, seconds=taken, peak_mb=peak_mb)
    numbers = [f"{number:,}" for number in options.rows]
    held = [f"peak MB of {number}" for number in numbers[-2:]]
    return Table(
        "Steps on the way of an index, by its rows: seconds of a processor",
        ("step", *(f"{number} rows, s" for number in numbers), "grows by", *held),
        [
            [
                step,
                *seconds[step],
                _growth(options.rows, seconds[step]),
                *peaks[step][-2:],
            ]
            for step in options.steps
        ],
        [
            "Seconds are those of all cores together, which other work on the machine "
            "changes little; a process holds the rows, beside what the step takes."
        ],
    )


def _do(step: str, folder: Path, number: int) -> tuple[float, float]:
    """Returns the seconds that a step takes, and its peak in MB."""
    module = [sys.executable, "-m", "bench.data.row_steps"]
    arguments = [step, str(folder / "hashes.npy"), str(number), str(folder)]
    environment = {"CNNXFER_CACHE": os.fspath(folder / "cache")}
    process = run_process([*module, *arguments], environment)
    return float(process.output), process.peak_mb


def _growth(numbers: list[int], seconds: list[float]) -> Cell:
    """Returns the power with which the time grows, between the two largest numbers."""
    if len(numbers) < 2 or min(seconds) <= 0.001:
        return "-"
    return math.log(seconds[-1] / seconds[-2]) / math.log(numbers[-1] / numbers[-2])
