"""Tens of thousands of images in shards, one of which is killed, put together again.

`cnnxfer predict` answers for a folder of links to small JPEGs, once undivided and once
in shards, one after the other. One shard is killed by SIGKILL in the middle and started
again with `--resume`. What `cnnxfer merge` makes of the parts is compared with what one
process has written.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.lib.photographs import write_links, write_photographs
from bench.lib.processes import kill_process, run_process
from bench.lib.results import Cell, Table, show
from bench.predict.commands import PredictCommand

SIZE = (160, 120)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    parser.add_argument("--images", type=int, default=50_000, help="by default 50,000")
    parser.add_argument("--shards", type=int, default=16, help="by default 16")
    parser.add_argument("--backbone", default="mobilenet-0.25")


def measure(options: argparse.Namespace) -> Table:
    """Answers all images in both ways; fails if one byte of the results differs."""
    rows: list[list[Cell]] = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        photographs = write_photographs(folder / "originals", 200, SIZE)
        command = PredictCommand(folder, options.backbone)
        command.run(folder / "originals")  # fills the cache
        pictures = folder / "pictures"
        write_links(pictures, photographs, options.images)
        whole = command.run(pictures)
        rows.append(["one process", whole.wall_seconds, whole.peak_mb])
        show("whole", seconds=whole.wall_seconds, peak_mb=whole.peak_mb)
        parts = []
        seconds, peak_mb = 0.0, 0.0
        for shard in range(1, options.shards + 1):
            part = folder / f"part-{shard}.jsonl"
            typed = _shard(command, pictures, f"{shard}/{options.shards}", part)
            if shard == (options.shards + 1) // 2:
                share = command.output.stat().st_size / options.shards
                kept = _kill(typed, command, part, share / 2)
            process = run_process([*typed, "--resume"], command.environment)
            seconds += process.wall_seconds
            peak_mb = max(peak_mb, process.peak_mb)
            parts.append(part)
        show("shards", seconds=seconds, peak_mb=peak_mb, kept=kept)
        name = f"{options.shards} shards, one after the other"
        rows.append([name, seconds, peak_mb])
        merged = folder / "merged.jsonl"
        typed = [sys.executable, "-m", "cnnxfer", "merge", *map(str, parts)]
        process = run_process([*typed, "--out", str(merged)], command.environment)
        rows.append(["merge", process.wall_seconds, process.peak_mb])
        equal = merged.read_bytes() == command.output.read_bytes()
    told = "byte-equal" if equal else "NOT equal"
    return Table(
        f"{options.images:,} images in {options.shards} shards ({options.backbone}, "
        "small JPEGs)",
        ("what", "seconds", "peak MB"),
        rows,
        [
            f"One shard was killed by SIGKILL after {kept} of its images and started "
            f"again with --resume. Merged, the parts are {told} to what one process "
            "writes."
        ],
        passed=equal,
    )


def _shard(
    command: PredictCommand, pictures: Path, shard: str, part: Path
) -> list[str]:
    typed = [sys.executable, "-m", "cnnxfer", "predict", str(pictures)]
    return [*typed, "--model", command.model, "--shard", shard, "--out", str(part)]


def _kill(
    typed: Sequence[str], command: PredictCommand, part: Path, size_bytes: float
) -> int:
    """Kills a shard once it has written so much; returns how many answers it left."""
    unfinished = part.with_name(f"{part.name}.part")

    def half_done() -> bool:
        return unfinished.exists() and unfinished.stat().st_size >= size_bytes

    kill_process(typed, command.environment, half_done)
    return unfinished.read_bytes().count(b"\n")
