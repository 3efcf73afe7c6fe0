"""Point 4: tens of thousands of images, and a process that is killed among them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from photographs import write_photographs
from piles import write_links
from process_tree import runs
from processes import kill_process
from rankers import Ranker
from results import Results, Row

ORIGINALS = 200
SIZE = (160, 120)
PARTS = (50, 5, 1)  # the memory of a fiftieth, a fifth and all of the images
PATIENCE_SECONDS = 5.0


def rank_huge_pile(results: Results, backbone: str, images: int) -> None:
    """Ranks folders of links to small JPEGs, kills the last one and goes on with it.

    Args:
        results: where the figures go.
        backbone: of the catalog.
        images: in the largest folder.
    """
    table: list[Row] = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        originals = folder / "originals"
        originals.mkdir()
        photographs = write_photographs(originals, ORIGINALS, SIZE)
        ranker = Ranker(folder, backbone)
        ranker.rank(originals)  # fills the cache
        for part in PARTS:
            pile = folder / f"pile{part}"
            links = write_links(pile, photographs, images // part)
            process = ranker.rank(pile)
            table.append(
                {
                    "images": len(links),
                    "wall_seconds": process.wall_seconds,
                    "images_per_second": len(links) / process.wall_seconds,
                    "peak_mb": process.peak_mb,
                    "complete_in_order": _complete(ranker.records(), links),
                }
            )
            results.add("pile", table[-1])
        interrupted = _kill_and_resume(ranker, pile)
    results.add("killed", interrupted)
    growth = (table[-1]["peak_mb"] - table[0]["peak_mb"]) * 1000
    results.table(
        f"4. `cnnxfer predict` on links to {ORIGINALS} JPEGs of "
        f"{SIZE[0]}x{SIZE[1]}, {backbone}: "
        f"{growth / (table[-1]['images'] - table[0]['images']):.2f} kB an image more; "
        "peak of the process and its children together.",
        table,
    )
    results.table("4. Killed by SIGKILL, and again with --resume.", [interrupted])


def _kill_and_resume(ranker: Ranker, pile: Path) -> Row:
    undisturbed = ranker.output.read_bytes()
    ranker.output.unlink()
    unfinished = ranker.output.with_name(ranker.output.name + ".part")

    def half_done() -> bool:
        written = unfinished.stat().st_size if unfinished.exists() else 0
        return written >= len(undisturbed) / 2

    pids = kill_process(ranker.command(pile), ranker.environment, half_done)
    kept = unfinished.read_bytes().count(b"\n")
    left = _still_running(pids)
    process = ranker.rank(pile, "--resume")
    return {
        "images": undisturbed.count(b"\n"),
        "kept": kept,
        "processes_left": left,
        "resumed_seconds": process.wall_seconds,
        "peak_mb": process.peak_mb,
        "equal": ranker.output.read_bytes() == undisturbed,
    }


def _complete(records: Iterable[dict[str, Any]], links: Sequence[Path]) -> bool:
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
