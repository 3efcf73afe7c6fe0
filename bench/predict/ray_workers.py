"""Two workers of Ray against one process with the same cores.

Both answer for a folder of links to photographs: the images a second between the first
and the last answer, the seconds until the first, and the most memory of all processes
together. Then a worker and a decoder are killed by SIGKILL, and the answers compared.
"""

from __future__ import annotations

import argparse
import json
import sys
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.lib.photographs import find_photographs, write_links
from bench.lib.processes import Finished, run_process
from bench.lib.results import Cell, Table, show

REPEATS = 3


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    parser.add_argument("--images", type=int, default=5_000, help="by default 5,000")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="by default 3")


def measure(options: argparse.Namespace) -> Table:
    """Measures both in turn; fails if an answer differs or is missing."""
    if find_spec("ray") is None:
        raise SystemExit("needs Ray. Install: pip install 'cnnxfer[ray]'")
    rows: list[list[Cell]] = []
    hashes = set()
    rates: dict[str, list[float]] = {"here": [], "ray": []}
    with TemporaryDirectory() as name:
        folder = Path(name)
        pictures = folder / "pictures"
        originals = find_photographs(folder / "originals")
        write_links(pictures, originals, options.images)
        few = folder / "few"
        write_links(few, originals, 100)
        cache = {"CNNXFER_CACHE": str(folder / "cache")}

        def run(
            pictures: Path, on: str, killed: str = "none"
        ) -> tuple[Finished, dict[str, float]]:
            typed = [sys.executable, "-m", "bench.predict.ray_run", str(pictures)]
            process = run_process([*typed, "--on", on, "--kill", killed], cache)
            said = json.loads(process.output.splitlines()[-1])  # Ray prints above it
            if pictures.name == "pictures":
                hashes.add(said.pop("sha256"))
                show(on, killed=killed, peak_mb=process.peak_mb, **said)
            return process, said

        for on in rates:
            run(few, on)  # fills the cache
        for killed in ("none", "worker", "decoder"):
            repeats = options.repeats if killed == "none" else 1
            for _ in range(repeats):
                for on in ("here", "ray") if killed == "none" else ("ray",):
                    process, said = run(pictures, on, killed)
                    rate = (said["images"] - 1) / said["answering_seconds"]
                    if killed == "none":
                        rates[on].append(rate)
                    what = "one process" if on == "here" else "two workers"
                    if killed != "none":
                        what += f", a {killed} killed"
                    cluster = said.get("cluster_seconds", 0.0)
                    first = said["first_seconds"]
                    rows.append([what, cluster, first, rate, process.peak_mb])
    ratio = median(rates["ray"]) / median(rates["here"])
    told = "the same" if len(hashes) == 1 else "NOT the same"
    return Table(
        f"{options.images:,} pictures by two workers of Ray (efficientnet-lite0)",
        (
            "who answers",
            "seconds until the cluster stands",
            "and until the first answer",
            "images a second from then on",
            "peak MB",
        ),
        rows,
        [
            f"The medians: two workers with half of the cores each answer {ratio:.2f} "
            "times as many images a second as one process with all of them, once "
            f"started. All answers are {told}.",
            "Peaks count pages that processes share for each of them.",
        ],
        passed=len(hashes) == 1,
    )
