"""What was measured: each row at once as a line of JSON, in the end as tables."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class Results:
    """Where results go.

    Attributes:
        path: a file to which every row is added as a line of JSON, if there is one.
    """

    path: Path | None

    def add(self, kind: str, row: Row) -> None:
        """Keeps a row, so that it outlives whatever fails later, and shows it."""
        if self.path:
            with self.path.open("a", encoding="utf-8") as lines:
                print(json.dumps({"kind": kind, **row}), file=lines)
        values = (f"{key} {_text(value)}" for key, value in row.items())
        print(f"{kind}: {', '.join(values)}", file=sys.stderr)

    def table(self, title: str, rows: Sequence[Row]) -> None:
        """Prints rows that have the same keys."""
        texts = [[_text(value) for value in row.values()] for row in rows]
        lines = [list(rows[0]), *texts]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        print(f"\n{title}\n")
        for line in lines:
            cells = zip(line, widths, strict=True)
            print("  ".join(cell.rjust(width) for cell, width in cells))
        sys.stdout.flush()


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
