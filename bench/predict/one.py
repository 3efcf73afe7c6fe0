"""Point 2: one picture, again and again, each time in a new process."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from piles import photographs, write_links
from processes import Finished, run_process
from rankers import Ranker, run_textbook
from results import Results, Row

UNWANTED = ("keras", "tensorflow")
MODULES = """
import sys
from cnnxfer.cli.main import run
assert run(sys.argv[1:]) == 0
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def time_one_picture(
    results: Results, backbones: Sequence[str], *, repeat: int
) -> None:
    """Times the textbook's script and `cnnxfer predict` on one picture, in turn.

    Before that, `cnnxfer` has seen the picture once: the first use with an empty
    cache, which prepares the others.

    Args:
        results: where the figures go; medians in the table.
        backbones: of the catalog.
        repeat: how often each runs.
    """
    table: list[Row] = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        originals = photographs(folder / "originals")
        write_links(folder / "pile", originals, 1)
        for backbone in backbones:
            with TemporaryDirectory(dir=folder) as place:
                ranker = Ranker(Path(place), backbone)
                rows = _measure(ranker, folder / "pile", repeat)
            for row in rows:
                results.add("one picture", row)
            table += rows
    results.table(
        "2. One picture, whole processes; the second use: median of "
        f"{repeat}. Ratios: of the textbook's median to it; peak of a process and its "
        f"children together.\nImported: which of {' and '.join(UNWANTED)} the second "
        "use had.",
        table,
    )


def _measure(ranker: Ranker, folder: Path, repeat: int) -> list[Row]:
    picture = next(folder.iterdir())
    first = ranker.rank(picture)
    textbooks, uses = [], []
    for _ in range(repeat):
        textbooks.append(run_textbook(ranker.backbone, folder, images=1).process)
        uses.append(ranker.rank(picture))
    textbook = _medians(textbooks)
    rows = {
        "textbook": (textbook, None),
        "cnnxfer, first use": (_medians([first]), None),
        "cnnxfer, second use": (_medians(uses), _unwanted(ranker, picture)),
    }
    return [
        {
            "backbone": ranker.backbone,
            "what": what,
            **row,
            "seconds_ratio": textbook["wall_seconds"] / row["wall_seconds"],
            "peak_ratio": textbook["peak_mb"] / row["peak_mb"],
            "imported": imported,
        }
        for what, (row, imported) in rows.items()
    ]


def _medians(processes: Sequence[Finished]) -> Row:
    return {
        "wall_seconds": median(process.wall_seconds for process in processes),
        "cpu_seconds": median(process.cpu_seconds for process in processes),
        "peak_mb": median(process.peak_mb for process in processes),
    }


def _unwanted(ranker: Ranker, picture: Path) -> str:
    """Returns what the command has imported, of what it should do without."""
    _, _, _, *arguments = ranker.command(picture)  # python -m cnnxfer
    command = [sys.executable, "-c", MODULES, *arguments]
    imported = run_process(command, ranker.environment).output.split()
    return " ".join(name for name in UNWANTED if name in imported) or "none"
