"""What differs between two runs, for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.table import Table
from rich.text import Text

from cnnxfer.cli.terminal import stdout
from cnnxfer.evaluation.difference import (
    Change,
    DataDifference,
    ResultDifference,
    RunDifference,
)
from cnnxfer.reporting import counted, printable


def print_difference(difference: RunDifference) -> None:
    """Prints a table for each kind of difference that there is, and the results."""
    one, other = printable(difference.one), printable(difference.other)
    if not difference.any:
        print(f"no difference between {one} and {other}")
        return
    print(f"A  {one}\nB  {other}")
    _print_changes("setting", difference.settings)
    print(f"\n{_data(difference.data)}")
    _print_changes("training", difference.training)
    table = _table("result")
    for result in difference.results:
        table.add_row(result.name, *(_share(it) for it in (result.one, result.other)))
    stdout().print("", table)
    for result in difference.results:
        if verdict := _verdict(result):
            print(verdict)
    _print_changes("version or machine", difference.origin)


def _print_changes(title: str, changes: Iterable[Change]) -> None:
    if changes:
        table = _table(title)
        for change in changes:
            table.add_row(change.name, _value(change.one), _value(change.other))
        stdout().print("", table)


def _table(title: str) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(title, no_wrap=True)
    for run in ("A", "B"):
        table.add_column(run, overflow="fold")
    return table


def _value(value: Any) -> Text:
    return Text("-" if value in (None, "") else printable(str(value)))


def _share(share: Any) -> Text:
    return Text(share.text if share else "-")


def _data(data: DataDifference) -> str:
    if not data.any:
        return f"data: the same {counted(data.images[0], 'image')} in the same parts"
    facts = [f"data: {data.images[0]:,} -> {counted(data.images[1], 'image')}"]
    counts = {
        "added": data.added,
        "removed": data.removed,
        "relabelled": data.relabelled,
        "in another part": data.moved,
    }
    facts += [f"{count:,} {what}" for what, count in counts.items() if count]
    classes = {
        "classes added": data.classes_added,
        "classes removed": data.classes_removed,
    }
    facts += [
        f"{what}: {printable(', '.join(names))}"
        for what, names in classes.items()
        if names
    ]
    return "; ".join(facts)


def _verdict(result: ResultDifference) -> str | None:
    """Says how much better B is, and whether chance would do that."""
    if not result.one or not result.other:
        return None
    if result.low is None or result.high is None:
        return None
    points = 100 * (result.other.value - result.one.value)
    what = f"{abs(points):.1f} points {'better' if points > 0 else 'worse'} than"
    text = f"{result.name}: B is {what if points else 'as good as'} A"
    if result.gained is not None and result.lost is not None:
        text += f"; {result.gained:,} images became right, {result.lost:,} wrong"
    else:
        low, high = 100 * result.low, 100 * result.high
        text += f" (95% interval {low:+.1f} to {high:+.1f})"
    if not result.same_images:
        text += ", on other images"
    if not points:
        return text
    chance = "more than chance" if result.more_than_chance else "could be chance"
    return f"{text}: {chance}"
