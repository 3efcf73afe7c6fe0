"""Prints the differences between two runs as tables."""

from collections.abc import Iterable
from typing import Any

from cnnxfer.cli.tables import cell_table
from cnnxfer.cli.terminal import stdout
from cnnxfer.evaluation.difference import (
    Change,
    DataDifference,
    RunDifference,
)
from cnnxfer.reporting import counted, printable


def print_difference(difference: RunDifference) -> None:
    """Prints a table for each kind of difference, and the results of both runs."""
    one, other = printable(difference.one), printable(difference.other)
    if not difference.any:
        print(f"no difference between {one} and {other}")
        return
    print(f"A  {one}\nB  {other}")
    _print_changes("setting", difference.settings)
    print(f"\n{_data(difference.data)}")
    _print_changes("training", difference.training)
    table = cell_table("result", "A", "B", wide="AB")
    for result in difference.results:
        table.add_row(result.name, _share(result.one), _share(result.other))
    stdout().print("", table)
    for result in difference.results:
        if result.verdict:
            print(result.verdict)
    _print_changes("version or machine", difference.origin)


def _print_changes(title: str, changes: Iterable[Change]) -> None:
    if changes:
        table = cell_table(title, "A", "B", wide="AB")
        for change in changes:
            table.add_row(change.name, _value(change.one), _value(change.other))
        stdout().print("", table)


def _value(value: Any) -> str:
    return "-" if value in (None, "") else str(value)


def _share(share: Any) -> str:
    return str(share.text) if share else "-"


def _data(data: DataDifference) -> str:
    if not data.any:
        return f"data: the same {counted(data.images[0], 'image')} in the same splits"
    changes = [f"data: {data.images[0]:,} -> {counted(data.images[1], 'image')}"]
    counts = {
        "added": data.added,
        "removed": data.removed,
        "relabelled": data.relabelled,
        "in another split": data.moved,
    }
    changes += [f"{count:,} {change}" for change, count in counts.items() if count]
    classes = {
        "classes added": data.classes_added,
        "classes removed": data.classes_removed,
    }
    changes += [
        f"{change}: {printable(', '.join(names))}"
        for change, names in classes.items()
        if names
    ]
    return "; ".join(changes)
