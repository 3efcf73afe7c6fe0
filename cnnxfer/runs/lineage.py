"""The tree of runs: which run was fine-tuned from which, and which stand on one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cnnxfer.errors import CnnxferError, RunError
from cnnxfer.runs.run import Run
from cnnxfer.runs.runs_dir import list_runs


@dataclass(frozen=True)
class TreeEntry:
    """A run in the tree of runs; None in place of a parent that no longer exists.

    `depth` is the number of its ancestors in the tree.
    """

    name: str
    depth: int
    run: Run | None


def standing_on(run: Run) -> list[Run]:
    """Returns the runs beside a run that were fine-tuned from it or began with it."""
    return [
        other
        for other in list_runs(run.path.parent)
        if other.name != run.name
        and (parent_name(other) == run.name or starts_from(other, run))
    ]


def starts_from(other: Run, run: Run) -> bool:
    """Tells whether a run from scratch began with the layers of another one."""
    try:
        config = other.config
    except CnnxferError:  # the caller reports damaged runs
        return False
    init = config.scratch.init
    return config.from_scratch is True and Path(init) == run.path.resolve()


def in_tree_order(runs: Sequence[Run]) -> list[TreeEntry]:
    """Returns runs of one directory as a tree, each followed by its children.

    Siblings keep their order. A parent that is not among `runs` is added in front of
    its first child.
    """
    parents = {run.name: parent_name(run) for run in runs}
    runs_by_name = {run.name: run for run in runs}
    children: dict[str | None, list[str]] = {}
    for name, parent in parents.items():
        children.setdefault(_acyclic_parent(name, parents), []).append(name)
        if parent not in (None, *runs_by_name) and parent not in children.get(None, ()):
            children.setdefault(None, []).append(str(parent))
    return list(_walk(None, 0, children, runs_by_name))


def _walk(
    name: str | None,
    depth: int,
    children: dict[str | None, list[str]],
    runs_by_name: dict[str, Run],
) -> Iterator[TreeEntry]:
    for child in children.get(name, ()):
        yield TreeEntry(child, depth, runs_by_name.get(child))
        yield from _walk(child, depth + 1, children, runs_by_name)


def _acyclic_parent(name: str, parents: dict[str, str | None]) -> str | None:
    """Returns the parent of a run; None if its ancestors form a circle."""
    seen, ancestor = {name}, parents[name]
    while ancestor in parents:
        if ancestor in seen:
            return None
        seen.add(ancestor)
        ancestor = parents[ancestor]
    return parents[name]


def parent_name(run: Run) -> str | None:
    """Returns the name of the run that a run was fine-tuned from; None for none."""
    try:
        parent = run.receipt.get("parent")
    except RunError:  # the caller reports damaged runs
        return None
    return parent if isinstance(parent, str) else None
