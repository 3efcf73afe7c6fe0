"""Which run goes on from which."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cnnxfer.errors import RunError
from cnnxfer.runs.run import Run


@dataclass(frozen=True)
class Relative:
    """A run in the tree of parents.

    Attributes:
        name: of the run.
        depth: how many runs are above it.
        run: None for a parent that is gone.
    """

    name: str
    depth: int
    run: Run | None


def in_families(runs: Sequence[Run]) -> list[Relative]:
    """Returns runs with their children below them, and siblings in the order given.

    A parent that is not among them is named where its first child would be, above it.
    """
    parents = {run.name: _parent_of(run) for run in runs}
    here = {run.name: run for run in runs}
    children: dict[str | None, list[str]] = {}
    for name, parent in parents.items():
        children.setdefault(_above(name, parents), []).append(name)
        if parent not in (None, *here) and parent not in children.get(None, ()):
            children.setdefault(None, []).append(str(parent))
    return list(_walk(None, 0, children, here))


def _walk(
    name: str | None,
    depth: int,
    children: dict[str | None, list[str]],
    here: dict[str, Run],
) -> Iterator[Relative]:
    for child in children.get(name, ()):
        yield Relative(child, depth, here.get(child))
        yield from _walk(child, depth + 1, children, here)


def _above(name: str, parents: dict[str, str | None]) -> str | None:
    """Returns the parent; None where parents go round in a circle."""
    seen, ancestor = {name}, parents[name]
    while ancestor in parents:
        if ancestor in seen:
            return None
        seen.add(ancestor)
        ancestor = parents[ancestor]
    return parents[name]


def _parent_of(run: Run) -> str | None:
    try:
        parent = run.receipt.get("parent")
    except RunError:  # who lists it says so
        return None
    return parent if isinstance(parent, str) else None
