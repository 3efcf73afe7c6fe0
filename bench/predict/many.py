"""Tens of thousands of images, and a process that is killed among them.

`cnnxfer predict` answers for folders of links to small JPEGs, of a fiftieth, a fifth
and all of the images: the peak of memory, and whether the output is complete and in
order. Then it is killed by SIGKILL in the middle and started again with `--resume`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.lib.photographs import write_links, write_photographs
from bench.lib.process_tree import runs
from bench.lib.processes import kill_process
from bench.lib.results import Cell, Table, show
from bench.predict.commands import PredictCommand

SIZE = (160, 120)
PARTS = (50, 5, 1)
PATIENCE_SECONDS = 5.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    parser.add_argument("--images", type=int, default=50_000, help="by default 50,000")
    parser.add_argument("--backbone", default="mobilenet-0.25")


def measure(options: argparse.Namespace) -> Table:
    """Measures each number of images; fails if an output is not as it should be."""
    rows: list[list[Cell]] = []
    complete = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        photographs = write_photographs(folder / "originals", 200, SIZE)
        command = PredictCommand(folder, options.backbone)
        command.run(folder / "originals")  # fills the cache
        for part in PARTS:
            pictures = folder / f"part{part}"
            links = write_links(pictures, photographs, options.images // part)
            process = command.run(pictures)
            complete.append(_is_complete(command.records(), links))
            rate = len(links) / process.wall_seconds
            rows.append([len(links), process.peak_mb, rate])
            show("many", images=len(links), peak_mb=process.peak_mb, rate=rate)
        kept, left, equal = _kill_and_resume(command, pictures)
    told = "byte-equal" if equal else "NOT equal"
    return Table(
        f"Predicting many images ({options.backbone}, small JPEGs)",
        ("images", "peak MB", "images a second"),
        rows,
        [
            f"Killed by SIGKILL after {kept} of {options.images} images and started "
            f"again with --resume, the output is {told} to that of an undisturbed run; "
            f"{left} processes were left behind."
        ],
        passed=all(complete) and equal and not left,
    )


def _kill_and_resume(command: PredictCommand, pictures: Path) -> tuple[int, int, bool]:
    """Returns answers that the kill left, processes that it left, if all is equal."""
    undisturbed = command.output.read_bytes()
    command.output.unlink()
    unfinished = command.output.with_name(command.output.name + ".part")

    def half_done() -> bool:
        written = unfinished.stat().st_size if unfinished.exists() else 0
        return written >= len(undisturbed) / 2

    pids = kill_process(command.command(pictures), command.environment, half_done)
    kept = unfinished.read_bytes().count(b"\n")
    left = _still_running(pids)
    command.run(pictures, "--resume")
    return kept, left, command.output.read_bytes() == undisturbed


def _is_complete(records: Iterable[dict[str, Any]], links: Sequence[Path]) -> bool:
    """Tells whether there is an answer for each image, in its place."""
    return all(
        record is not None
        and link is not None
        and record["path"] == str(link)
        and "predictions" in record
        for record, link in zip_longest(records, links)
    )


def _still_running(pids: Sequence[int]) -> int:
    """Returns how many of the processes have not ended soon after."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (left := sum(map(runs, pids))) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left
