"""What `cnnxfer check` finds of the problems that were planted for it.

Makes folders with problems of all kinds and checks them. Prints a line a kind: how many
were planted, how many of these were found, and how many were found that nobody planted.
Fails unless all were found, and no more.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.lib.results import Table, show
from bench.lib.shared import ROOT
from cnnxfer.data.check.report import KINDS
from cnnxfer.data.check.run_checks import check_data
from cnnxfer.reporting import Reporter

sys.path.insert(0, str(ROOT / "tests"))

from planted_problems import GROUP_BY, PHOTOS, plant


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds no options."""


def measure(options: argparse.Namespace) -> Table:
    """Plants, checks and compares."""
    with TemporaryDirectory() as directory:
        root = Path(directory)
        planted = {(item.spec, item.kind, item.about) for item in plant(root)}
        found = set()
        for spec in sorted({spec for spec, _, _ in planted}):
            group_by = GROUP_BY if spec == PHOTOS else "none"
            report, _ = check_data(str(root / spec), Reporter(), group_by=group_by)
            found |= {
                (spec, finding.kind, item.ids or item.classes)
                for finding in report.findings
                for item in finding.items
            }
    sides = planted, planted & found, found - planted
    counts = [Counter(kind for _, kind, _ in side) for side in sides]
    for kind in KINDS:
        numbers = (count[kind.name] for count in counts)
        names = ("planted", "found", "not_planted")
        show(kind.name, **dict(zip(names, numbers, strict=True)))
    return Table(
        "Planted problems that `cnnxfer check` finds",
        ("kinds", "planted", "found", "found, but not planted"),
        [[len(counts[0]), *map(len, sides)]],
        [
            f"{spec}: {kind}: {', '.join(about)}"
            for spec, kind, about in sorted(planted ^ found)
        ],
        passed=planted == found,
    )
