"""What benchmarks measured: tables of `bench/results/*.json`."""

from __future__ import annotations

import json
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from page_parts.markdown import table, with_options

RESULTS = Path(__file__).parents[2] / "bench" / "results"


def results(*patterns: str) -> str:
    """Returns a section for each file whose name matches one of the patterns.

    Args:
        patterns: of names without their suffix, in the order of the page; files that
            match the same one are in the order of their names.

    Raises:
        LookupError: if a pattern matches nothing.
    """
    names = sorted(path.stem for path in RESULTS.glob("*.json"))
    chosen: list[str] = []
    for pattern in patterns:
        found = [name for name in names if fnmatch(name, pattern)]
        if not found:
            raise LookupError(f"no file in {RESULTS} matches {pattern}.json")
        chosen += [name for name in found if name not in chosen]
    return "\n".join(_section(read(name)) for name in chosen)


def read(name: str) -> dict[str, Any]:
    """Returns one file of results."""
    result = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    assert isinstance(result, dict)
    return result


def _section(result: dict[str, Any]) -> str:
    columns = [str(column) for column in result["columns"]]
    rows = [[_cell(value) for value in row] for row in result["rows"]]
    lines = [f"### {result['title']}\n"]
    if result.get("baseline"):
        lines.append(f"Compared with: {result['baseline']}\n")
    lines.append(table(columns, rows))
    lines += [f"{with_options(note)}\n" for note in result.get("notes") or ()]
    lines.append(f"{_origin(result)}\n")
    return "\n".join(lines)


def _origin(result: dict[str, Any]) -> str:
    """Returns how a table was measured, and how to measure it now."""
    command, today = result["command"], result["today"]
    measured = f"with `{command}` " if command else ""
    text = (
        f"Measured {measured}at commit `{result['commit']}` on {result['date']}, "
        f"{result['machine']}"
    )
    if not command:
        return f"{text}; the script was not kept."
    if not today:
        return f"{text}; no command measures it today."
    return f"{text}." if today == command else f"{text}; today: `{today}`."


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
    return with_options(str(value))
