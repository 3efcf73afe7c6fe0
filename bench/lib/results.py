"""The table that a benchmark makes, and the JSON file that it is written to."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bench.lib.machine import describe_commit, describe_machine
from bench.lib.shared import ROOT

RESULTS = ROOT / "bench" / "results"
Cell = str | int | float


@dataclass(frozen=True)
class Table:
    """What a benchmark found.

    Attributes:
        title: what the table shows.
        columns: their names, with units.
        rows: a cell for each column.
        notes: sentences that stand under the table.
        passed: whether what was to be proven is so.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    notes: Sequence[str] = ()
    passed: bool = True


def show(what: str, **figures: object) -> None:
    """Prints intermediate figures to stderr, so that they outlive a later failure."""
    texts = (f"{name} {_short(figure)}" for name, figure in figures.items())
    print(f"{what}: {', '.join(texts)}", file=sys.stderr, flush=True)


def to_json(table: Table, *, command: str, baseline: str | None) -> str:
    """Returns a table as JSON, with the machine, the day (UTC) and the commit.

    Rows and notes take a line each, for people and for `git diff`. `today` is the
    command that measures this now. For a new table, it is the one that was run; for
    one that an older script measured, it may be another, or None.
    """
    document: dict[str, str | Sequence[object] | None] = {
        "title": table.title,
        "command": command,
        "today": command,
        "machine": describe_machine(),
        "date": datetime.now(UTC).date().isoformat(),
        "commit": describe_commit(),
        "baseline": baseline,
        "columns": list(table.columns),
        "rows": [[_rounded(cell) for cell in row] for row in table.rows],
        "notes": list(table.notes),
    }
    lines = []
    for key, value in document.items():
        text = json.dumps(value, ensure_ascii=False)
        if key in ("rows", "notes") and value:
            items = (json.dumps(item, ensure_ascii=False) for item in value)
            text = "[\n    " + ",\n    ".join(items) + "\n  ]"
        lines.append(f'  "{key}": {text}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _rounded(cell: Cell) -> Cell:
    return float(f"{cell:.4g}") if isinstance(cell, float) else cell


def _short(figure: object) -> str:
    return f"{figure:.4g}" if isinstance(figure, float) else str(figure)
