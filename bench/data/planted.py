"""What `cnnxfer check` finds of the problems that were planted for it.

    python scripts/check_planted.py

Makes folders with problems of all kinds, checks them, and prints a line a kind: how
many were planted, how many of these were found, and how many were found that nobody
planted. Ends with exit code 1 unless all were found, and no more.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from cnnxfer.data.check.report import KINDS
from cnnxfer.data.check.run_checks import check_data
from cnnxfer.reporting import Reporter

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from planted_problems import GROUP_BY, PHOTOS, plant


def main() -> int:
    """Returns the exit code."""
    with TemporaryDirectory() as directory:
        root = Path(directory)
        planted = {(item.spec, item.kind, item.about) for item in plant(root)}
        found = set()
        for spec in sorted({spec for spec, _, _ in planted}):
            group_by = GROUP_BY if spec == PHOTOS else ""
            report = check_data(str(root / spec), Reporter(), group_by=group_by)
            found |= {
                (spec, finding.kind, item.ids or item.classes)
                for finding in report.findings
                for item in finding.items
            }
    sides = planted, planted & found, found - planted
    counts = [Counter(kind for _, kind, _ in side) for side in sides]
    table = Table(box=None, pad_edge=False)
    table.add_column("kind")
    table.add_column("severity")
    for column in ("planted", "found", "not planted"):
        table.add_column(column, justify="right")
    for kind in KINDS:
        table.add_row(kind.name, kind.severity, *(str(c[kind.name]) for c in counts))
    table.add_row("all", "", *map(str, map(len, sides)))
    Console().print(table)
    for spec, kind, about in sorted(planted ^ found):
        print(f"{spec}: {kind}: {', '.join(about)}")
    return int(planted != found)


if __name__ == "__main__":
    sys.exit(main())
